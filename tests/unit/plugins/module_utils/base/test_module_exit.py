# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what a module returns at its end, well or badly."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.module_exit import fail, succeed


class ModuleEndError(Exception):
    """What ended the module, with what it returned."""


class FakeModule:
    """Stands in for AnsibleModule."""

    def __init__(self, diff: bool) -> None:
        self._diff = diff
        self.params = {"host": "https://fake", "manifests": ["a secret"]}
        self.warned: list[str] = []

    def warn(self, text: str) -> None:
        self.warned.append(text)

    def exit_json(self, **result: Any) -> None:
        raise ModuleEndError(result)

    fail_json = exit_json


@pytest.mark.parametrize(("asked", "returned"), [(True, {"diff": ["d"]}), (False, {})])
def test_a_diff_is_returned_only_where_it_is_asked_for(asked: bool, returned: dict[str, Any]) -> None:
    arguments = {"invocation": {"module_args": {"host": "https://fake", "manifests": ["masked"]}}}
    with pytest.raises(ModuleEndError) as success:
        succeed(FakeModule(asked), {"changed": True, "diff": ["d"]}, manifests=["masked"])
    assert success.value.args[0] == {"changed": True, **returned, **arguments}
    error = HardeningError("half done", [{"name": "x"}], {"changed": True, "diff": ["d"]})
    with pytest.raises(ModuleEndError) as failure:
        fail(FakeModule(asked), error, manifests=["masked"])
    assert failure.value.args[0] == {
        "msg": "half done",
        "failures": [{"name": "x"}],
        "changed": True,
        **returned,
        **arguments,
    }


def test_every_warning_is_passed_on() -> None:
    module = FakeModule(diff=False)
    with pytest.raises(ModuleEndError):
        succeed(module, {}, ["one", "two"])
    assert module.warned == ["one", "two"]
