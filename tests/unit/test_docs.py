# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages tell users to write and to run is there: variables, playbooks, targets and files."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    {
        *CHECKOUT.glob("*.md"),
        *(CHECKOUT / "docs").rglob("*.md"),
        *(CHECKOUT / "roles").glob("*/README.md"),
    }
    - {CHECKOUT / "CHANGELOG.md"}
)
ROLES = sorted(path.parents[1].name for path in (CHECKOUT / "roles").glob("*/meta/argument_specs.yml"))
PLAYBOOKS = {path.stem for path in (CHECKOUT / "playbooks").glob("*.yml")}
SHELLS = {"sh", "shell", "console"}
PLAYBOOK = re.compile(r"gpu_cluster\.hardening\.(\w+)")
MOST_LINES_OF_README = 200


class Loader(yaml.SafeLoader):
    """Knows Ansible's tag for texts that are no templates."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


@dataclass(frozen=True)
class Block:
    """A block of code: its page, the line there, its language and its text."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(languages: set[str]) -> list[Block]:
    return [
        Block(str(page.relative_to(CHECKOUT)), token.map[0] + 1, token.info.strip(), token.content)
        for page in PAGES
        for token in MarkdownIt().parse(page.read_text(encoding="utf-8"))
        if token.type == "fence" and token.info.strip() in languages and token.map
    ]


def variables() -> set[str]:
    """Variables of all roles, and those that playbooks read."""
    known: set[str] = set()
    for role in ROLES:
        specs = yaml.safe_load((CHECKOUT / "roles" / role / "meta/argument_specs.yml").read_text(encoding="utf-8"))
        for entry_point in specs["argument_specs"].values():
            known |= set(entry_point["options"])
    for path in (CHECKOUT / "playbooks").glob("*.yml"):
        known |= set(re.findall(r"\b[a-z]\w*\b", path.read_text(encoding="utf-8")))
    return known


def commands(block: Block) -> Iterator[list[str]]:
    """Words of each command, without comments and output (in a console, lines without ``$``)."""
    text = block.text.replace("\\\n", " ")
    for raw in text.splitlines():
        line = raw.strip()
        if block.language == "console":
            if not line.startswith("$ "):
                continue
            line = line[2:]
        for part in re.split(r"\s(?:\||&&|;)\s", line):
            try:
                words = shlex.split(part, comments=True)
            except ValueError:
                continue  # a quoted text of several lines
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words = words[1:]
            if words:
                yield words


KNOWN = variables()
TARGETS = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
YAML_BLOCKS = blocks({"yaml"})
SHELL_BLOCKS = blocks(SHELLS)


def test_there_are_blocks_to_look_at() -> None:
    assert len(YAML_BLOCKS) > 30
    assert len(SHELL_BLOCKS) > 20


@pytest.mark.parametrize("block", YAML_BLOCKS, ids=str)
def test_yaml_parses_and_its_variables_exist(block: Block) -> None:
    prefixes = tuple(f"{role}_" for role in (*ROLES, "gpu_cluster") if role != "cluster")
    for document in yaml.load_all(block.text, Loader=Loader):
        for mapping in document if isinstance(document, list) else [document]:
            if isinstance(mapping, dict):
                given = {*mapping, *(mapping.get("vars") or {})}
                assert {str(name) for name in given if str(name).startswith(prefixes)} - KNOWN == set()


def problems(words: list[str]) -> Iterator[str]:
    """What is wrong with one command."""
    if words[0] == "make":
        yield from (
            f"no target {word}" for word in words[1:] if word[0] != "-" and "=" not in word and word not in TARGETS
        )
    if words[0].endswith("ansible-playbook"):
        named = {name for word in words for name in PLAYBOOK.findall(word)}
        yield from (f"no playbook {name}" for name in named - PLAYBOOKS)
        files = [word for word in words[1:] if word.endswith(".yml") and word not in ("inventory.yml", "site.yml")]
        yield from (
            f"no file {name}"
            for name in files
            if "/" in name and not name.startswith(("inventories", "@")) and not (CHECKOUT / name).exists()
        )
        given = [word.split("=")[0] for flag, word in pairwise(words) if flag == "-e" and "=" in word]
        yield from (f"no variable {name}" for name in given if name not in KNOWN)
    if words[0].startswith("tests/") or "/tests/" in words[0]:
        yield from () if (CHECKOUT / words[0]).exists() else (f"no file {words[0]}",)


@pytest.mark.parametrize("block", SHELL_BLOCKS, ids=str)
def test_what_a_shell_block_runs_exists(block: Block) -> None:
    found: list[Any] = [(words, problem) for words in commands(block) for problem in problems(words)]
    assert found == []
    if block.language != "console":
        checked = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr


def test_every_playbook_has_a_line_on_their_page() -> None:
    page = (CHECKOUT / "docs/playbooks.md").read_text(encoding="utf-8")
    assert set(PLAYBOOK.findall(page)) == PLAYBOOKS


def test_the_readme_is_short() -> None:
    assert len((CHECKOUT / "README.md").read_text(encoding="utf-8").splitlines()) <= MOST_LINES_OF_README


def test_every_page_of_docs_is_on_the_site() -> None:
    index = (CHECKOUT / "docs/site/index.md").read_text(encoding="utf-8")
    pages = {f"docs/{path.stem}" for path in (CHECKOUT / "docs").glob("*.md")}
    assert pages <= set(index.split())
