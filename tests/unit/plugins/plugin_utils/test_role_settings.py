# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with settings is said once, with the name of the variable, in a line."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.role_settings import (
    failed_plans,
    misspelt,
    wrong_values,
)

SPEC: dict[str, dict[str, Any]] = {
    "version": {"type": "str"},
    "file": {"type": "path"},
    "seconds": {"type": "int"},
    "force": {"type": "bool"},
    "state": {"type": "str", "choices": ["present", "absent"]},
    "names": {"type": "list", "elements": "str"},
    "image": {"type": "dict", "options": {"repository": {"type": "str", "required": True}, "tag": {"type": "str"}}},
    "taints": {"type": "list", "elements": "dict", "options": {"value": {"type": "str"}}},
    "node_selector": {"type": "dict"},
    "resources": {"type": "dict"},
    "max_unavailable": {"type": "raw"},
}


def problems(**variables: Any) -> list[str]:
    return wrong_values({"role": SPEC}, variables, variables.__getitem__)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("version", 1.4, "version: YAML reads this as 1.4"),
        ("version", True, "version: YAML reads this as true"),
        ("version", date(2026, 11, 28), "version: YAML reads this as 2026-11-28"),
        ("version", datetime(2026, 11, 28, 6, tzinfo=UTC), "version: YAML reads this as 2026-11-28 06:00:00"),
        ("file", False, "file: YAML reads this as false"),
        ("seconds", True, "seconds: YAML reads this as true, and a number is wanted"),
        ("names", ["a", 1.1], "names[1]: YAML reads this as 1.1"),
        ("image", {"repository": "a/b", "tag": 0.44}, "image.tag: YAML reads this as 0.44"),
        ("taints", [{"value": True}], "taints[0].value: YAML reads this as true"),
        ("node_selector", {"gpu": True}, "node_selector.gpu: YAML reads this as true"),
        ("max_unavailable", date(2026, 11, 28), "max_unavailable: YAML reads this as 2026-11-28"),
    ],
)
def test_what_yaml_read_as_something_else_is_refused(name: str, value: object, says: str) -> None:
    (problem,) = problems(**{name: value})
    assert problem.startswith(says)
    assert problem.endswith("(role role)")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", "1.40"),
        ("version", 35),
        ("seconds", 30),
        ("seconds", "30"),
        ("force", "yes"),
        ("resources", {"limits": {"cpu": 0.5, "memory": 1e9}}),
        ("max_unavailable", 0.1),
        ("node_selector", {"gpu": "true"}),
    ],
)
def test_what_means_one_thing_only_is_accepted(name: str, value: object) -> None:
    assert problems(**{name: value}) == []


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("force", "maybe", "force: must be true or false, not 'maybe' (role role)"),
        ("seconds", "soon", "seconds: must be a whole number, not 'soon' (role role)"),
        ("names", {"a": 1}, "names: must be a list, not a mapping (role role)"),
        ("image", [], "image: must be a mapping, not a list (role role)"),
        ("state", "gone", "state: must be one of: present, absent, got: gone (role role)"),
        ("state", "presnt", "state: must be one of: present, absent, got: presnt (did you mean present?) (role role)"),
    ],
)
def test_a_wrong_value_is_one_short_line(name: str, value: object, says: str) -> None:
    assert problems(**{name: value}) == [says]


def test_a_default_that_takes_over_a_wrong_value_is_not_named() -> None:
    variables = {"force": "maybe", "other_force": "{{ force }}", "third_force": "perhaps"}
    specs = {
        "first": {"force": {"type": "bool"}},
        "then": {n: {"type": "bool"} for n in ("other_force", "third_force")},
    }
    found = wrong_values(specs, variables, lambda name: variables[name].replace("{{ force }}", "maybe"))
    assert [problem.split(":")[0] for problem in found] == ["force", "third_force"]


def refuses(message: str) -> Any:
    """Works out a value whose filter refuses, as Ansible wraps it."""

    def value_of(_name: str) -> object:
        try:
            try:
                raise HardeningError(message)
            except HardeningError as error:
                raise AnsibleError(error.message) from None
        except AnsibleError as error:
            raise AnsibleError("The filter plugin failed.") from error

    return value_of


def test_what_a_plan_refuses_is_said_once_and_as_the_plan_says_it() -> None:
    message = "The stages are wrong (2 problems):\n- stages[0]: a\n- stages[1]: b"
    variables = {"version": "{{ x }}", "file": "{{ x }}", "__plan": "{{ x }}"}
    assert wrong_values({"role": SPEC}, variables, refuses(message)) == ["stages[0]: a", "stages[1]: b"]
    assert failed_plans(["__plan", "__of_no_role"], variables, refuses(message)) == ["stages[0]: a", "stages[1]: b"]


def test_a_variable_that_no_role_has_is_refused_if_it_looks_like_one_of_theirs() -> None:
    found = misspelt(["falco_aproved_images", "gpu_cluster_stage_x", "mine", "_falco_image"], ["falco_approved_images"])
    assert found[0] == "falco_aproved_images is no variable of any role; did you mean falco_approved_images?"
    assert found[1:] == ["gpu_cluster_stage_x is no variable of any role."]
