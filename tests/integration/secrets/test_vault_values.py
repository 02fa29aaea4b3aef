# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that vault_secrets loses no value in a real Vault, shows none, and tells what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.client import Answer, VaultClient
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.connection import VaultSettings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.kv import Wanted, write_values
from vault_server import VaultServer
from vault_side import VaultSide, vault_side

REGISTRY = "ml/model-registry"
VALUES = {
    REGISTRY: {"access-token": "canary-token"},
    "ml/model-signing": {"private-key": "canary-line-1\ncanary-line-2\n"},
}
EXPECTED = [
    {"path": REGISTRY, "property": "access-token", "key": "registry-token"},
    {"path": "ml/model-signing", "property": "private-key", "key": "signing-key"},
]


@pytest.fixture
def side(vault: VaultServer, tmp_path: Path) -> VaultSide:
    """A side with an empty KV engine."""
    own = vault_side(vault, tmp_path)
    vault.enable_kv(own.kv)
    return own


def stored(side: VaultSide, path: str = REGISTRY) -> tuple[dict[str, Any], int]:
    """What is at a path, and its version."""
    found = side.vault.get(side.kv, path)
    return found["data"], found["metadata"]["version"]


def test_values_are_written_once_and_a_second_run_writes_nothing(side: VaultSide) -> None:
    assert side.secrets(values=VALUES)["counts"] == {"created": 2}
    assert stored(side) == (VALUES[REGISTRY], 1)
    assert stored(side, "ml/model-signing") == (VALUES["ml/model-signing"], 1)
    audit = side.vault.audit
    result = side.secrets(values=VALUES)
    assert not result["changed"] and result["counts"] == {"unchanged": 2}
    assert audit.writes == []


def test_a_value_that_was_rotated_is_kept_and_a_new_property_joins_it(side: VaultSide) -> None:
    side.vault.request(
        "POST", f"{side.kv}/data/{REGISTRY}", {"data": {"access-token": "rotated", "port": 8443, "a": {"b": 1.5}}}
    )
    result = side.secrets(values={REGISTRY: {"access-token": "canary", "user": "robot"}})
    assert result["objects"] == [{"path": REGISTRY, "action": "configured", "properties": ["user"], "verified": True}]
    assert stored(side) == ({"access-token": "rotated", "port": 8443, "a": {"b": 1.5}, "user": "robot"}, 2)


def test_without_overwrite_no_value_is_read(side: VaultSide) -> None:
    side.vault.put(side.kv, REGISTRY, **{"access-token": "rotated"})
    audit = side.vault.audit
    side.secrets(values={REGISTRY: {"user": "robot"}}, expected=EXPECTED)
    reads = {request.path for request in audit.requests() if request.operation == "read"}
    assert f"{side.kv}/subkeys/{REGISTRY}" in reads
    assert not any("/data/" in path for path in reads)


def test_overwrite_replaces_what_differs_and_leaves_the_rest(side: VaultSide) -> None:
    side.vault.put(side.kv, REGISTRY, **{"access-token": "old", "user": "robot", "theirs": "kept"})
    values = {REGISTRY: {"access-token": "new", "user": "robot"}}
    result = side.secrets(values=values, overwrite=True)
    assert result["objects"][0]["properties"] == ["access-token"]
    assert stored(side) == ({"access-token": "new", "user": "robot", "theirs": "kept"}, 2)
    audit = side.vault.audit
    assert not side.secrets(values=values, overwrite=True)["changed"] and audit.writes == []


def test_what_was_deleted_is_written_anew_and_can_still_be_brought_back(side: VaultSide) -> None:
    side.vault.put(side.kv, REGISTRY, **{"access-token": "old"})
    side.vault.request("DELETE", f"{side.kv}/data/{REGISTRY}")
    assert side.secrets(values=VALUES)["counts"] == {"created": 2}
    assert stored(side) == (VALUES[REGISTRY], 2)
    side.vault.request("POST", f"{side.kv}/undelete/{REGISTRY}", {"versions": [1]})
    assert side.vault.request("GET", f"{side.kv}/data/{REGISTRY}?version=1")["data"]["data"] == {"access-token": "old"}


def test_check_mode_says_what_the_run_then_does_and_writes_nothing(side: VaultSide) -> None:
    side.vault.put(side.kv, REGISTRY, **{"access-token": "rotated"})
    audit = side.vault.audit
    foretold = side.secrets(check=True, values=VALUES, expected=EXPECTED)
    assert audit.writes == []
    done = side.secrets(values=VALUES, expected=EXPECTED)
    assert done["counts"] == {"unchanged": 1, "created": 1}
    assert (foretold["objects"], foretold["diff"]) == (done["objects"], done["diff"])


def test_before_the_mount_is_there_check_mode_foretells_and_the_run_fails(vault: VaultServer, tmp_path: Path) -> None:
    side = vault_side(vault, tmp_path)
    foretold = side.secrets(check=True, values=VALUES)
    assert {(one["action"], one["verified"]) for one in foretold["objects"]} == {("created", False)}
    assert (
        f"There is no KV engine at {side.kv}. The module vault_access makes one"
        in side.refused_secrets(values=VALUES)["msg"]
    )


def test_a_kv_engine_of_version_1_is_refused(vault: VaultServer, tmp_path: Path) -> None:
    side = vault_side(vault, tmp_path)
    vault.enable_kv(side.kv, version=1)
    audit = vault.audit
    for check in (True, False):
        assert f"{side.kv} is a KV engine of version 1" in side.refused_secrets(check, values=VALUES)["msg"]
    assert audit.writes == []


