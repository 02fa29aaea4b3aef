# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which values are written, that none is lost or shown, and which are missing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.values import (
    Stored,
    ValueStep,
    check_values,
    find_missing,
    plan_value,
    values_result,
)

PATH = "ml/model-registry"
NAMES_ONLY = Stored(3, {"access-token": None, "nested": {"inner": None}})
NEW = {"access-token": "canary-1", "signing": "canary-2"}


@pytest.mark.parametrize(
    ("stored", "overwrite", "action", "data", "adds"),
    [
        (Stored(), False, "created", NEW, False),
        (Stored(2, None), False, "created", NEW, False),  # the latest version was deleted
        (NAMES_ONLY, False, "configured", {"signing": "canary-2"}, True),
        (Stored(3, {"access-token": "other"}), True, "configured", NEW, True),
        (Stored(3, {"access-token": "canary-1"}), True, "configured", {"signing": "canary-2"}, True),
        (Stored(3, {**NEW, "theirs": "x"}), True, "unchanged", {}, True),
        (Stored(3, {"access-token": None, "signing": None}), False, "unchanged", {}, True),
        (Stored(3, {}), False, "configured", NEW, True),
    ],
)
def test_only_what_is_not_there_or_differs_is_written(
    stored: Stored, overwrite: bool, action: str, data: dict[str, str], adds: bool
) -> None:
    step = plan_value(PATH, NEW, stored, overwrite)
    assert (step.action, step.data, step.version, step.adds) == (action, data, stored.version, adds)


def test_neither_result_nor_diff_nor_repr_has_a_value() -> None:
    steps = [plan_value(PATH, NEW, NAMES_ONLY, False), plan_value("ml/new", NEW, Stored(), False)]
    result = values_result(steps, [])
    assert "canary" not in f"{result}{steps}"
    assert result["diff"][0]["before"] == {"access-token": "<masked>", "nested": "<masked>"}
    assert result["diff"][0]["after"] == {
        "access-token": "<masked>",
        "nested": "<masked>",
        "signing": "<masked, new>",
    }
    assert result["objects"][0]["properties"] == ["signing"]


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"path": PATH, "property": "access-token"}, None),
        ({"path": PATH, "property": "nested.inner"}, None),
        ({"path": PATH, "property": ""}, None),
        ({"path": PATH, "property": "items.#(name==a)"}, None),  # a query, which only the operator can judge
        ({"path": PATH, "property": "new"}, None),  # is about to be written
        ({"path": "ml/unseen", "property": "any"}, None),
        ({"path": PATH, "property": "acces-token"}, "has no property acces-token (did you mean access-token?)"),
        ({"path": PATH, "property": "nested.other"}, "has no property nested.other"),
        ({"path": "ml/nothing", "property": "any"}, "nothing is at ml/nothing"),
        ({"path": "ml/nothing", "property": ""}, "nothing is at ml/nothing"),
        ({"path": "ml/deleted", "property": "any"}, "nothing is at ml/deleted"),
    ],
)
def test_what_is_missing_is_told(expected: dict[str, str], message: str | None) -> None:
    stored = {PATH: NAMES_ONLY, "ml/nothing": Stored(), "ml/deleted": Stored(4)}
    steps = [ValueStep(PATH, "configured", {"new": "x"})]
    found = find_missing([{**expected, "key": "token"}], stored, steps)
    assert len(found) == (message is not None)
    assert all(str(message) in item.message and "which key token of" in item.message for item in found)


def test_what_two_secrets_miss_is_told_once() -> None:
    item = {"path": "ml/nothing", "property": "any"}
    assert len(find_missing([item, item], {"ml/nothing": Stored()}, [])) == 1


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"/ml": NEW}, "values: '/ml' begins or ends with a slash"),
        ({PATH: "canary-3"}, f"values['{PATH}'] must be a mapping of properties"),
        ({PATH: {}}, f"values['{PATH}'] names no property"),
        ({PATH: {"port": 8443}}, f"values['{PATH}']: property port must be a string, and is of type int"),
        ({PATH: {"key": ["canary-3"]}}, f"values['{PATH}']: property key must be a string, and is a list"),
        ({PATH: {"key": None}}, f"values['{PATH}']: property key must be a string, and is null"),
        ({PATH: {"key": ""}}, f"values['{PATH}']: property key is empty"),
    ],
)
def test_wrong_values_are_refused_and_not_shown(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(HardeningError) as caught:
        check_values("secret", values, [])
    assert problem in caught.value.message
    assert "canary" not in caught.value.message and "8443" not in caught.value.message
