# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A diff as people read it: YAML with texts as blocks, alike changes once, and of new objects the main lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

# Without it no kubeconfig is read, which says so; and without that there is no diff.
with suppress(ImportError):
    import yaml

Entry = Mapping[str, Any]
"""``before`` and ``after``, an object as a mapping or a text, and a header of each."""
MAIN_LINES = 15
"""Most lines of a new object."""
WIDTH = 118
HEADERS = ("before_header", "after_header")
NAMED_ABOVE = frozenset({"apiVersion", "kind"})
OF_EVERY_OBJECT = ("app.kubernetes.io/", "applyset.kubernetes.io/")


@cache
def _dumper() -> type[yaml.SafeDumper]:
    """Writes texts of several lines as blocks, also where YAML's own rules of beauty are against it."""

    class Dumper(yaml.SafeDumper):
        def analyze_scalar(self, scalar: str) -> Any:
            analysis = super().analyze_scalar(scalar)
            if "\n" in scalar and all(c.isprintable() or c in "\n\t" for c in scalar):
                analysis.allow_block = True  # also for lines that end with blanks
            return analysis

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - what stands twice is written twice
            return True

    Dumper.add_representer(str, _text)
    return Dumper


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


def readable(entries: Sequence[Entry], whole: bool) -> list[dict[str, Any]]:
    """The entries of a diff, as texts.

    What changes of an object that is there, or goes, is never left out. Objects that change in the same way are one
    entry; those that are new are one, too, with their main lines.

    Args:
        entries: those of a result. One that is no mapping before and after is left as it is.
        whole: show every object by itself, and all of it.
    """
    if whole:
        return [_as_text(entry) for entry in entries]
    new = [entry for entry in entries if _is_new(entry)]
    rest = [_as_text(entry) for entry in _grouped(entry for entry in entries if not _is_new(entry))]
    return [*rest, *([_shortened(new)] if new else [])]


def _is_new(entry: Entry) -> bool:
    return _is_object(entry) and not entry["before"]


def _is_object(entry: Entry) -> bool:
    return isinstance(entry.get("before"), Mapping) and isinstance(entry.get("after"), Mapping)


def _as_text(entry: Entry) -> dict[str, Any]:
    if not _is_object(entry):
        return dict(entry)
    return {**entry, "before": _dump(entry["before"]), "after": _dump(entry["after"])}


def _grouped(entries: Iterable[Entry]) -> list[Entry]:
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        content = {key: value for key, value in entry.items() if key not in HEADERS}
        groups.setdefault(json.dumps(content, sort_keys=True, default=str), []).append(entry)
    return [
        {**alike[0], **{key: ", ".join(entry[key] for entry in alike) for key in HEADERS if key in alike[0]}}
        for alike in groups.values()
    ]


def _shortened(entries: Sequence[Entry]) -> dict[str, Any]:
    lines = [line for entry in entries for line in (entry["after_header"], *_main_lines(entry["after"]))]
    header = f"{len(entries)} new, in short; -v shows all of them"
    return {"before_header": header, "after_header": header, "before": "", "after": "".join(f"{x}\n" for x in lines)}


def _main_lines(obj: Mapping[str, Any]) -> list[str]:
    shown = {key: _without_texts(value) for key, value in obj.items() if key not in {*NAMED_ABOVE, "metadata"}}
    metadata = obj.get("metadata", {})
    for key in ("labels", "annotations"):
        own = {name: value for name, value in (metadata.get(key) or {}).items() if not name.startswith(OF_EVERY_OBJECT)}
        if own:
            shown = {key: own, **shown}
    lines = _dump(shown, flow=None).splitlines()
    more = len(lines) - MAIN_LINES
    return [f"  {line}" for line in lines[:MAIN_LINES]] + ([f"  ... {more} more lines"] if more > 0 else [])


def _without_texts(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _without_texts(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_texts(inner) for inner in value]
    if isinstance(value, str) and "\n" in value.strip():
        return f"<{len(value.splitlines())} lines>"
    return value


def _dump(value: Mapping[str, Any], flow: bool | None = False) -> str:
    if not value:
        return ""
    return yaml.dump(value, Dumper=_dumper(), default_flow_style=flow, sort_keys=True, allow_unicode=True, width=WIDTH)
