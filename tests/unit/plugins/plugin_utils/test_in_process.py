# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that a door in Ansible's process gives the result that its module prints."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call, Door
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.in_process import call, plain

CHECKOUT = Path(__file__).resolve().parents[4]
MODULE = """
from test_in_process import DOOR
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import run_as_module
run_as_module(DOOR)
"""


def work(asked: Call) -> tuple[Mapping[str, Any], Sequence[str]]:
    """Tells what it was given, in types that JSON does not have."""
    from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

    params = asked.params
    if params["name"] == "fail":
        raise HardeningError(f"no such thing, {params['token']}", [{"why": params["token"]}], {"changed": True})
    asked.no_log_values.add("read-from-a-file")
    told = {
        "changed": asked.check_mode,
        "given": params["items"],
        "tuple": (1, 2),
        "text": "read-from-a-file",
        "keys": {3: None},
    }
    diff = [{"before": {"token": params["token"]}, "after": {"a": "b"}}]
    return {**told, "diff": diff}, ["careful", "careful", f"of {params['token']}"]


DOOR = Door(
    {
        "name": {"type": "str", "required": True, "choices": ["succeed", "fail"]},
        "token": {"type": "str", "no_log": True, "aliases": ["secret"]},
        "items": {"type": "list", "elements": "dict", "options": {"count": {"type": "int", "default": 1}}},
        "manifests": {"type": "list", "elements": "raw"},
        "old": {"type": "str", "removed_in_version": "9.0.0", "removed_from_collection": "gpu_cluster.hardening"},
    },
    work,
    {"manifests": len},
    {"required_together": [("token", "items")]},
)

CALLS: dict[str, dict[str, Any]] = {
    "success": {"name": "succeed", "token": "s3cret", "items": [{"count": "7"}, {}]},
    "failure": {"name": "fail", "token": "s3cret", "items": []},
    "a secret in the answer": {"name": "succeed", "token": "text", "items": []},
    "hidden": {"name": "succeed", "manifests": [{"kind": "Secret", "stringData": {"a": "b"}}]},
    "nothing": {},
    "a wrong choice": {"name": "other"},
    "a wrong type": {"name": "succeed", "token": "s3cret", "items": [{"count": "s3cret"}]},
    "an unknown option": {"name": "succeed", "nmae": "x", "manifests": "s3cret"},
    "an unknown option of an item": {"name": "succeed", "token": "s3cret", "items": [{"cuont": 1}]},
    "a rule that is broken": {"name": "succeed", "token": "s3cret"},
    "an alias beside its option": {"name": "succeed", "token": "s3cret", "secret": "s3cret", "items": []},
    "a deprecated option": {"name": "succeed", "old": "x"},
}


def as_module(arguments: Mapping[str, Any]) -> dict[str, Any]:
    sent = {**arguments, "_ansible_check_mode": True, "_ansible_diff": True, "_ansible_module_name": "x.y.z"}
    done = subprocess.run(
        [sys.executable, "-c", MODULE],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": sent}),
        env={"PYTHONPATH": f"{CHECKOUT / '.build' / 'collections'}:{Path(__file__).parent}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("name", CALLS)
def test_the_result_is_that_of_the_module(name: str) -> None:
    result = call(DOOR, CALLS[name], True, True, "x.y.z")
    assert "s3cret" not in json.dumps(result)
    # A module that Ansible did not start prints these two instead.
    shown = {key: value for key, value in result.items() if key not in ("warnings", "deprecations")}
    assert {"failed": False, **shown} == {"failed": False, **as_module(CALLS[name])}


@pytest.mark.parametrize(
    ("name", "warnings"),
    [
        ("success", ["careful", "of ********"]),
        (
            "an alias beside its option",
            ["Both option token and its alias secret are set.", "careful", "of ********"],
        ),
        ("failure", None),
    ],
)
def test_warnings_are_those_of_the_options_and_of_the_door(name: str, warnings: list[str] | None) -> None:
    assert call(DOOR, CALLS[name], False, False, "x.y.z").get("warnings") == warnings


def test_a_deprecated_option_is_told_as_a_module_does() -> None:
    told = "Param 'old' is deprecated. See the module docs for more information"
    deprecation = {"msg": told, "version": "9.0.0", "collection_name": "gpu_cluster.hardening"}
    assert call(DOOR, CALLS["a deprecated option"], False, False, "x.y.z")["deprecations"] == [deprecation]


def test_arguments_are_as_json_carries_them() -> None:
    odd = {"day": date(2026, 1, 2), "set": {1}, "tuple": (1, 2), "bytes": b"x", "mapping": {5: "five"}}
    assert plain(odd) == {"day": "2026-01-02", "set": [1], "tuple": [1, 2], "bytes": "x", "mapping": {"5": "five"}}
