# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes CustomResourceDefinitions out of a file. For plugins of the controller, which always has PyYAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.safe_yaml import safe_loader

CRD = "CustomResourceDefinition"


def take_crds(text: str, kinds: Sequence[Mapping[str, str]], source: str) -> list[dict[str, Any]]:
    """The CustomResourceDefinitions that serve some kinds, ready to be applied.

    A conversion webhook is left out: what serves it may never be there, and then the API server could read no object.

    Args:
        text: the YAML of the file.
        kinds: ``{api_version, kind}`` of each.
        source: where the text is from, for messages.

    Raises:
        HardeningError: the text is not YAML, or a kind is not served by any of its CustomResourceDefinitions.
    """
    known = {(crd["spec"]["group"], crd["spec"]["names"]["kind"]): crd for crd in _crds(text, source)}
    problems = []
    taken = []
    for wanted in kinds:
        group, _slash, version = wanted["api_version"].rpartition("/")
        crd = known.get((group, wanted["kind"]))
        if crd is None:
            problems.append(f"it has no {CRD} of {wanted['kind']} in {group}")
        elif version not in (served := _served(crd)):
            problems.append(f"it serves {wanted['kind']} as {', '.join(served) or 'nothing'}, not as {version}")
        else:
            taken.append(_without_conversion(crd))
    if problems:
        raise HardeningError(join_failures(f"The file {source} is not what is needed", problems))
    return taken


def _crds(text: str, source: str) -> list[dict[str, Any]]:
    try:
        documents = list(yaml.load_all(text, Loader=safe_loader()))
    except (yaml.YAMLError, RecursionError) as error:
        raise HardeningError(f"The file {source} is not YAML: {error}.") from None
    crds = [item for item in documents if isinstance(item, dict) and item.get("kind") == CRD]
    if not crds or not all(_is_whole(crd) for crd in crds):
        raise HardeningError(f"The file {source} has no {CRD}s of apiextensions.k8s.io/v1 in it.")
    return crds


def _is_whole(crd: Mapping[str, Any]) -> bool:
    try:
        return bool(
            crd["apiVersion"] == "apiextensions.k8s.io/v1"
            and crd["spec"]["group"]
            and crd["spec"]["names"]["kind"]
            and crd["spec"]["versions"][0]["name"]
        )
    except (KeyError, IndexError, TypeError):
        return False


def _served(crd: Mapping[str, Any]) -> list[str]:
    return [version["name"] for version in crd["spec"]["versions"] if version.get("served")]


def _without_conversion(crd: Mapping[str, Any]) -> dict[str, Any]:
    spec = {key: value for key, value in crd["spec"].items() if key != "conversion"}
    # What generators of manifests leave behind, and a server would refuse or ignore.
    metadata = {key: value for key, value in crd["metadata"].items() if key != "creationTimestamp"}
    return {"apiVersion": crd["apiVersion"], "kind": CRD, "metadata": metadata, "spec": spec}
