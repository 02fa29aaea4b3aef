# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes each comparison of each Falco rule out, once as always true and once as never, and says which no event misses.

The events are those written by hand in tests/unit/falco/test_ml_rules*.py, the recorded ones, and those of the first
unseen set.
Run it from the checkout: .venv/bin/python tests/tools/mutate_falco_rules.py [-v]
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

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
    checks,
)

ALWAYS, NEVER = And((), 0), Or((), 0)


def table(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, CHECKOUT / "tests" / "unit" / "falco" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def mutants(condition: Condition) -> Iterator[tuple[Check, str, Condition]]:
    """The condition without one check, wherever it stands, for each check, both ways."""
    for check in dict.fromkeys(checks(condition)):
        yield check, "true", without(condition, check, ALWAYS)
        yield check, "never", without(condition, check, NEVER)


def without(condition: Condition, check: Check, instead: Condition) -> Condition:
    """The condition with something instead of a check."""
    if isinstance(condition, Not):
        return replace(condition, operand=without(condition.operand, check, instead))
    if isinstance(condition, And | Or):
        return replace(condition, operands=tuple(without(one, check, instead) for one in condition.operands))
    return instead if condition == check else condition


def main() -> None:
    rules, *more = (table(f"test_ml_rules{part}") for part in ("", "_alternatives", "_kin", "_comparisons"))
    tables = [cases for one in (rules, *more) for cases in (one.FIRES, one.SILENT)]
    recorded_events = [event for of in table("test_recorded").EVENTS.values() for event in of]
    recorded_events += [event for case in table("test_unseen").FIRST for event in case.events]
    noticed: dict[tuple[Check, str], bool] = {}
    where: dict[tuple[Check, str], str] = {}
    for name, rule in rules.RULE_SET.rules.items():
        condition = resolved_condition(rules.RULE_SET, rule)
        written = [event for one in tables for rule_name, _what, event in one if rule_name == name]
        # The tests also try each firing event outside of containers, and as an event of another type.
        fired = [event for one in tables[::2] for rule_name, _what, event in one if rule_name == name]
        written += [other for event in fired for other in (rules.on_host(event), {**event, "evt.type": "close"})]
        near = [(event, holds(condition, event)) for event in (*written, *recorded_events)]
        for check, way, mutant in mutants(condition):
            # A comparison in a macro is the same one in every rule that uses the macro.
            if not noticed.get((check, way)):
                noticed[check, way] = any(holds(mutant, event) is not held for event, held in near)
                where[check, way] = name
    for (check, way), seen in noticed.items():
        if not seen and "-v" in sys.argv:
            values = [value.text for value in check.values][:3]
            print(f"{where[check, way]}: {check.field.key} {check.operator} {values} -> {way}")
    for way in ("true", "never"):
        of = [seen for (_check, taken), seen in noticed.items() if taken == way]
        print(f"{sum(of)} of {len(of)} comparisons fail a test when they are always taken as {way}")


if __name__ == "__main__":
    main()
