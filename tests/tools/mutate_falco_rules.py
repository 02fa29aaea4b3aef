#!/usr/bin/env python3
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes each comparison of each Falco rule out, once as always true and once as never, and says which no event misses.

The events are those written by hand in tests/unit/falco/test_ml_rules.py and those of both recordings. Run it from the
checkout: .venv/bin/python tests/tools/mutate_falco_rules.py [-v]
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / ".build" / "collections"))

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.evaluation import holds  # noqa: E402
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.resolution import (  # noqa: E402
    resolved_condition,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.syntax import (  # noqa: E402
    And,
    Check,
    Condition,
    Not,
    Or,
)

ALWAYS, NEVER = And((), 0), Or((), 0)


def table(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, CHECKOUT / "tests" / "unit" / "falco" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def mutants(condition: Condition) -> Iterator[tuple[Check, str, Condition]]:
    """The condition with one check taken out, for each check, both ways."""
    if isinstance(condition, Check):
        yield condition, "true", ALWAYS
        yield condition, "never", NEVER
    elif isinstance(condition, Not):
        for check, way, inner in mutants(condition.operand):
            yield check, way, replace(condition, operand=inner)
    elif isinstance(condition, And | Or):
        for number, operand in enumerate(condition.operands):
            for check, way, inner in mutants(operand):
                others = (*condition.operands[:number], inner, *condition.operands[number + 1 :])
                yield check, way, replace(condition, operands=others)


def main() -> None:
    rules, more, recorded = (table(name) for name in ("test_ml_rules", "test_ml_rules_alternatives", "test_recorded"))
    tables = (rules.FIRES, rules.SILENT, more.FIRES, more.SILENT)
    written: list[Any] = [event for table_ in tables for _rule, _what, event in table_]
    events = written + [event for of in recorded.EVENTS.values() for event in of]
    total = alive = 0
    for name, rule in rules.RULE_SET.rules.items():
        condition = resolved_condition(rules.RULE_SET, rule)
        # Of the recorded events those count that the rule is about; the others are near misses by hand.
        near = [(event, True) for event in events if holds(condition, event)]
        near += [(event, False) for event in written if not holds(condition, event)]
        survivors = []
        for check, way, mutant in mutants(condition):
            total += 1
            if all(holds(mutant, event) is held for event, held in near):
                survivors.append(f"{check.field.key} {check.operator} {[v.text for v in check.values][:3]} -> {way}")
        alive += len(survivors)
        print(f"{name}: {len(survivors)} alive")
        if "-v" in sys.argv:
            print("\n".join(f"    {one}" for one in survivors))
    print(f"{total - alive} of {total} mutants are noticed ({100 * (total - alive) / total:.0f} %)")


if __name__ == "__main__":
    main()
