# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A checkout serves more than one user, and is the same one by whatever path it is reached."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.kubeconfig import kubeconfig_files
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.modules import sandbox

CHECKOUT = Path(__file__).resolve().parents[2]
WRITTEN_TO = {"home", "local_tmp", "remote_tmp", "log_path", "retry_files_save_path", "fact_caching_connection"}


def run(folder: Path, *command: str, **environment: str) -> str:
    """Run a command in a folder as a shell does that went there by this very path."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PWD": str(folder), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


def test_its_settings_name_no_file_that_ansible_writes_to() -> None:
    settings = configparser.ConfigParser()
    settings.read(CHECKOUT / "ansible.cfg")
    assert "collections_path" in settings["defaults"]
    assert {name for section in settings.values() for name in section} & WRITTEN_TO == set()


def test_a_link_to_it_is_no_other_place(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(CHECKOUT)
    (name,) = {
        word for word in run(CHECKOUT, "make", "-n", "-B", "setup").split() if word.startswith(".build/setup-")
    } - {".build/setup-*"}
    assert name in run(link, "make", "-n", "-B", "setup").split()


@pytest.mark.parametrize(("made_in", "kept"), [("checkout", True), ("elsewhere", False)])
def test_the_environment_is_made_anew_only_where_it_was_moved(tmp_path: Path, made_in: str, kept: bool) -> None:
    checkout, link = tmp_path / "checkout", tmp_path / "link"
    venv = checkout / ".venv"
    (venv / "bin").mkdir(parents=True)
    link.symlink_to(checkout)
    (venv / "pyvenv.cfg").write_text(f"command = python -m venv {tmp_path / made_in}/.venv\n", encoding="utf-8")
    (venv / "marker").touch()
    stub = tmp_path / "python"
    stub.write_text(f'#!/bin/sh\nif [ "$2" = venv ]; then mkdir -p "$3/bin" && cp {stub} "$3/bin/python"; fi\n')
    stub.chmod(0o755)
    shutil.copy(CHECKOUT / "tests/tools/make_venv.sh", tmp_path)
    run(link, str(tmp_path / "make_venv.sh"), ".venv", PYTHON=str(stub))
    assert (venv / "marker").exists() is kept


def test_a_folder_that_cannot_be_looked_into_is_left_to_who_reads_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)
    assert kubeconfig_files("/of/another/user") == [Path("/of/another/user")]


def test_the_sandbox_of_another_user_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_call: object) -> None:
        raise PermissionError(13, "Permission denied", "/shared/.sandbox/lock")

    monkeypatch.setattr(sandbox, "run", refuse)
    with pytest.raises(HardeningError, match=r"^/shared/\.sandbox/lock belongs to somebody else"):
        sandbox.work(None)
