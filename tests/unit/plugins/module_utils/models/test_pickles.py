# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what is taken for a pickle: what Python's own writers write, and nothing of what models are else made of."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.models.pickles import is_pickle, why_unsafe


class Harmful:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("id",)


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in members.items():
            # Of one date, as the bytes are part of the names of tests, which are the same in all processes.
            file.writestr(zipfile.ZipInfo(name.replace("__", "/").replace("_dot_", ".")), data)
    return buffer.getvalue()


def array(descr: str, data: bytes = b"") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    return struct.pack("<Q", len(header)) + header + b"\0" * 8


def reason(name: str, data: bytes) -> str:
    return why_unsafe(name, io.BytesIO(data))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_runs_something_is_found_in_every_protocol(protocol: int) -> None:
    data = pickle.dumps({"x" * 10: Harmful(), "rest": list(range(50_000))}, protocol)
    assert reason("pytorch_model.bin", data) == "it is a pickle"
    # It has run by the time that the loader finds out that the rest is broken.
    called = pickle.dumps(Harmful(), protocol)[:-1]
    assert is_pickle(called + b"\xff not a pickle")


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'id'\ntR.",
        b"(S'id'\nios\nsystem\n.",
        b"(cos\nsystem\nS'id'\no.",
        b"N0cos\nsystem\n(S'id'\ntR",
        b"cos\nsystem\n(S'id'\ntRgarbage",
        pickle.dumps([1, 2], 4),
    ],
)
def test_pickles_written_by_hand_are_found(data: bytes) -> None:
    assert is_pickle(data)


@pytest.mark.parametrize("name", ["a.pkl", "a.PICKLE", "a.pt", "a.pth", "a.ckpt", "a.joblib", "x/a.dill"])
def test_a_name_that_is_loaded_as_a_pickle_is_enough(name: str) -> None:
    assert "is loaded as a pickle" in reason(name, b"")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (gzip.compress(pickle.dumps(Harmful()), mtime=0), "it is a compressed pickle"),
        (bz2.compress(pickle.dumps(Harmful())), "it is a compressed pickle"),
        (lzma.compress(pickle.dumps(Harmful())), "it is a compressed pickle"),
        (zlib.compress(pickle.dumps(Harmful())), "it is a compressed pickle"),
        (archive(model__data_dot_pkl=b"x"), "a zip archive with the pickle 'model/data.pkl'"),
        (b"before the archive" + archive(model__data_dot_pkl=b"x"), "with the pickle 'model/data.pkl'"),
        (archive(weights_dot_npy=array("'|O'")), "a NumPy array of objects"),
        (array("'|O'"), "a NumPy array of objects"),
        (array("[('a', '<f4'), ('b', '|O')]"), "a NumPy array of objects"),
        (b"PK\x03\x04" + archive(a=b"x")[4:-30] + b"PK\x05\x06" + b"\xff" * 18, "a zip archive that cannot be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "data",  # some bytes hold the time
)
def test_a_pickle_in_a_wrapping_is_found(data: bytes, why: str) -> None:
    assert why in reason("model.bin", data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("model.safetensors", safetensors()),
        ("model.gguf", b"GGUF\x03\0\0\0" + b"\0" * 64),
        ("config.json", b'{"architectures": ["LlamaForCausalLM"]}'),
        ("labels.txt", b"car\nbus\nbicycle\ntruck\n"),
        ("labels.txt", b"cat\ndog\nRabbit\n."),
        ("README.md", b"(c) 2026. License: see LICENSE.\n"),
        ("I.txt", b"I am text\nand more.\n"),
        ("weights.npy", array("'<f4'", b"\0" * 4)),
        ("weights.npz", archive(w_dot_npy=array("'<f4'", b"\0" * 4))),
        ("model.bin", b"\x80"),
        ("model.bin", b""),
        ("model.bin", b"\0" * 100 + b"PK\x05\x06" + b"\xff" * 30),
        ("logs.gz", gzip.compress(b"text", mtime=0)),
        ("broken.gz", b"\x1f\x8bxxxx"),
        ("x.bin", b"\x78xxxx"),
    ],
    ids=lambda value: value if isinstance(value, str) else "data",  # some bytes hold the time
)
def test_what_models_are_else_made_of_is_no_pickle(name: str, data: bytes) -> None:
    assert reason(name, data) == ""


def test_bytes_by_chance_are_no_pickle_and_raise_nothing() -> None:
    for seed in range(300):
        data = b"".join(bytes([(seed * 131 + position * position * 7) % 256]) for position in range(500))
        assert not is_pickle(b"\0" + data)
        why_unsafe("x.bin", io.BytesIO(data))
