# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sums of a model's files are written and checked, and files that run code or lie elsewhere are refused."""

from __future__ import annotations

import os
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from module_runs import ModuleRunner

FILES = {"model.safetensors": "weights", "config.json": "{}", "tokenizer/vocab.txt": "car\nbus\n"}


@pytest.fixture
def run(tmp_path: Path) -> ModuleRunner:
    home = tmp_path / "home"
    home.mkdir()
    return ModuleRunner(home, {"path": str(tmp_path / "model")})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def sha256sum_accepts(model: Path) -> bool:
    command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    return subprocess.run(command, cwd=model, capture_output=True, check=False).returncode == 0


def test_the_sums_are_written_once_and_accepted_by_sha256sum(run: ModuleRunner, model: Path) -> None:
    predicted = run("model_manifest", check=True)
    assert predicted["changed"] and not (model / "SHA256SUMS").exists()
    written = run("model_manifest")
    assert written == {**predicted, "invocation": written["invocation"]}
    assert set(written["files"]) == set(FILES)
    assert written["diff"]["after"] == (model / "SHA256SUMS").read_text()
    assert sha256sum_accepts(model)
    before = (model / "SHA256SUMS").stat()
    assert not run("model_manifest")["changed"]
    assert (model / "SHA256SUMS").stat() == before
    assert not run("model_manifest", state="verified")["changed"]


def change(model: Path) -> None:
    (model / "config.json").write_text("{ }")


def remove(model: Path) -> None:
    (model / "config.json").unlink()


def add(model: Path) -> None:
    (model / "tokenizer" / "extra.json").write_text("{}")


@pytest.mark.parametrize(
    ("alter", "problem"),
    [
        (change, "'config.json' is not what it was"),
        (remove, "'config.json' is missing"),
        (add, "'tokenizer/extra.json' has no sum"),
        (lambda model: (model / "SHA256SUMS").unlink(), "SHA256SUMS does not exist; write it with state=present"),
        (lambda model: (model / "SHA256SUMS").write_text("x\n"), "SHA256SUMS:1: is no line of sha256sum"),
    ],
)
def test_a_model_that_is_not_the_one_published_is_refused(
    run: ModuleRunner, model: Path, alter: Callable[[Path], object], problem: str
) -> None:
    run("model_manifest")
    alter(model)
    held = sorted(model.rglob("*"))
    assert problem in run.failing("model_manifest", state="verified")["msg"]
    assert sorted(model.rglob("*")) == held


def link_out(model: Path) -> None:
    (model / "weights.bin").symlink_to(model.parent / "elsewhere")
    (model.parent / "elsewhere").write_text("x")


def fifo(model: Path) -> None:
    os.mkfifo(model / "pipe")


@pytest.mark.parametrize(
    ("alter", "problem"),
    [
        (
            lambda model: (model / "pytorch_model.bin").write_bytes(pickle.dumps({}, 2)),
            "'pytorch_model.bin' can run code",
        ),
        (lambda model: (model / "a.pt").write_bytes(b""), "'a.pt' can run code when it is loaded: .pt is loaded as a"),
        (link_out, "'weights.bin' is a link out of the folder"),
        (lambda model: (model / "x").symlink_to("nothing"), "'x' is a link to nothing"),
        (lambda model: (model / "x").symlink_to("x"), "'x' is a link to nothing"),
        (lambda model: (model / "x").symlink_to("tokenizer"), "'x' is a link to a folder"),
        (lambda model: (model / "SHA256SUMS").symlink_to("config.json"), "SHA256SUMS is a link"),
        (fifo, "'pipe' is no file, but a device, pipe or socket"),
    ],
)
def test_what_must_not_be_in_a_model_is_refused_and_nothing_is_written(
    run: ModuleRunner, model: Path, alter: Callable[[Path], object], problem: str
) -> None:
    alter(model)
    assert problem in run.failing("model_manifest")["msg"]
    assert not (model / "SHA256SUMS").is_file() or (model / "SHA256SUMS").is_symlink()


def test_a_pickle_is_accepted_where_it_is_named(run: ModuleRunner, model: Path) -> None:
    (model / "tokenizer" / "merges.pkl").write_bytes(pickle.dumps({}))
    (model / "other.pkl").write_bytes(pickle.dumps({}))
    failed = run.failing("model_manifest", allow_pickle=["tokenizer/*.pkl"])
    assert "'other.pkl' can run code" in failed["msg"] and "merges" not in failed["msg"]
    (model / "other.pkl").unlink()
    assert "tokenizer/merges.pkl" in run("model_manifest", allow_pickle=["tokenizer/*.pkl"])["files"]


def test_a_link_to_a_file_of_the_model_has_a_sum(run: ModuleRunner, model: Path) -> None:
    (model / "copy.json").symlink_to("config.json")
    files = run("model_manifest")["files"]
    assert files["copy.json"] == files["config.json"]
    assert sha256sum_accepts(model)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"path": "/nowhere"}, "path: /nowhere cannot be read: No such file or directory"),
        ({"path": "/etc/passwd"}, "path: /etc/passwd is no folder"),
        ({"allow_pickle": ["/models/x.pkl"]}, "allow_pickle[0]: '/models/x.pkl' can match no file"),
    ],
)
def test_bad_options_are_refused(run: ModuleRunner, model: Path, options: dict[str, object], problem: str) -> None:
    assert problem in run.failing("model_manifest", **options)["msg"]


def test_a_folder_without_files_is_no_model(run: ModuleRunner, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    assert "has no files, so there is no model in it" in run.failing("model_manifest")["msg"]
