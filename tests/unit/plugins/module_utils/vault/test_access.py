# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How steps are taken: rights first, then writes, and what is told if one of them fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.access import take_steps
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.answers import VaultError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.plan import Step

STEPS = [
    Step("KVMount", "secret", "unchanged", "sys/mounts/secret"),
    Step("Policy", "a", "created", "sys/policies/acl/a", {"policy": "x"}, None, {"policy": "x"}),
    Step("Role", "b", "deleted", "auth/k/role/b", None, {}, None, ("delete",)),
]


class FakeVault:
    """Remembers what it is asked; refuses paths with ``refused`` in them."""

    def __init__(self, refused: str = "nothing") -> None:
        self.refused = refused
        self.asked: list[tuple[str, str]] = []

    def require_capabilities(self, wanted: Mapping[str, Sequence[str]]) -> None:
        self.asked += [("MAY", path) for path in wanted]

    def request(self, method: str, path: str, _body: Any) -> None:
        self.asked.append((method, path))
        if self.refused in path:
            raise VaultError(400, ["no"], path, "Vault refuses it")


RIGHTS = [("MAY", "sys/policies/acl/a"), ("MAY", "auth/k/role/b")]


@pytest.mark.parametrize(
    ("check_mode", "writes"), [(True, []), (False, [("POST", "sys/policies/acl/a"), ("DELETE", "auth/k/role/b")])]
)
def test_rights_are_asked_for_before_the_first_write(check_mode: bool, writes: list[tuple[str, str]]) -> None:
    vault = FakeVault()
    result = take_steps(vault, STEPS, check_mode)  # type: ignore[arg-type]
    assert vault.asked == RIGHTS + writes
    assert result["counts"] == {"unchanged": 1, "created": 1, "deleted": 1}


def test_a_write_that_fails_ends_it_and_what_was_done_is_told() -> None:
    with pytest.raises(HardeningError) as caught:
        take_steps(FakeVault("role/b"), STEPS, False)  # type: ignore[arg-type]
    assert caught.value.message == "Role b: Vault refuses it Before that: Policy a created."
    assert caught.value.partial["changed"] is True
    assert [item["name"] for item in caught.value.partial["objects"]] == ["a"]


def test_if_the_first_write_fails_nothing_was_changed() -> None:
    vault = FakeVault("acl/a")
    with pytest.raises(HardeningError) as caught:
        take_steps(vault, STEPS, False)  # type: ignore[arg-type]
    assert caught.value.partial == {}
    assert ("DELETE", "auth/k/role/b") not in vault.asked
