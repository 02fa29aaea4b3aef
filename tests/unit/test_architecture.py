# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages of the engine: which may import which. docs/architecture.md shows the same picture."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
ENGINE = CHECKOUT / "plugins" / "module_utils"
PREFIX = "ansible_collections.gpu_cluster.hardening.plugins.module_utils."

# From the ground up: a package imports only from itself and from those in lines above it.
FLOORS = (
    "base",
    "api",
    "layers",
    "registry",
    "images",
    "stages",
    "nodes",
    "components",
    "survey",
    "admission",
    "alerts",
    "models",
    "workloads",
    "falco",
    "vault",
    "external_secrets",
    "reach",
    "floors",
    "hosts",
    "reports",
    "checks",
    "inventories",
    "sandbox",
)


def modules() -> list[Path]:
    return sorted(path for path in ENGINE.rglob("*.py") if path.name != "__init__.py")


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ENGINE).with_suffix("").parts)


def imports(path: Path) -> Iterator[str]:
    """Modules of the engine that a file imports, as ``api.client``, wherever in the file the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PREFIX):
            module = str(node.module).removeprefix(PREFIX)
            for alias in node.names:
                inner = ENGINE.joinpath(*module.split("."), f"{alias.name}.py")
                yield f"{module}.{alias.name}" if inner.exists() else module
        elif isinstance(node, ast.ImportFrom) and node.level:
            pytest.fail(f"{path}: a relative import")
        elif isinstance(node, ast.Import):
            yield from (alias.name.removeprefix(PREFIX) for alias in node.names if alias.name.startswith(PREFIX))


def test_every_module_lives_in_a_package_of_the_picture() -> None:
    assert {path.relative_to(ENGINE).parts[0] for path in modules()} == set(FLOORS)


def test_no_package_imports_from_one_above_it() -> None:
    floor = {name: number for number, name in enumerate(FLOORS)}
    upwards = [
        f"{name_of(path)} imports {imported}"
        for path in modules()
        for imported in imports(path)
        if floor[imported.split(".")[0]] > floor[path.relative_to(ENGINE).parts[0]]
    ]
    assert upwards == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    try:
        TopologicalSorter({name_of(path): set(imports(path)) for path in modules()}).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(error.args[1]))


def test_package_files_are_empty() -> None:
    assert [str(path) for path in ENGINE.rglob("__init__.py") if path.stat().st_size] == []
    assert {path.parent for path in modules()} == {path.parent for path in ENGINE.rglob("__init__.py")}


def test_file_names_do_not_repeat_the_name_of_their_package() -> None:
    assert [name_of(path) for path in modules() if path.stem.startswith(f"{path.parent.name}_")] == []


def test_tests_lie_where_what_they_test_lies() -> None:
    tests = CHECKOUT / "tests" / "unit" / "plugins" / "module_utils"
    folders = {path.parent.relative_to(ENGINE) for path in modules()}
    assert [str(path) for path in tests.rglob("test_*.py") if path.parent.relative_to(tests) not in folders] == []


def test_picture_in_the_docs_is_this_one() -> None:
    text = (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawn = [line.split()[0] for line in text.split("```text\n")[1].split("```")[0].splitlines() if line[:1].islower()]
    assert drawn == list(reversed(FLOORS))
