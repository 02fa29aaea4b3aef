# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells files that run code when they are loaded: Python's pickles, bare or inside what frameworks wrap them in. Pure.

The name says what a program will take a file for, the content what it is; either is enough. Source of the formats:
``pickletools``, https://pytorch.org/docs/stable/notes/serialization.html, ``numpy.lib.format``, ``joblib``.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickletools
import re
import zipfile
import zlib
from collections.abc import Iterable
from typing import BinaryIO

HEAD = 64 * 1024
"""Bytes of the beginning of a file that are looked at."""
PICKLE_SUFFIXES = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".dill", ".cloudpickle")
_IMPORTS = frozenset({"GLOBAL", "INST", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4"})
_CALLS = frozenset({"REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD"})
_NAMES = re.compile(r"[A-Za-z_][\w.]* [A-Za-z_][\w.]*")
_ZIP_MEMBERS = (*PICKLE_SUFFIXES, "/data.pkl")
_OBJECT_ARRAY = re.compile(rb"'descr':\s*(?:'[|<>=]?O|\[.*'[|<>=]?O)", re.DOTALL)


def why_unsafe(name: str, stream: BinaryIO) -> str:
    """Why a file must not be loaded: it is a pickle, or holds one. Empty if it is none.

    Args:
        name: of the file.
        stream: its content; must be seekable.
    """
    lowered = name.lower()
    for suffix in PICKLE_SUFFIXES:
        if lowered.endswith(suffix):
            return f"{suffix} is loaded as a pickle"
    head = stream.read(HEAD)
    if is_pickle(head):
        return "it is a pickle"
    if _is_object_array(head):
        return "it is a NumPy array of objects, which are pickled"
    if is_pickle(_decompressed(head)):
        return "it is a compressed pickle"
    return _why_unsafe_archive(stream)


def is_pickle(head: bytes) -> bool:
    """Whether bytes begin as a pickle does.

    From protocol 2 on it says so itself. An older one is only text, and text may look like one for a while: it is taken
    for one if it imports something and calls it, which is what runs code, or ends as a pickle ends.
    """
    says_so = head[:1] == b"\x80" and len(head) > 1 and head[1] <= 5
    imports = False
    stack: list[bool] = []
    read = 0
    try:
        for opcode, argument, _position in pickletools.genops(io.BytesIO(head)):
            _do(opcode, stack)
            read += 1
            if opcode.name in _IMPORTS:
                imports |= not isinstance(argument, str) or bool(_NAMES.fullmatch(argument))
            if imports and opcode.name in _CALLS:
                return True
            if opcode.name == "STOP":
                return read > 1 and (says_so or imports)
    except Exception:
        # No pickle, or cut off by the end of what was read. pickletools raises whatever its readers do.
        pass
    return says_so and read > 1


def _do(opcode: pickletools.OpcodeInfo, stack: list[bool]) -> None:
    """What an opcode does to the stack, whose marks are true; IndexError if there is too little on it."""
    before = opcode.stack_before
    if pickletools.markobject in before:
        while not stack.pop():
            pass
        before = before[: before.index(pickletools.markobject)]
    for _object in before:
        stack.pop()
    stack += [kind is pickletools.markobject for kind in opcode.stack_after]


def _why_unsafe_archive(stream: BinaryIO) -> str:
    """The same for a zip archive: what torch.save and numpy.savez write."""
    stream.seek(0)
    begins_as_one = stream.read(2) == b"PK"
    if not zipfile.is_zipfile(stream):
        return ""
    try:
        with zipfile.ZipFile(stream) as archive:
            return _why_unsafe_members(archive)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, zlib.error):
        # Among billions of numbers, some end as an archive does.
        return "it is a zip archive that cannot be read" if begins_as_one else ""


def _why_unsafe_members(archive: zipfile.ZipFile) -> str:
    for member in archive.namelist():
        if member.lower().endswith(_ZIP_MEMBERS):
            return f"it is a zip archive with the pickle {member!r:.100}, as torch.save writes it"
    for member in _arrays(archive.namelist()):
        with archive.open(member) as stream:
            if _is_object_array(stream.read(HEAD)):
                return f"it is a zip archive with {member!r:.100}, a NumPy array of objects, which are pickled"
    return ""


def _arrays(members: Iterable[str]) -> Iterable[str]:
    return (member for member in members if member.lower().endswith(".npy"))


def _is_object_array(head: bytes) -> bool:
    return head.startswith(b"\x93NUMPY") and bool(_OBJECT_ARRAY.search(head[:4096]))


def _decompressed(head: bytes) -> bytes:
    """The beginning of what compressed bytes hold; empty if they are not compressed."""
    try:
        if head.startswith(b"\x1f\x8b"):
            return gzip.GzipFile(fileobj=io.BytesIO(head)).read(1024)
        if head.startswith(b"BZh"):
            return bz2.BZ2Decompressor().decompress(head, 1024)
        if head.startswith((b"\xfd7zXZ\x00", b"\x5d\x00\x00")):
            return lzma.LZMADecompressor().decompress(head, 1024)
        if head[:1] == b"\x78":
            return zlib.decompressobj().decompress(head, 1024)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
        pass
    return b""
