# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that the sums are those of sha256sum, and what is refused in a file of sums."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.models.checksums import (
    compare,
    parse_sums,
    sums_text,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.models.tree import ModelTree

A, B = "0a" * 32, "0b" * 32
NAMES = ["a b", "-n", "back\\slash", "line\nbreak", "r\rn", "ü", os.fsdecode(b"\xff"), " lead", "\\n"]


def test_the_file_is_the_one_that_sha256sum_writes(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_text(name, encoding="utf-8", errors="surrogateescape")
    sums = ModelTree(tmp_path, "SHA256SUMS").read(2)
    done = subprocess.run(
        ["sha256sum", "--", *sorted(NAMES)], cwd=tmp_path, capture_output=True, check=True, env={"LC_ALL": "C"}
    )
    assert os.fsencode(sums_text(sums)) == done.stdout
    assert parse_sums(sums_text(sums), "x") == sums


def test_lines_of_other_tools_are_read() -> None:
    assert parse_sums(f"{A} *bin\n\n{B}  ./x/y\n", "x") == {"bin": A, "x/y": B}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{A} name", "SUMS:1: is no line of sha256sum"),
        (f"\n{A[:-1]}  name", "SUMS:2: is no line of sha256sum"),
        (f"{A}  /etc/passwd", "SUMS:1: '/etc/passwd' leads out of the folder"),
        (f"{A}  x/../../y", "'x/../../y' leads out of the folder"),
        (f"{A}  x\n{B}  x", "SUMS:2: 'x' is there twice"),
        (f"{A}  x\n{B}  ./x", "is there twice"),
    ],
)
def test_a_file_of_sums_that_is_broken_is_refused_with_the_line(text: str, problem: str) -> None:
    with pytest.raises(HardeningError) as caught:
        parse_sums(text, "SUMS")
    assert problem in caught.value.message


def test_every_difference_is_named() -> None:
    assert compare({"a": A, "b": A, "c": A}, {"a": A, "b": B, "d": A}).problems == [
        "'b' is not what it was",
        "'c' is missing",
        "'d' has no sum",
    ]
