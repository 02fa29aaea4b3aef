# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the script of the model check with a real shell over real files, as the init container does.

``MODEL_CHECK_PATH`` may name a folder with the programs of another system, such as those of busybox.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import pickle
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.models.checksums import sums_text
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages import model as stages

SCRIPT = Path(stages.__file__).parents[3] / "roles/workloads/templates/model_check.sh"
PROGRAMS = os.environ.get("MODEL_CHECK_PATH", "/usr/bin:/bin")
ODD_NAMES = (
    "with space",
    " leading",
    "trailing ",
    "-n",
    "--files",
    "new\nline",
    "new line at the end\n",
    "carriage\rreturn",
    "back\\slash",
    "back\\nslash-n",
    "\\leading",
    "*",
    "[a]",
    "$(touch hacked)",
    "`id`",
    "'quote\"",
    "umlaut-ä",
    "sub/folder/weights.bin",
    "sub/SHA256SUMS",
    "%s%n",
    "a  b",
    "..hidden",
    "tab\tname",
)


class Code:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("id",)


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def safetensors(length: int) -> bytes:
    """A file whose header is so long that its length may look like the beginning of a pickle."""
    header = json.dumps({"__metadata__": {"pad": ""}}).encode()
    return length.to_bytes(8, "little") + header.ljust(length)


def array(descr: str) -> bytes:
    return b"\x93NUMPY\x01\x00v\x00{'descr': " + descr.encode() + b", 'fortran_order': False, 'shape': (1,), }   \n"


PICKLES = {
    **{f"protocol-{number}": pickle.dumps(Code(), protocol=number) for number in range(6)},
    **{f"harmless-{number}": pickle.dumps({"a": [1, "b"]}, protocol=number) for number in range(2, 6)},
    "bytes": pickle.dumps(b"a", protocol=3),
    "float": pickle.dumps(1.5, protocol=2),
    "torch": zipped({"archive/data.pkl": pickle.dumps(Code())}),
    "zip-pkl": zipped({"model.pkl": pickle.dumps(Code())}),
    "zip-pth": zipped({"weights/policy.pth": b"x"}),
    "zip-pt": zipped({"policy.pt": b"x"}),
    "npz": zipped({"a.npy": array("'|O'")}),
    "objects": array("'|O'"),
    "record": array("[('a', '<f4'), ('b', '|O')]"),
    "gzip": gzip.compress(pickle.dumps(Code())),
    "bzip2": bz2.compress(pickle.dumps(Code())),
    "xz": lzma.compress(pickle.dumps(Code())),
}
OBJECTS = "a NumPy array of objects, which are pickled"
ARCHIVES = {
    **dict.fromkeys(("torch", "zip-pkl", "zip-pth", "zip-pt"), "it is a zip archive with a pickle"),
    "npz": f"it is a zip archive with {OBJECTS}",
    **dict.fromkeys(("objects", "record"), f"it is {OBJECTS}"),
    "gzip": "it is a compressed pickle",
    # Not every system has a program to look into these, and what cannot be looked into is refused.
    **dict.fromkeys(("bzip2", "xz"), "it is "),
}
HARMLESS = {
    "config.json": b'{"a": 1}',
    "vocab.txt": b"cat\ncow\ncrow\n[PAD]\n",
    "empty": b"",
    "weights.safetensors": safetensors(0x0480),
    "large.safetensors": safetensors(0x280280),
    "numbers.npy": array("'<f4'"),
    "numbers.npz": zipped({"a.npy": array("'<f4'")}),
    "tokenizer.json.gz": gzip.compress(b'{"a": 1}'),
    "model.onnx": b"\x08\x07\x12\x07pytorch",
    "random": bytes(range(255, -1, -1)) * 64,
    "text": b"import pickle\n",
}


