# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files tell the same as the API, whatever form they have."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.index import CHECKS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.from_folder import take
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.judge import judge
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import BY_NAME
from cluster_objects import HOME, Objects
from good_cluster import SETTINGS, TODAY, good


def lists(objects: Objects, folder: Path) -> None:
    """As ``kubectl get KIND -A -o yaml``; a kind of which there is nothing is an empty list."""
    for name, kind in BY_NAME.items():
        body = {"apiVersion": "v1", "kind": "List", "items": objects.items.get(name, [])}
        (folder / f"{kind.plural}.yaml").write_text(yaml.safe_dump(body), encoding="utf-8")


def documents(objects: Objects, folder: Path) -> None:
    """All in one file, but the empty lists."""
    everything = [item for items in objects.items.values() for item in items]
    (folder / "all.yml").write_text(yaml.safe_dump_all(everything), encoding="utf-8")
    empty(objects, folder)


def tree(objects: Objects, folder: Path) -> None:
    """As a must-gather: typed lists of a namespace, whose items have no kind of their own, and single objects."""
    for name, items in objects.items.items():
        for item in items:
            place = folder / "namespaces" / item["metadata"].get("namespace", "cluster") / BY_NAME[name].plural
            place.mkdir(parents=True, exist_ok=True)
            bare = {key: value for key, value in item.items() if key not in ("apiVersion", "kind")}
            body = {"apiVersion": item["apiVersion"], "kind": f"{name}List", "items": [bare]}
            (place / f"{item['metadata']['name']}.json").write_text(json.dumps(body), encoding="utf-8")
    empty(objects, folder)


def empty(objects: Objects, folder: Path) -> None:
    for name, kind in BY_NAME.items():
        if name not in objects.items:
            body = {"apiVersion": kind.api_version, "kind": f"{name}List", "items": []}
            (folder / f"{kind.plural}.json").write_text(json.dumps(body), encoding="utf-8")


@pytest.mark.parametrize("write", [lists, documents, tree])
def test_they_give_the_same_objects_and_verdicts(write: Callable[[Objects, Path], None], tmp_path: Path) -> None:
    objects = good()
    objects.get("Deployment", "serve", "ml-serving")["spec"]["template"]["spec"]["hostPID"] = True
    write(objects, tmp_path)
    (tmp_path / "version.json").write_text('{"serverVersion": {"gitVersion": "v1.37.2"}}', encoding="utf-8")
    found, wanted = take(tmp_path, HOME), objects.snapshot()
    assert found.objects == wanted.objects
    assert found.unread == {} and found.version == wanted.version
    verdicts = [judge(Cluster(one, SETTINGS, today=TODAY), CHECKS) for one in (found, wanted)]
    assert verdicts[0] == verdicts[1]


def test_values_that_kubectl_writes_without_quotes_stay_texts(tmp_path: Path) -> None:
    """As ``kubectl get -o yaml`` prints an argument that is an equals sign, and a time."""
    text = """apiVersion: v1
items:
- apiVersion: v1
  kind: Pod
  metadata:
    creationTimestamp: 2026-11-29T01:00:00Z
    name: x
    namespace: y
  spec:
    containers:
    - args:
      - =
      - 2026-11-29T01:00:00Z
      name: main
kind: List
"""
    (tmp_path / "pods.yaml").write_text(text, encoding="utf-8")
    (pod,) = take(tmp_path, HOME).objects["Pod"]
    assert pod["spec"]["containers"][0]["args"] == ["=", "2026-11-29T01:00:00Z"]


def test_what_is_not_there_is_unknown_and_does_not_pass(tmp_path: Path) -> None:
    body = {"apiVersion": "v1", "kind": "List", "items": good().items["Namespace"]}
    (tmp_path / "namespaces.yaml").write_text(yaml.safe_dump(body), encoding="utf-8")
    snapshot = take(tmp_path, HOME)
    assert "networkpolicies" in snapshot.unread["NetworkPolicy"]
    statuses = {verdict.check.id: verdict for verdict in judge(Cluster(snapshot, SETTINGS, today=TODAY), CHECKS)}
    assert statuses["GPU-NS-002"].status == "pass"
    assert statuses["GPU-NET-001"].status == "unknown"
    assert "networkpolicies" in statuses["GPU-NET-001"].detail
    assert "version of the API server" in statuses["GPU-NODE-007"].detail


def test_kinds_of_another_group_with_the_same_name_are_passed_over(tmp_path: Path) -> None:
    kyverno = {"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "x"}, "spec": {}}
    name = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all([kyverno, name, "text", None]), encoding="utf-8")
    assert set(take(tmp_path, HOME).objects) == {"Namespace"}


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "no folder with files"),
        ({"a.yaml": "kind: Other"}, "no object of any kind"),
        ({"a.yaml": "a: [password: x"}, r"line \d cannot be read"),
        ({"a.json": "{"}, "neither YAML nor JSON"),
        ({"a.yaml": "{apiVersion: v1, kind: Pod, metadata: {name: x}}"}, "a.yaml: the Pod x has another form"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(files: dict[str, str], says: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(HardeningError, match=says) as error:
        take(tmp_path, HOME)
    assert "password" not in error.value.message


def test_an_odd_object_makes_what_reads_it_unknown_and_nothing_else(tmp_path: Path) -> None:
    objects = good()
    objects.get("NetworkPolicy", "allow-serving", "ml-serving")["spec"]["egress"] = [
        {"to": [{"ipBlock": {"cidr": "x"}}]}
    ]
    lists(objects, tmp_path)
    found = {one.check.id: one for one in judge(Cluster(take(tmp_path, HOME), SETTINGS, today=TODAY), CHECKS)}
    assert found["GPU-NET-003"].status == "unknown"
    assert "another form than the API gives it" in found["GPU-NET-003"].detail
    assert found["GPU-NET-001"].status == "pass"


def test_a_secret_in_the_folder_is_not_kept(tmp_path: Path) -> None:
    secret: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "x"},
        "data": {"a": "aHVudGVy"},
    }
    name = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all([secret, name]), encoding="utf-8")
    assert "aHVudGVy" not in str(take(tmp_path, HOME))
