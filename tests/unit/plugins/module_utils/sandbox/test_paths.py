# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of a sandbox: what is kept in it, and that nothing else is deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.paths import (
    SandboxPaths,
    link_atomically,
    locked,
    write_atomically,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.processes import ProcessIdentity
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.state import (
    SandboxState,
    StartedComponent,
    load_state,
    save_state,
)


@pytest.fixture
def paths(tmp_path: Path) -> SandboxPaths:
    made = SandboxPaths(tmp_path / "sandbox")
    made.make()
    return made


def test_only_the_user_may_read_it(paths: SandboxPaths) -> None:
    write_atomically(paths.key("ca"), "secret")
    assert paths.directory.stat().st_mode & 0o077 == 0
    assert paths.key("ca").stat().st_mode & 0o077 == 0


def test_remove_deletes_everything_that_a_sandbox_made(paths: SandboxPaths) -> None:
    write_atomically(paths.kubeconfig, "{}")
    with locked(paths.lock):
        paths.remove()
    assert not paths.directory.exists()


def test_remove_leaves_files_of_others(paths: SandboxPaths) -> None:
    notes = paths.directory / "notes.txt"
    notes.write_text("mine")
    paths.remove()
    assert [entry.name for entry in paths.directory.iterdir()] == ["notes.txt"]


def test_remove_does_not_follow_links(paths: SandboxPaths, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("mine")
    (paths.directory / "etcd").symlink_to(elsewhere)
    paths.remove()
    assert (elsewhere / "file").exists()


def test_a_link_is_pointed_elsewhere(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link_atomically(link, tmp_path / "one")
    link_atomically(link, tmp_path / "two")
    assert link.readlink() == tmp_path / "two"
    assert list(tmp_path.iterdir()) == [link]


def test_state_survives(paths: SandboxPaths) -> None:
    state = SandboxState({"etcd-client": 20001}, {"etcd": StartedComponent(ProcessIdentity(1, 2, "boot"), "digest")})
    save_state(paths, state)
    assert load_state(paths) == state
    assert state.running("etcd") is None
    assert state.digest("etcd") == "digest"
    assert state.digest("kwok") == ""


def test_no_state_is_an_empty_state(paths: SandboxPaths) -> None:
    assert load_state(paths) == SandboxState()


@pytest.mark.parametrize("text", ["", "[]", '{"ports": {}}', '{"ports": {}, "components": {"etcd": {"process": 1}}}'])
def test_a_damaged_state_is_an_error(paths: SandboxPaths, text: str) -> None:
    paths.state.write_text(text)
    with pytest.raises(HardeningError, match=r"state\.json cannot be read"):
        load_state(paths)