class Rivalled(VaultClient):
    """Lets somebody else write just before each of its own writes, as often as is said."""

    side: VaultSide
    rivals: int

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = "application/json"
    ) -> Answer:
        if "/data/" in path and method in ("POST", "PATCH") and self.rivals:
            self.rivals -= 1
            known = (self.side.get(path) or {}).get("data", {})
            self.side.vault.request("POST", path, {"data": {**known, f"rival-{self.rivals}": "kept"}})
        return super().request(method, path, body, content_type)


@pytest.mark.parametrize("there_before", [{}, {"old": "kept"}])
@pytest.mark.parametrize("rivals", [1, 4])
def test_what_others_write_at_the_same_moment_is_kept(
    side: VaultSide, there_before: dict[str, str], rivals: int
) -> None:
    if there_before:
        side.vault.put(side.kv, REGISTRY, **there_before)
    client = Rivalled(VaultSettings(side.vault.url, verify=str(side.vault.ca_cert)), side.vault.root_token)
    client.side, client.rivals = side, rivals
    result, _warnings = write_values(client, Wanted(side.kv, {REGISTRY: {"user": "robot"}}), check_mode=False)
    assert result["objects"][0]["action"] == "configured"
    assert stored(side)[0] == {**there_before, **{f"rival-{index}": "kept" for index in range(rivals)}, "user": "robot"}


def test_what_others_write_first_is_not_overwritten(side: VaultSide) -> None:
    client = Rivalled(VaultSettings(side.vault.url, verify=str(side.vault.ca_cert)), side.vault.root_token)
    client.side, client.rivals = side, 1
    result, _warnings = write_values(client, Wanted(side.kv, {REGISTRY: {"rival-0": "ours"}}), check_mode=False)
    assert result["objects"][0]["action"] == "unchanged"
    assert stored(side) == ({"rival-0": "kept"}, 1)


@pytest.mark.parametrize("check", [True, False])
def test_all_that_is_missing_is_told_as_a_warning_or_before_anything_is_written(side: VaultSide, check: bool) -> None:
    side.vault.put(side.kv, "ml/model-signing", **{"privat-key": "x"})
    first, second = (
        f"nothing is at {REGISTRY}, which key registry-token of a stage's Secret needs",
        "ml/model-signing has no property private-key (did you mean privat-key?), which key signing-key of a stage's",
    )
    warned = side.secrets(check, expected=EXPECTED)
    assert warned["missing"] == [{key: item[key] for key in ("path", "property")} for item in EXPECTED]
    warning = str(warned["warnings"])
    assert f"below {side.kv} (2 problems)" in warning and first in warning and second in warning

    audit = side.vault.audit
    failed = side.refused_secrets(check, expected=EXPECTED, missing="fail", values={"ml/other": {"a": "b"}})
    assert "and nothing was written" in failed["msg"] and first in failed["msg"] and second in failed["msg"]
    assert audit.writes == []
    assert "warnings" not in side.secrets(check, expected=EXPECTED, missing="ignore")


def test_what_is_about_to_be_written_is_not_missing(side: VaultSide) -> None:
    assert side.secrets(values=VALUES, expected=EXPECTED, missing="fail")["missing"] == []


def test_paths_that_the_token_may_not_look_at_are_named(side: VaultSide) -> None:
    token = side.token(f'path "{side.kv}/subkeys/ml/model-signing" {{ capabilities = ["read"] }}')
    result = side.secrets(token=token, expected=EXPECTED)
    assert result["missing"] == [{"path": "ml/model-signing", "property": "private-key"}]
    assert f"The token may not read {side.kv}/subkeys/{REGISTRY}, so" in str(result["warnings"])


@pytest.mark.parametrize("check", [True, False])
def test_rights_that_are_missing_are_told_before_anything_is_written(side: VaultSide, check: bool) -> None:
    side.vault.put(side.kv, REGISTRY, **{"access-token": "old"})
    read_only = side.token('path "*" { capabilities = ["read", "list"] }')
    nothing = side.token('path "x" { capabilities = ["read"] }')
    audit = side.vault.audit
    message = side.refused_secrets(check, token=read_only, values={**VALUES, REGISTRY: {"new": "x"}})["msg"]
    assert f"{side.kv}/data/{REGISTRY}: the token of Vault {side.vault.url} lacks the capability patch there" in message
    assert (
        f"{side.kv}/data/ml/model-signing: the token of Vault" in message and "lacks the capability create" in message
    )
    assert "lacks the capability read there" in side.refused_secrets(check, token=nothing, values=VALUES)["msg"]
    assert audit.writes == []


def test_no_result_has_a_value(side: VaultSide) -> None:
    results = [
        side.secrets(check=True, values=VALUES),
        side.secrets(values=VALUES),
        side.secrets(values={REGISTRY: {"access-token": "canary-2"}}, overwrite=True),
        side.refused_secrets(values={REGISTRY: {"access-token": ["canary-3"]}}),
        side.refused_secrets(values=VALUES, token="canary-4"),
    ]
    assert stored(side)[0] == {"access-token": "canary-2"}
    assert "canary" not in str(results)
    assert all(result["invocation"]["module_args"]["values"] == "<masked>" for result in results)
