# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report is there as a whole, and for its owner only."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.written import put, write
from sample_reports import previous, red, report


def test_its_owner_alone_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    paths, warnings = write(folder, "metal", report("mü"), ["json", "html"])
    assert (paths, warnings) == ({"json": folder / "metal.json", "html": folder / "metal.html"}, [])
    assert json.loads(paths["json"].read_text(encoding="utf-8"))["cluster"]["name"] == "mü"
    assert {path.stat().st_mode & 0o777 for path in paths.values()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_it_is_compared_with_the_last_one_of_the_folder(tmp_path: Path) -> None:
    write(tmp_path, "metal-1", previous(), ["json"])
    paths, _warnings = write(tmp_path, "metal-1", red(), ["json", "markdown"])
    assert "new" in paths["markdown"].read_text(encoding="utf-8")
    assert json.loads(paths["json"].read_text(encoding="utf-8"))["taken_at"] == red()["taken_at"]


@pytest.mark.parametrize("text", ["{", "[]", '{"schema_version": "7.0"}'])
def test_what_is_no_report_is_told_and_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "metal.json").write_text(text, encoding="utf-8")
    paths, (warning,) = write(tmp_path, "metal", report(), ["json", "html"])
    assert "metal.json is no report to compare with" in warning
    assert json.loads(paths["json"].read_text(encoding="utf-8"))["schema_version"] == "1.0"


def test_the_old_one_stays_where_the_new_one_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "metal.json", "old")

    def fail(_source: str, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(HardeningError, match="No space left"):
        put(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["metal.json"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(HardeningError, match="cannot be written"):
        write(tmp_path / "file" / "reports", "metal", report(), ["json"])