@dataclass(frozen=True)
class Model:
    """The folder of a model, and the check of it."""

    folder: Path

    def put(self, files: dict[str, bytes]) -> dict[str, str]:
        """Write files; their sums."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}

    def publish(self, files: dict[str, bytes]) -> None:
        """Write files and their sums."""
        sums = self.put(files)
        (self.folder / "SHA256SUMS").write_text(sums_text(sums))

    def pin(self) -> str:
        """The sum of the sums."""
        return hashlib.sha256((self.folder / "SHA256SUMS").read_bytes()).hexdigest()

    def check(self, *patterns: str, pin: str = "unpinned", sums: Path | None = None) -> tuple[int, str]:
        """Exit status, and what is said."""
        done = subprocess.run(
            ["sh", str(SCRIPT), str(self.folder), str(sums or self.folder / "SHA256SUMS"), pin, *patterns],
            executable=next(str(path) for folder in PROGRAMS.split(":") if (path := Path(folder, "sh")).exists()),
            env={"PATH": PROGRAMS},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.stdout == ""
        return done.returncode, done.stderr

    def refused(self, *patterns: str, pin: str = "unpinned", sums: Path | None = None) -> str:
        """What is said of a model that must be refused."""
        status, said = self.check(*patterns, pin=pin, sums=sums)
        assert status == 1, said
        assert all(line.startswith("model-check: ") for line in said.splitlines())
        return said


@pytest.fixture
def model(tmp_path: Path) -> Model:
    folder = tmp_path / "model"
    folder.mkdir()
    return Model(folder)


def test_what_was_published_is_served(model: Model) -> None:
    model.publish(HARMLESS)
    for pin in ("unpinned", model.pin()):
        assert model.check(pin=pin) == (
            0,
            f"model-check: the model in {model.folder} is the one that was published\n",
        )


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_checked_like_others(model: Model, name: str) -> None:
    model.publish({name: b"weights", "other": b""})
    assert model.check()[0] == 0
    (model.folder / name).write_bytes(b"changed")
    said = model.refused()
    assert len(said.splitlines()) == 2
    assert "is not what it was" in said
    (model.folder / name).unlink()
    said = model.refused()
    assert len(said.splitlines()) == 2
    assert "is missing" in said
    model.put({name: b"weights"})
    (model.folder / "SHA256SUMS").write_text(sums_text(model.put({"other": b""})))
    said = model.refused()
    assert len(said.splitlines()) == 2
    assert "has no sum" in said
    assert not list(model.folder.rglob("hacked"))


def test_all_that_is_wrong_is_said_at_once(model: Model) -> None:
    model.publish({"changed": b"1", "missing": b"2", "good": b"3"})
    model.put({"changed": b"2", "sub/extra": b"4", ".hidden": b"5"})
    (model.folder / "missing").unlink()
    said = model.refused()
    assert said.splitlines()[0] == "model-check: 'missing' is missing"
    assert set(said.splitlines()[1:-1]) == {
        f"model-check: 'changed' is not what it was: its SHA-256 is {hashlib.sha256(b'2').hexdigest()}",
        "model-check: 'sub/extra' has no sum",
        "model-check: '.hidden' has no sum",
    }
    assert said.splitlines()[-1] == (f"model-check: the model in {model.folder} is refused, for what is said above")


@pytest.mark.parametrize("kind", PICKLES)
def test_a_pickle_is_refused_whatever_its_name_unless_it_is_allowed(model: Model, kind: str) -> None:
    model.publish({"sub/weights": PICKLES[kind], "config.json": b"{}"})
    reason = ARCHIVES.get(kind, "it is a pickle")
    assert f"'sub/weights' can run code when it is loaded: {reason}" in model.refused()
    assert "can run code" in model.refused("weights", "*.json", "sub")
    assert model.check("*.json", "sub/w*")[0] == 0
    assert model.check("*weights")[0] == 0


@pytest.mark.parametrize("suffix", ["pkl", "pickle", "pt", "pth", "ckpt", "joblib", "dill", "cloudpickle", "PT"])
def test_a_name_that_is_loaded_as_a_pickle_is_refused(model: Model, suffix: str) -> None:
    model.publish({f"head.{suffix}": b"anything"})
    assert f".{suffix.lower()} is loaded as a pickle" in model.refused()


def test_a_pickle_without_a_sum_is_not_allowed_by_its_name(model: Model) -> None:
    model.publish({"good": b""})
    model.put({"head.pkl": b""})
    assert "'head.pkl' has no sum" in model.refused("*")


@pytest.mark.parametrize("form", ["{sum}  ./{name}\n", "{sum} *{name}\n", "{sum}  {name}", "\n{sum}  {name}\n\n"])
def test_what_sha256sum_writes_is_read(model: Model, form: str) -> None:
    (name, digest), *_none = model.put({"a b": b"1"}).items()
    (model.folder / "SHA256SUMS").write_text(form.format(sum=digest, name=name))
    assert model.check()[0] == 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "SHA256SUMS is empty"),
        ("\n\n", "'file' has no sum"),
        ("file\n", "SHA256SUMS:1: is no line of sha256sum"),
        (f"{'0' * 64}  file\n{'0' * 63}  b\n", "SHA256SUMS:2: is no line of sha256sum"),
        (f"{'0' * 63}G  file\n", "SHA256SUMS:1: is no line of sha256sum"),
        (f"{'A' * 64}  file\n", "SHA256SUMS:1: is no line of sha256sum"),
        (f"{'0' * 64}  \n", "SHA256SUMS:1: is no line of sha256sum"),
        (f"{'0' * 64}  file\n{'1' * 64}  file\n", "SHA256SUMS: 'file' is there twice"),
        (f"{'0' * 64}  file\n{'1' * 64} *./file\n", "SHA256SUMS: 'file' is there twice"),
        (f"{'0' * 64}  /etc/passwd\n", "'/etc/passwd' leads out of the folder"),
        (f"{'0' * 64}  ../model/file\n", "'../model/file' leads out of the folder"),
        (f"\\{'0' * 64}  a\\n/../../b\n", "leads out of the folder"),
    ],
)
def test_sums_that_are_none_are_refused(model: Model, text: str, problem: str) -> None:
    model.put({"file": b"", "SHA256SUMS": text.encode()})
    assert problem in model.refused()


def test_the_pin_holds_the_list_itself(model: Model) -> None:
    model.publish({"file": b"1"})
    pin = model.pin()
    model.publish({"file": b"2"})
    assert model.check()[0] == 0
    assert f"SHA256SUMS is not the one that was pinned: its SHA-256 is {model.pin()}, and must be {pin}" in (
        model.refused(pin=pin)
    )


def test_sums_from_elsewhere_hold_and_those_in_the_folder_are_no_part_of_the_model(
    model: Model, tmp_path: Path
) -> None:
    model.publish({"file": b"1"})
    sums = tmp_path / "sums"
    sums.write_text(f"{hashlib.sha256(b'1').hexdigest()}  file\n")
    assert model.check(sums=sums)[0] == 0
    model.publish({"file": b"2"})
    assert "'file' is not what it was" in model.refused(sums=sums)


def test_links_stay_in_the_folder(model: Model, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"1")
    model.publish({"file": b"1", "inside": b"1", "out": b"1", "nowhere": b"1", "sub/x": b"1"})
    for name, target in {"inside": "file", "out": "../outside", "nowhere": "gone"}.items():
        (model.folder / name).unlink()
        (model.folder / name).symlink_to(target)
    (model.folder / "folder").symlink_to("sub")
    assert set(model.refused().splitlines()[:-1]) == {
        "model-check: 'out' is a link out of the folder",
        "model-check: 'nowhere' is a link to nothing",
        "model-check: 'folder' is a link to a folder; its files have sums where they are",
    }


def test_what_is_no_file_is_refused(model: Model) -> None:
    model.publish({"file": b""})
    os.mkfifo(model.folder / "pipe")
    assert "'pipe' is no file" in model.refused()


def test_a_list_that_is_a_link_is_refused(model: Model, tmp_path: Path) -> None:
    model.publish({"file": b""})
    (model.folder / "SHA256SUMS").rename(tmp_path / "sums")
    (model.folder / "SHA256SUMS").symlink_to(tmp_path / "sums")
    assert "SHA256SUMS is a link" in model.refused()


def test_no_model_and_no_sums_are_refused(model: Model) -> None:
    assert "SHA256SUMS does not exist; write it where the model is published" in model.refused()
    nothing = Model(model.folder / "gone")
    assert "there is no folder" in nothing.refused()


def test_many_files_take_more_than_one_call_and_each_counts(model: Model) -> None:
    names = [f"{'long-' * 40}{number:04}" for number in range(700)]
    model.publish(dict.fromkeys(names, b""))
    assert model.check()[0] == 0
    model.put({names[0]: b"1"})
    assert len(model.refused().splitlines()) == 2


def test_what_cannot_be_read_is_refused_and_named(model: Model) -> None:
    model.publish({"file": b"", "sub/x": b""})
    (model.folder / "file").chmod(0)
    (model.folder / "sub").chmod(0)
    command = ["sh", str(SCRIPT), str(model.folder), str(model.folder / "SHA256SUMS"), "unpinned"]
    if os.getuid() == 0:  # whom no mode keeps out
        below = [folder for folder in model.folder.parents if folder.is_relative_to(tempfile.gettempdir())]
        for folder in (model.folder, *(folder for folder in below if folder != Path(tempfile.gettempdir()))):
            folder.chmod(0o755)
        script = model.folder.parent / "check.sh"
        script.write_bytes(SCRIPT.read_bytes())
        command = ["setpriv", "--reuid=65534", "--clear-groups", "sh", str(script), *command[2:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    (model.folder / "sub").chmod(0o755)
    assert done.returncode == 1
    assert "'file' cannot be read by user" in done.stderr
    assert "is refused" in done.stderr
