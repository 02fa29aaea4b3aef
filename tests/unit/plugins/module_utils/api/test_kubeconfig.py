# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that several kubeconfigs are one as kubectl sees them, and that what is wrong is said without secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.kubeconfig import (
    Kubeconfig,
    choose,
    kubeconfig_files,
    read_kubeconfig,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError


def document(name: str, server: str, current: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        **({} if current is None else {"current-context": current}),
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": {"token": f"token-of-{server}"}}],
        **more,
    }


LAB = document("lab", "https://lab", "lab")
LAB_ELSEWHERE = document("lab", "https://elsewhere", "lab")
PROD = document("prod", "https://prod", "prod")


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read_all(*documents: object) -> Kubeconfig:
        """Documents as files, in order: text as it is, None for a file that does not exist."""
        files = [tmp_path / str(number) for number in range(len(documents))]
        for file, content in zip(files, documents, strict=True):
            if content is not None:
                file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return read_kubeconfig("the files", files)

    return read_all


@pytest.mark.parametrize(
    ("files", "context", "server"),
    [
        pytest.param([LAB, PROD], None, "https://lab", id="the first file sets the current context"),
        pytest.param([PROD, LAB], None, "https://prod", id="also in the other order"),
        pytest.param([LAB, PROD], "prod", "https://prod", id="contexts of all files are known"),
        pytest.param([LAB, LAB_ELSEWHERE], None, "https://lab", id="of one name, the first file's counts"),
        pytest.param([{**LAB, "current-context": ""}, PROD], None, "https://prod", id="an empty context is none"),
        pytest.param([{**LAB, "current-context": None}, PROD], None, "https://prod", id="nor is null"),
        pytest.param(["", LAB], None, "https://lab", id="an empty file is skipped"),
        pytest.param(["---\n", LAB], None, "https://lab", id="and an empty document"),
        pytest.param(["{}", LAB], None, "https://lab", id="and an empty mapping"),
        pytest.param(
            [{"apiVersion": "v1", "kind": "Config", "clusters": None, "contexts": [], "users": None}, LAB],
            None,
            "https://lab",
            id="and an emptied one",
        ),
        pytest.param([None, LAB], None, "https://lab", id="and one that does not exist"),
    ],
)
def test_files_are_merged_as_kubectl_does(read: Any, files: list[Any], context: str | None, server: str) -> None:
    choice = choose(read(*files), context)
    assert choice.cluster.text("server") == server
    assert choice.user is not None and choice.user.text("token") == f"token-of-{server}"


def test_an_entry_is_never_put_together_from_two_files(read: Any) -> None:
    bare = {**LAB, "users": [{"name": "lab", "user": {}}]}
    user = choose(read(bare, LAB_ELSEWHERE), None).user
    assert user is not None and user.text("token") == ""


def test_a_context_without_user_stays_without(read: Any) -> None:
    anonymous = {**LAB, "contexts": [{"name": "lab", "context": {"cluster": "lab"}}], "users": []}
    assert choose(read(anonymous, LAB), None).user is None


def test_paths_begin_at_the_file_that_names_them(tmp_path: Path) -> None:
    for folder, name in (("a", "one"), ("b", "two")):
        (tmp_path / folder).mkdir()
        content = document(name, f"https://{name}", users=[{"name": name, "user": {"tokenFile": "token"}}])
        (tmp_path / folder / "config").write_text(json.dumps(content), encoding="utf-8")
    both = read_kubeconfig("both", [tmp_path / "a" / "config", tmp_path / "b" / "config"])
    assert [both.users[name].path("tokenFile") for name in ("one", "two")] == [
        tmp_path / "a" / "token",
        tmp_path / "b" / "token",
    ]


@pytest.mark.parametrize(
    ("files", "context", "message"),
    [
        ([{**LAB, "current-context": ""}], None, "it has no current-context. .* contexts in the file: lab"),
        ([LAB, PROD], "x", "Asked for context 'x'; contexts in the file: lab, prod"),
        ([{**LAB, "current-context": "gone"}], None, "Its current-context is context 'gone'"),
        ([{**LAB, "clusters": []}], None, "names the cluster 'lab', which is in none of the files"),
        ([{**LAB, "users": []}], None, "names the user 'lab', which is in none of the files"),
        ([{**LAB, "contexts": [{"name": "lab", "context": {}}]}], None, "names no cluster"),
        ([{**LAB, "clusters": [*LAB["clusters"], *LAB["clusters"]]}], None, "'lab' is in its clusters twice"),
        ([{**LAB, "users": {"lab": {}}}], None, "users must be a list of entries with a name"),
        ([{**LAB, "users": [{"name": "lab", "user": "text"}]}], None, "user of 'lab' is not a mapping"),
        (["just text"], None, "not a kubeconfig"),
        ([{"apiVersion": "v1", "kind": "ConfigMap"}], None, "not a kubeconfig"),
    ],
)
def test_what_cannot_be_used_is_said(read: Any, files: list[Any], context: str | None, message: str) -> None:
    with pytest.raises(HardeningError, match=message):
        choose(read(*files), context)


def test_what_is_not_yaml_is_not_quoted(read: Any) -> None:
    with pytest.raises(HardeningError, match=r"is not YAML, line 3\.") as caught:
        read("users:\n  - {token: secret-token\n: [")
    assert "secret" not in str(caught.value)


def test_a_colon_separates_files_unless_it_is_in_the_name_of_one(tmp_path: Path) -> None:
    odd = tmp_path / "a:b"
    odd.write_text("", encoding="utf-8")
    assert kubeconfig_files(str(odd)) == [odd]
    assert kubeconfig_files("/a:/b::/a") == [Path("/a"), Path("/b")]
