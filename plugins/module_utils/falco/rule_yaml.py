# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the YAML of a rule file with the place of every value, and notes what has not the form it must have.

Nothing is constructed from the YAML but strings, lists and mappings: a scalar is text here as it is for Falco,
so that ``yes`` in a list is the word "yes".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.findings import Findings, Place
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.texts import Text

try:
    import yaml

    IMPORT_ERROR: str | None = None
except ImportError as missing:
    IMPORT_ERROR = str(missing)

_NULL = ("", "~", "null", "Null", "NULL")
_TRUE = ("y", "yes", "true", "on")
_FALSE = ("n", "no", "false", "off")
_KINDS = {"MappingNode": "a mapping", "SequenceNode": "a list", "ScalarNode": "a single value"}


def read_items(name: str, content: str, findings: Findings) -> list[YamlValue]:
    """The items of a rule file: of all its documents, each of which must be a list.

    Args:
        name: of the file, for messages.
        content: its text.
        findings: takes what is wrong.

    Raises:
        HardeningError: PyYAML is missing.
    """
    if IMPORT_ERROR is not None:
        raise HardeningError(
            f"The Python package PyYAML cannot be imported ({IMPORT_ERROR}). ansible-core brings it: "
            "run the module with Ansible's own interpreter, or install it for the one that runs the modules"
        )
    try:
        # CSafeLoader would be faster, but does not tell where a folded text's lines are.
        documents = list(yaml.compose_all(content, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        findings.error("not-yaml", _mark_place(name, error), f"this is not YAML: {_problem(error)}")
        return []
    except RecursionError:
        findings.error("not-yaml", Place(name, 1), "this YAML is nested too deeply to be a rule file")
        return []
    values = [YamlValue(name, content, node, findings) for node in documents if node is not None]
    return [item for value in values if not value.is_null for item in value.items("rules, macros and lists")]


@dataclass(frozen=True)
class YamlValue:
    """A value in a rule file."""

    file: str
    content: str
    node: yaml.Node
    findings: Findings

    @property
    def place(self) -> Place:
        """Where it begins."""
        return Place(self.file, self.node.start_mark.line + 1, self.node.start_mark.column + 1)

    @property
    def is_null(self) -> bool:
        """Whether it is null or nothing."""
        return isinstance(self.node, yaml.ScalarNode) and self.node.style is None and self.node.value in _NULL

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self.node, yaml.SequenceNode)

    @property
    def is_filled_list(self) -> bool:
        """Whether it is a list with something in it."""
        return isinstance(self.node, yaml.SequenceNode) and bool(self.node.value)

    def keys(self, what: str) -> Mapping[str, YamlValue]:
        """The values of a mapping by their keys; ``what`` names it in a message."""
        if not isinstance(self.node, yaml.MappingNode):
            self._refuse(f"{what} must be a mapping")
            return {}
        found: dict[str, YamlValue] = {}
        for key, node in self.node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name in found:
                place = YamlValue(self.file, self.content, key, self.findings).place
                self.findings.error("duplicate-key", place, f"the key {name!r} is there twice; keep one")
            else:
                found[name] = YamlValue(self.file, self.content, node, self.findings)
        return found

    def items(self, what: str) -> list[YamlValue]:
        """The values of a list; ``what`` names them in a message."""
        if not isinstance(self.node, yaml.SequenceNode):
            self._refuse(f"{what} must be a list")
            return []
        return [YamlValue(self.file, self.content, node, self.findings) for node in self.node.value]

    def text(self, what: str) -> Text | None:
        """A text that is not empty; ``what`` names it in a message. None if it is something else."""
        if self.is_null:
            self._refuse(f"{what} must not be empty")
            return None
        if not isinstance(self.node, yaml.ScalarNode):
            self._refuse(f"{what} must be a text")
            return None
        return Text(self.node.value, *self._source(self.node))

    def texts(self, what: str) -> tuple[Text, ...]:
        """A list of texts; ``what`` names them in a message."""
        found = [item.text(f"each of the {what}") for item in self.items(what)]
        return tuple(text for text in found if text is not None)

    def flag(self, what: str) -> bool | None:
        """True or false; None if it is something else."""
        value = self.node.value.lower() if isinstance(self.node, yaml.ScalarNode) else None
        if value in _TRUE or value in _FALSE:
            return value in _TRUE
        self._refuse(f"{what} must be true or false")
        return None

    def _source(self, node: yaml.ScalarNode) -> tuple[Place, str]:
        raw = self.content[node.start_mark.index : node.end_mark.index]
        if node.style in ("|", ">"):
            return Place(self.file, node.start_mark.line + 2), raw.partition("\n")[2]
        return self.place, "" if node.style else raw

    def _refuse(self, message: str) -> None:
        kind = "nothing" if self.is_null else _KINDS[type(self.node).__name__]
        self.findings.error("wrong-type", self.place, f"{message}, not {kind}")


def _mark_place(name: str, error: yaml.YAMLError) -> Place:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return Place(name, mark.line + 1, mark.column + 1) if mark else Place(name, 1)


def _problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError):
        return " ".join(part for part in (error.problem, error.context) if part)
    return " ".join(str(error).split())
