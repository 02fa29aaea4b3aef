# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modes of files are narrowed, never widened, and can be brought back."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.modes import (
    Ledger,
    narrow,
    narrowings,
    widen,
    widenings,
)


def rule(pattern: str, mode: str) -> dict[str, str]:
    return {"pattern": pattern, "mode": mode, "owner": "", "group": ""}


def make(path: Path, mode: int) -> Path:
    path.write_text("content", encoding="utf-8")
    path.chmod(mode)
    return path


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(str(tmp_path / "store"), "audit")


@pytest.mark.parametrize(
    ("before", "most", "after"),
    [(0o644, "0600", 0o600), (0o400, "0600", 0o400), (0o4755, "0755", 0o755), (0o640, "0604", 0o600)],
)
def test_mode_only_loses_bits(tmp_path: Path, ledger: Ledger, before: int, most: str, after: int) -> None:
    file = make(tmp_path / "a.yaml", before)
    narrow(ledger, narrowings([rule("/*.yaml", most)], str(tmp_path)))
    assert mode_of(file) == after


def test_second_run_has_nothing_to_do(tmp_path: Path, ledger: Ledger) -> None:
    make(tmp_path / "a.yaml", 0o644)
    narrow(ledger, narrowings([rule("/*.yaml", "0600")], str(tmp_path)))
    assert narrowings([rule("/*.yaml", "0600")], str(tmp_path)) == []


def test_first_rule_for_a_path_counts(tmp_path: Path) -> None:
    make(tmp_path / "tls.crt", 0o644)
    assert narrowings([rule("/*.crt", "0644"), rule("/*", "0600")], str(tmp_path)) == []


def test_link_is_not_followed(tmp_path: Path) -> None:
    target = make(tmp_path / "target", 0o644)
    (tmp_path / "link.yaml").symlink_to(target)
    assert narrowings([rule("/*.yaml", "0600")], str(tmp_path)) == []


def test_first_mode_comes_back_after_several_runs(tmp_path: Path, ledger: Ledger) -> None:
    file = make(tmp_path / "a.yaml", 0o666)
    for most in ("0644", "0600"):
        narrow(ledger, narrowings([rule("/*.yaml", most)], str(tmp_path)))
    widen(ledger, widenings(ledger))
    assert mode_of(file) == 0o666
    assert not ledger.path.exists()


def test_mode_that_somebody_else_changed_stays(tmp_path: Path, ledger: Ledger) -> None:
    file = make(tmp_path / "a.yaml", 0o644)
    narrow(ledger, narrowings([rule("/*.yaml", "0600")], str(tmp_path)))
    file.chmod(0o400)
    widen(ledger, widenings(ledger))
    assert mode_of(file) == 0o400


@pytest.mark.parametrize(
    "wrong", [{"mode": "rw"}, {"mode": "99"}, {"owner": "no-such-user"}, {"group": "no-such-group"}]
)
def test_rule_that_cannot_hold_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(HardeningError, match=r"/\*\.yaml: "):
        narrowings([{**rule("/*.yaml", "0600"), **wrong}])
