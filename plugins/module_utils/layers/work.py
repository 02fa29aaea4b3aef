# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the parameters of the module ``layer`` to its result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api import (
    pod_security,
    policy_rehearsal,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.apply import unready_remarks
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import connect
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest, parse_manifests
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.prepare import ApplyOptions
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.results import module_result
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.server_side_apply import Ownership
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.wait import (
    Tell,
    tell_nobody,
    wait_seconds,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call, teller
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import (
    Layer,
    read_layer,
    untouched_member,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.reconcile import (
    LayerOptions,
    LayerOutcome,
    reconcile,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.render import render, write
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.requirements import require

Result = tuple[dict[str, Any], list[str]]
Step = Callable[[], tuple[Mapping[str, Any], Sequence[str]]]


def work_layer(call: Call) -> Result:
    """Reconcile or render a layer; returns the module's result and warnings.

    Raises:
        HardeningError: something is wrong with the parameters, or the server refuses something.
    """
    params, check = call.params, call.check_mode
    layer = read_layer(params["name"], params["parent_namespace"])
    manifests = parse_manifests(params["manifests"])
    if params["render_to"]:
        return _render(layer, manifests, params, check)
    client = connect(params)
    present = params["state"] == "present"
    lacking = require(client, params["requires"], manifests, check) if present else []
    on_violation = params["on_violation"]
    found: list[pod_security.Violation] = []
    rehearsal = policy_rehearsal.Rehearsal()
    reviews = (
        pod_security.reviewer(on_violation, found),
        policy_rehearsal.reviewer(client, on_violation, check, rehearsal),
    )
    outcome = reconcile(
        client,
        layer,
        manifests,
        layer_options(params, check, teller(call)),
        reviews if present else (),
        [untouched_member(entry, index) for index, entry in enumerate(params["keep"])] if present else [],
    )
    warnings = pod_security.remarks(outcome.outcome, found, on_violation) + policy_rehearsal.remarks(rehearsal)
    seen = {
        "violations": [pod_security.describe(violation) for violation in found],
        "refused": [asdict(refusal) for refusal in rehearsal.refused],
    }
    if params["wait"]:
        warnings += unready_remarks(outcome.outcome)
    return {**layer_result(outcome), **seen}, [*warnings, *lacking]


def layer_options(params: Mapping[str, Any], check: bool, tell: Tell = tell_nobody) -> LayerOptions:
    """How the parameters say that a layer is applied."""
    return LayerOptions(
        ApplyOptions(
            Ownership(params["field_manager"], params["force"]),
            check,
            wait_seconds(params),
            rehearse=params["rehearse"],
            existing=params["existing"],
            replaceable=frozenset(params["replace"]),
            tell=tell,
        ),
        present=params["state"] == "present",
        purge=params["purge"] and params["state"] == "absent",
        delete_namespaces=params["delete_namespaces"],
        delete_crds=params["delete_crds"],
        delete_claims=params["delete_claims"],
    )


def layer_result(outcome: LayerOutcome) -> dict[str, Any]:
    """What the module returns of an outcome."""
    result = module_result(outcome.outcome)
    return {
        **result,
        "changed": result["changed"] or outcome.remembered,
        "revision": {"number": outcome.revision, "new": outcome.recorded},
    }


def in_turn(steps: Iterable[tuple[Layer, Step]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Do something to one layer after the other; returns their results, each with its ``name``, and all warnings.

    Raises:
        HardeningError: of the first that fails. It says which, and carries what was done.
    """
    done: list[dict[str, Any]] = []
    warnings: list[str] = []
    for layer, step in steps:
        try:
            result, remarks = step()
        except HardeningError as error:
            partial = joined([*done, {**error.partial, "name": layer.name}])
            raise HardeningError(f"Layer {layer.name}: {error.message}", error.failures, partial) from error
        done.append({**result, "name": layer.name})
        warnings += remarks
    return done, warnings


def joined(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One result of several layers, each with its ``name``."""
    return {
        "changed": any(result.get("changed") for result in results),
        "layers": [{key: value for key, value in result.items() if key != "diff"} for result in results],
        "diff": [entry for result in results for entry in result.get("diff", [])],
    }


def _render(layer: Layer, manifests: list[Manifest], params: Mapping[str, Any], check: bool) -> Result:
    target = Path(params["render_to"]) / layer.name
    members = manifests if params["state"] == "present" else []
    files, secrets = render(layer, members, params["field_manager"])
    diffs = write(target, files if members else {}, check)
    warnings = [f"Left out of {target}, as it has values: Secret {name}" for name in secrets]
    return {"changed": bool(diffs), "files": str(target), "diff": diffs}, warnings
