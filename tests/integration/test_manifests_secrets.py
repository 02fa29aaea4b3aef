# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that a Secret's values are nowhere in what the modules and Ansible print, on success and on every error."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import yaml
from module_runs import ModuleRunner, PlaybookRunner, result_of
from sample_manifests import config_map, secret
from sandbox_access import Kubectl

CANARY = "canary-7f3a9c51"
ENCODED = base64.b64encode(CANARY.encode()).decode()


def shows_canary(text: str) -> bool:
    return CANARY in text or ENCODED in text or ENCODED.rstrip("=") in text


def secret_with(namespace: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": namespace}, **fields}


def bad_secrets(namespace: str) -> dict[str, list[Any]]:
    """Inputs that fail in different places, each with the canary in it."""
    good = secret(namespace, "s", password=CANARY)
    return {
        "name that the server refuses": [secret(namespace, "Not_Valid", password=CANARY)],
        "data that is not base64": [secret_with(namespace, data={"password": f"{CANARY}!"})],
        "number in data": [secret_with(namespace, data={"password": [CANARY]})],
        "number in stringData": [secret_with(namespace, stringData={"password": [CANARY]})],
        "stringData that is a string": [secret_with(namespace, stringData=CANARY)],
        "data that is a string": [secret_with(namespace, data=CANARY)],
        "data that is a string beside stringData": [secret_with(namespace, data=CANARY, stringData={"a": CANARY})],
        "value as key": [secret_with(namespace, stringData={"no such key !": CANARY})],
        "kind in small letters": [{**good, "kind": "secret"}],
        "no kind": [{**good, "kind": None}],
        "unknown field": [secret_with(namespace, stringDatas={"password": CANARY})],
        "a twin": [good, good],
        "type that needs other keys": [secret_with(namespace, type="kubernetes.io/tls", data={"tls.crt": ENCODED})],
        "missing namespace": [secret(f"{namespace}-none", "s", password=CANARY)],
        "no name": [{"apiVersion": "v1", "kind": "Secret", "stringData": {"password": CANARY}, "metadata": {}}],
        "no apiVersion": [{"kind": "Secret", "metadata": {"name": "s"}, "stringData": {"password": CANARY}}],
        "metadata that is a string": [{"apiVersion": "v1", "kind": "Secret", "metadata": "s", "data": {"p": ENCODED}}],
        "text instead of a mapping": [json.dumps(good)],
        "an unserved kind beside it": [good, {"apiVersion": "x.example/v1", "kind": "X", "metadata": {"name": "x"}}],
        "a list with a bad item": [{"apiVersion": "v1", "kind": "List", "items": [good, {"kind": "Secret"}]}],
        "a list of another kind": [{"apiVersion": "v1", "kind": "SecretList", "items": [{**good, "kind": "X"}]}],
    }


@pytest.mark.parametrize("case", sorted(bad_secrets("x")))
def test_no_error_shows_a_value(run_module: ModuleRunner, namespace: str, kubectl: Kubectl, case: str) -> None:
    result = run_module.failing("manifests", manifests=bad_secrets(namespace)[case])
    assert not shows_canary(json.dumps(result)), result["msg"]
    assert kubectl.get("secret", "s", namespace) is None


def test_results_and_diffs_show_which_values_change_but_no_value(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl
) -> None:
    def run(check: bool = False, **values: str) -> dict[str, Any]:
        process = run_module.start("manifests", check, manifests=[secret(namespace, "s", **values)])
        code, result = result_of(process)
        assert code == 0
        assert not shows_canary(json.dumps(result))
        return result

    run(password=CANARY, user="gpu")
    assert kubectl.get("secret", "s", namespace)["data"]["password"] == ENCODED
    for check in (True, False):
        (diff,) = run(check, password=f"{CANARY}-new", user="gpu", added=CANARY)["diff"]
        assert yaml.safe_load(diff["before"])["data"] == {"password": "<masked>", "user": "<masked>"}
        assert yaml.safe_load(diff["after"])["data"] == {
            "password": "<masked, changed>",
            "user": "<masked>",
            "added": "<masked, changed>",
        }
    removed = run_module("manifests", state="absent", manifests=[secret(namespace, "s", password=CANARY)])
    assert removed["counts"] == {"deleted": 1}
    assert not shows_canary(json.dumps(removed))


def test_a_copy_that_kubectl_keeps_in_an_annotation_is_not_shown(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl
) -> None:
    kubectl("apply", stdin=secret(namespace, "s", password=CANARY))
    result = run_module("manifests", manifests=[secret(namespace, "s", extra="x")])
    assert result["counts"] == {"configured": 1}
    assert not shows_canary(json.dumps(result))


def test_a_value_in_a_conflict_is_not_shown(run_module: ModuleRunner, namespace: str, kubectl: Kubectl) -> None:
    kubectl("apply", "--server-side", "--field-manager=vault", stdin=secret_with(namespace, data={"password": ENCODED}))
    failed = run_module.failing("manifests", manifests=[secret(namespace, "s", password=f"{CANARY}-ours")])
    assert '"vault"' in failed["msg"]
    assert not shows_canary(json.dumps(failed))


@pytest.mark.parametrize("outcome", ["success", "failure"])
def test_ansible_at_its_most_verbose_shows_no_value(
    play: PlaybookRunner, namespace: str, kubectl: Kubectl, outcome: str
) -> None:
    name = "s" if outcome == "success" else "Not_Valid"
    manifests = [secret(namespace, name, password=CANARY), config_map(namespace, "beside")]
    task = {"gpu_cluster.hardening.manifests": {"manifests": manifests}}
    done = play([task], "-vvvv", "--diff")
    assert (done.returncode == 0) == (outcome == "success"), done.stdout + done.stderr
    assert not shows_canary(done.stdout + done.stderr)
    assert "Secret" in done.stdout
    assert (kubectl.get("secret", "s", namespace) is not None) == (outcome == "success")
