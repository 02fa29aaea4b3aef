# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a field of a recorded event is worth to a condition.

An event is a mapping of fields to values, as in the ``output_fields`` of Falco's JSON alerts. A field that is not in
it, or is null, is missing, as ``<NA>`` is in an alert.
"""

from __future__ import annotations

import errno
import posixpath
from collections.abc import Callable, Mapping

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.syntax import Field

Event = Mapping[str, object]

_ANCESTORS = {
    "proc.aname": ("proc.name", "proc.pname"),
    "proc.aexe": ("proc.exe", "proc.pexe"),
    "proc.aexepath": ("proc.exepath", "proc.pexepath"),
    "proc.acmdline": ("proc.cmdline", "proc.pcmdline"),
    "proc.aargs": ("proc.args", "proc.pargs"),
    "proc.apid": ("proc.pid", "proc.ppid"),
}
"""Fields of ancestors, with their names for the process itself and for its parent."""

_SIDES = {
    "fd.ip": ("fd.cip", "fd.sip", "fd.lip", "fd.rip"),
    "fd.net": ("fd.cip", "fd.sip", "fd.lip", "fd.rip"),
    "fd.port": ("fd.cport", "fd.sport", "fd.lport", "fd.rport"),
    "fd.proto": ("fd.cproto", "fd.sproto", "fd.lproto", "fd.rproto"),
    "fd.cnet": ("fd.cip",),
    "fd.snet": ("fd.sip",),
    "fd.lnet": ("fd.lip",),
    "fd.rnet": ("fd.rip",),
}
"""Fields that only conditions know, with those whose values they look at."""

_MISSING = "<NA>"
KEPT_NAMES = ("proc.name", "proc.pname", "user.name", "user.loginname", "group.name")
"""Fields for which Falco itself has the text ``<NA>``, so that a condition can compare with it."""

_FD_TYPES = {"f": "file", "d": "directory", "4": "ipv4", "6": "ipv6", "u": "unix", "p": "pipe", "m": "memfd"}


def values_of(event: Event, field: Field) -> list[object]:
    """The values of a field that a condition looks at: one, none, or for ``proc.aname`` those of all ancestors."""
    if field.argument is None and field.name in _ANCESTORS:
        return _ancestors(event, field.name)
    if field.name in _SIDES:
        return [value for side in _SIDES[field.name] if (value := _value(event, side)) is not None]
    value = _value(event, field.key)
    if value is None and field.argument is not None:
        value = _value(event, f"{field.name}.{field.argument}")
    if value is None and field.argument is None and "." in field.name:
        name, _dot, argument = field.name.rpartition(".")
        value = _value(event, f"{name}[{argument}]")
    if value is None:
        value = _derived(event, field)
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def is_about_sides(field: Field) -> bool:
    """Whether a check of the field looks at both ends of a connection."""
    return field.name in _SIDES


def _value(event: Event, key: str) -> object:
    value = event.get(key)
    return None if value == _MISSING and key not in KEPT_NAMES else value


def _ancestors(event: Event, name: str) -> list[object]:
    parent = _value(event, _ANCESTORS[name][1])
    found = [(1, parent)] if parent is not None else []
    for key in event:
        index = key.removeprefix(f"{name}[").removesuffix("]") if key.startswith(f"{name}[") else ""
        if index.isdigit() and index != "0" and not (index == "1" and found):
            found.append((int(index), _value(event, key)))
    return [value for _index, value in sorted(found, key=lambda level: level[0]) if value is not None]


def _derived(event: Event, field: Field) -> object:
    """What follows from the fields that are there."""
    if field.name in _ANCESTORS and field.argument in ("0", "1"):
        return _value(event, _ANCESTORS[field.name][int(field.argument)])
    if field.name == "evt.type.is" or field.name.startswith("evt.type.is."):
        wanted = field.argument or field.name.removeprefix("evt.type.is.")
        return int(event.get("evt.type") == wanted)
    if field.name == "proc.env" and field.argument is not None:
        return ""  # every process has every variable; one that is not set is empty
    derive = _DERIVED.get(field.name)
    return derive(event) if derive else None


def _directory(event: Event) -> object:
    name = event.get("fd.name")
    return posixpath.dirname(name) if isinstance(name, str) and event.get("fd.typechar") in ("f", "d") else None


def _filename(event: Event) -> object:
    """An open that failed has a name, but none without its folder: there is no file."""
    name = event.get("fd.name")
    opened = event.get("fd.typechar") == "f" and event.get("evt.failed") is not True
    return posixpath.basename(name) if isinstance(name, str) and opened else None


def _data(event: Event) -> object:
    """A buffer as the argument of an event: with a dot for each byte that is no text."""
    buffer = event.get("evt.buffer")
    if not isinstance(buffer, str):
        return None
    return "".join(character if " " <= character <= "~" else "." for character in buffer)


def _result(event: Event) -> object:
    result = event.get("evt.rawres")
    if not isinstance(result, int):
        return None
    return "SUCCESS" if result >= 0 else errno.errorcode.get(-result, str(result))


def _arguments(event: Event) -> object:
    line, name = event.get("proc.cmdline"), event.get("proc.name")
    if isinstance(line, str) and isinstance(name, str) and f"{line} ".startswith(f"{name} "):
        return line[len(name) + 1 :]
    return None


def _image(event: Event) -> object:
    repository, tag = event.get("container.image.repository"), event.get("container.image.tag")
    return f"{repository}:{tag}" if repository and tag else None


def _opened_path(event: Event) -> object:
    opened = event.get("evt.type") in ("open", "openat", "openat2") and event.get("evt.failed") is False
    return event.get("fd.name") if opened else None


_DERIVED: Mapping[str, Callable[[Event], object]] = {
    "fd.directory": _directory,
    "fd.filename": _filename,
    "evt.arg.data": _data,
    "fd.type": lambda event: _FD_TYPES.get(str(event.get("fd.typechar"))),
    "evt.res": _result,
    "proc.args": _arguments,
    "container.image": _image,
    "fs.path.name": _opened_path,
}
