# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what a door answers, well or badly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call, Door, answer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

OPTIONS = {"host": {"type": "str"}, "manifests": {"type": "list"}}
INVOCATION = {"invocation": {"module_args": {"host": "https://fake", "manifests": ["masked"]}}}


def door(result: Mapping[str, Any] | HardeningError, warnings: Sequence[str] = ()) -> Door:
    def work(call: Call) -> tuple[Mapping[str, Any], Sequence[str]]:
        call.params["manifests"].append("what the work did to it")
        if isinstance(result, HardeningError):
            raise result
        return result, warnings

    return Door(OPTIONS, work, {"manifests": lambda manifests: ["masked"] * len(manifests)})


def call() -> Any:
    params = {"host": "https://fake", "manifests": ["a secret"]}
    return SimpleNamespace(params=params, check_mode=False, no_log_values=set())


@pytest.mark.parametrize(("asked", "returned"), [(True, {"diff": [{"prepared": "d"}]}), (False, {})])
def test_a_diff_is_returned_only_where_it_is_asked_for(asked: bool, returned: dict[str, Any]) -> None:
    done = {"changed": True, "diff": [{"prepared": "d"}]}
    assert answer(door(done), call(), asked) == ({"changed": True, **returned, **INVOCATION}, [])
    error = HardeningError("half done", [{"name": "x"}], {"changed": True, "diff": [{"prepared": "d"}]})
    failed = {"failed": True, "msg": "half done", "failures": [{"name": "x"}], "changed": True}
    assert answer(door(error), call(), asked) == ({**failed, **returned, **INVOCATION}, [])


def test_every_warning_is_passed_on_once() -> None:
    assert answer(door({}, ["one", "two", "one"]), call(), False)[1] == ["one", "two"]


@pytest.mark.parametrize(
    ("params", "shown"),
    [({"manifests": "no list"}, {"manifests": "<masked>"}), ({"host": "h"}, {"host": "h"}), ({}, {})],
)
def test_options_that_are_refused_hide_what_may_be_a_secret(params: dict[str, Any], shown: dict[str, Any]) -> None:
    assert door({}).refused_invocation(params) == {"module_args": shown}
