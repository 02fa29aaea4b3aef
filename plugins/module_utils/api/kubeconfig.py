# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfig files, merged and read as kubectl does.

Source: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/ and client-go's
``tools/clientcmd``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.safe_yaml import safe_loader

try:
    import yaml

    IMPORT_ERROR: str | None = None
except ImportError as missing:
    IMPORT_ERROR = str(missing)


@dataclass(frozen=True)
class Entry:
    """A named cluster, user or context.

    Attributes:
        folder: of the file that it is from; its relative paths begin there.
        body: what stands below its name.
    """

    name: str
    folder: Path
    body: Mapping[str, Any] = field(repr=False)

    def text(self, key: str) -> str:
        """A value that is text; empty if it is not there."""
        value = self.body.get(key)
        return "" if value is None else str(value)

    def path(self, key: str) -> Path | None:
        """A value that is a path; None if it is not there."""
        return self.folder / Path(self.text(key)).expanduser() if self.text(key) else None


@dataclass(frozen=True)
class Kubeconfig:
    """Several files as one.

    Attributes:
        source: as the user named them, for messages.
        files: those that exist.
    """

    source: str
    files: tuple[Path, ...]
    current_context: str
    contexts: Mapping[str, Entry]
    clusters: Mapping[str, Entry]
    users: Mapping[str, Entry]

    @property
    def is_empty(self) -> bool:
        """Whether the files hold nothing at all."""
        return not (self.current_context or self.contexts or self.clusters or self.users)


@dataclass(frozen=True)
class Choice:
    """What a context stands for. ``user`` is None where the context names none: requests are then anonymous."""

    context: str
    cluster: Entry
    user: Entry | None


def kubeconfig_files(given: str) -> list[Path]:
    """The files that ``KUBECONFIG`` or an option names, each once; a file whose name has a colon is one file."""
    if os.path.isfile(Path(given).expanduser()):  # Path.is_file raises in a folder that cannot be looked into
        return [Path(given).expanduser()]
    return list(dict.fromkeys(Path(part).expanduser() for part in given.split(os.pathsep) if part))


def read_kubeconfig(source: str, files: Iterable[Path]) -> Kubeconfig:
    """Read and merge files; those that do not exist or are empty are skipped.

    Raises:
        HardeningError: one cannot be read or is no kubeconfig.
    """
    if IMPORT_ERROR is not None:
        raise HardeningError(
            f"The Python package yaml cannot be imported ({IMPORT_ERROR}). "
            "Install it for the interpreter that runs the modules: pip install PyYAML"
        )
    documents = ((file, _read(file)) for file in files)
    return merge(source, [(file, document) for file, document in documents if document is not None])


def merge(source: str, documents: Iterable[tuple[Path, Mapping[str, Any]]]) -> Kubeconfig:
    """Merge the contents of files: of an entry, and of the current context, the first file that has it decides.

    Raises:
        HardeningError: a file is no kubeconfig.
    """
    current, files = "", []
    merged: dict[str, dict[str, Entry]] = {"contexts": {}, "clusters": {}, "users": {}}
    for file, document in documents:
        files.append(file)
        current = current or str(document.get("current-context") or "")
        for section, known in merged.items():
            for name, entry in _entries(file, document, section).items():
                known.setdefault(name, entry)
    return Kubeconfig(source, tuple(files), current, **merged)


def choose(kubeconfig: Kubeconfig, context: str | None) -> Choice:
    """The cluster and user of a context, the current one by default.

    Raises:
        HardeningError: there is no such context, or it names what is not there.
    """
    name = context or kubeconfig.current_context
    cannot = f"Kubeconfig {kubeconfig.source} cannot be used:"
    known = ", ".join(sorted(kubeconfig.contexts)) or "none"
    if not name:
        raise HardeningError(f"{cannot} it has no current-context. Name a context; contexts in the file: {known}.")
    if name not in kubeconfig.contexts:
        asked = "Asked for" if context else "Its current-context is"
        raise HardeningError(
            f"{cannot} there is no such context. {asked} context {name!r}; contexts in the file: {known}."
        )
    entry = kubeconfig.contexts[name]
    for kind, section in (("cluster", kubeconfig.clusters), ("user", kubeconfig.users)):
        if entry.text(kind) and entry.text(kind) not in section:
            raise HardeningError(
                f"{cannot} its context {name!r} names the {kind} {entry.text(kind)!r}, which is in none of the files."
            )
    if not entry.text("cluster"):
        raise HardeningError(f"{cannot} its context {name!r} names no cluster.")
    user = kubeconfig.users[entry.text("user")] if entry.text("user") else None
    return Choice(name, kubeconfig.clusters[entry.text("cluster")], user)


def _read(file: Path) -> Mapping[str, Any] | None:
    """What a file holds; None if there is no such file."""
    try:
        document = yaml.load(file.read_text(encoding="utf-8"), safe_loader())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise HardeningError(f"Kubeconfig {file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise HardeningError(f"Kubeconfig {file} cannot be read: it is not text.") from None
    except yaml.YAMLError as error:
        # Not the whole text of the error: it may quote the line, and with it a token.
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise HardeningError(f"Kubeconfig {file} is not YAML{where}.") from None
    if document is None:
        return {}
    if not isinstance(document, Mapping) or document.get("kind") not in (None, "", "Config"):
        raise HardeningError(f"Kubeconfig {file} cannot be used: what it holds is not a kubeconfig (kind: Config).")
    return document


def _entries(file: Path, document: Mapping[str, Any], section: str) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    items = document.get(section) or []
    body_key = section.removesuffix("s")
    for item in items if isinstance(items, list) else [None]:
        if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
            raise HardeningError(f"Kubeconfig {file} cannot be used: {section} must be a list of entries with a name.")
        body = item.get(body_key) or {}
        if not isinstance(body, Mapping):
            raise HardeningError(f"Kubeconfig {file} cannot be used: {body_key} of {item['name']!r} is not a mapping.")
        if item["name"] in found:
            raise HardeningError(f"Kubeconfig {file} cannot be used: {item['name']!r} is in its {section} twice.")
        found[item["name"]] = Entry(item["name"], file.absolute().parent, body)
    return found
