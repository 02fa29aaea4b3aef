# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values are those of Ansible, and each is worked out once."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.worked_out import WorkedOut

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19 all texts are templates

    def trust_as_template(value: str) -> str:
        return value


def worked_out(**variables: Any) -> WorkedOut:
    return WorkedOut(Templar(loader=DataLoader(), variables=variables), variables)


def template(text: str) -> str:
    return trust_as_template(text)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("plain", "plain"),
        ([1, "two"], [1, "two"]),
        (template("{{ stages }}"), ["a", "b"]),
        (template("{{ stages | length + 1 }}"), 3),
        (
            {"names": template("{{ stages }}"), "first": template("{{ stages[0] }}")},
            {"names": ["a", "b"], "first": "a"},
        ),
        (template("{{ other }}"), ["a", "b"]),
    ],
)
def test_a_value_is_what_ansible_makes_of_it(raw: object, expected: object) -> None:
    values = worked_out(stages=["a", "b"], other=template("{{ stages }}"), asked=raw)
    assert values("asked") == expected


def test_what_others_read_is_worked_out_once() -> None:
    values = worked_out(
        base=template("{{ range(1000000000) | random }}"), one=template("{{ base + 0 }}"), two=template("{{ base }}")
    )
    assert values("base") == values("one") == values("two")


def test_texts_of_a_value_are_no_templates() -> None:
    values = worked_out(summary=template("{{ '{{' }} $labels.node }}"), rule=template("{{ {'text': summary} }}"))
    assert values("summary") == "{{ $labels.node }}"
    assert values("rule") == {"text": "{{ $labels.node }}"}


@pytest.mark.parametrize("raw", ["{{ missing }}", "{{ asked }}", "{{ other }}", "{{ 1 / 0 }}"])
def test_what_cannot_be_worked_out_fails_each_time(raw: str) -> None:
    values = worked_out(asked=template(raw), other=template("{{ asked }}"))
    for _time in range(2):
        with pytest.raises((AnsibleError, RecursionError)):
            values("asked")
