# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command line selects: clusters and tags."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.run_selection import (
    lacking_hosts,
    read_playbooks,
    unknown_tags,
)

CHECKOUT = Path(__file__).resolve().parents[4]
OURS = CHECKOUT / "playbooks"
ROLES = {path.name for path in (CHECKOUT / "roles").iterdir()}
KNOWN = {name for name in ROLES if not name.startswith("host_")} - {"cluster", "sandbox", "verify"}
HARDEN = "gpu_cluster.hardening.harden_gpu_cluster"


@pytest.mark.parametrize(
    ("groups", "hosts", "limit", "says"),
    [
        ({"gpu_clusters": ["metal"]}, ["metal", "other"], None, ""),
        ({}, [], None, "The inventory (metal.yml) has no host in the group gpu_clusters"),
        ({"gpu_clusters": []}, ["other"], None, "has no host in the group gpu_clusters"),
        ({"gpu_cluster": ["metal"]}, ["metal"], None, "Did you mean gpu_clusters where it says gpu_cluster?"),
        ({"gpu_clusters": ["metal"]}, ["other"], "other", "--limit other leaves no cluster"),
    ],
)
def test_a_run_without_a_cluster_says_why(
    groups: dict[str, list[str]], hosts: list[str], limit: str, says: str
) -> None:
    problem = lacking_hosts(groups, hosts, ["metal.yml"], limit)
    assert says in problem
    assert bool(says) == bool(problem)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"all"}, ""),
        ({"rbac", "always", "never", "tagged", "untagged"}, ""),
        ({"notest", "molecule-notest", "molecule-idempotence-notest"}, ""),
        ({"rbca"}, "rbca (did you mean rbac?). The tags are admission_policies, dcgm_exporter"),
        ({"rbac", "zzz"}, "No task has the tag zzz. The tags are"),
    ],
)
def test_a_tag_that_no_task_has_is_named_with_those_that_there_are(asked: set[str], says: str) -> None:
    problem = unknown_tags(asked, KNOWN)
    assert says in problem
    assert bool(says) == bool(problem)


def test_a_playbook_without_tags_says_so() -> None:
    assert unknown_tags({"rbac"}, ()) == "No task has the tag rbac. This playbook has no tags."


@pytest.mark.parametrize(
    ("text", "tags", "alone"),
    [
        (f"[{{import_playbook: {HARDEN}}}]", KNOWN, True),
        (f"[{{ansible.builtin.import_playbook: {HARDEN}, tags: 'mine, other'}}]", KNOWN | {"mine", "other"}, True),
        ("[{import_playbook: inner.yml}]", KNOWN, True),
        (f"[{{import_playbook: {HARDEN}}}, {{hosts: all, tags: [theirs]}}]", KNOWN, False),
        (f"[{{import_playbook: {HARDEN}}}, {{import_playbook: other.collection.site}}]", KNOWN, False),
        ("[{import_playbook: '{{ chosen }}'}]", set(), False),
        ("not a playbook", set(), False),
        (": : :", set(), False),
    ],
)
def test_playbooks_of_a_command_line_are_ours_or_also_others(
    tmp_path: Path, text: str, tags: set[str], alone: bool
) -> None:
    (tmp_path / "inner.yml").write_text(f"[{{import_playbook: {HARDEN}}}]", encoding="utf-8")
    (tmp_path / "site.yml").write_text(text, encoding="utf-8")
    found = read_playbooks([str(tmp_path / "site.yml")], OURS)
    assert (found.tags, found.alone) == (tags, alone)


def test_our_playbooks_are_known_by_path_and_by_name() -> None:
    for name in (HARDEN, str(OURS / "harden_gpu_cluster.yml")):
        assert read_playbooks([name], OURS).tags == KNOWN
    assert read_playbooks([str(CHECKOUT / "harden-gpu-cluster.yml")], OURS).tags == KNOWN | {"gpu_hosts"}
    assert read_playbooks(["gpu_cluster.hardening.status_gpu_cluster"], OURS).tags == set()
