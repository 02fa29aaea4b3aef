# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that rendered files hold what a run would send, as YAML reads it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import parse_manifests
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import Layer, as_member
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.render import render

LAYER = Layer("one")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a\nb\n",
        "a\nb",
        " a\n  b\n",
        "010",
        "1e3",
        "yes",
        "null",
        "~",
        "ünï",
        "a: b",
        "- x",
        "#",
        "\t",
        "a\r\nb",
        "😀",
    ],
)
def test_texts_come_back_as_they_are(value: str) -> None:
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "n"},
        "data": {"k": value},
    }
    (manifest,) = parse_manifests([document])
    files, _secrets = render(LAYER, [manifest], "us")
    assert yaml.safe_load(files["001-configmap-n-a.yaml"]) == as_member(manifest, LAYER).body


def test_files_are_in_the_order_of_application_and_listed_in_the_kustomization() -> None:
    def document(api_version: str, kind: str, name: str, **more: Any) -> dict[str, Any]:
        return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **more}}

    documents = [
        document("apps/v1", "DaemonSet", "d", namespace="n"),
        document("v1", "Namespace", "n"),
        document("rbac.authorization.k8s.io/v1", "ClusterRole", "a:b"),
        {**document("v1", "Secret", "s", namespace="n"), "data": {"k": "djE="}},
    ]
    files, secrets = render(LAYER, parse_manifests(documents), "us")
    assert list(files) == [
        "000-layers-namespace.yaml",
        "000-layer.yaml",
        "001-namespace-n.yaml",
        "002-clusterrole-a-b.yaml",
        "003-daemonset-n-d.yaml",
        "kustomization.yaml",
    ]
    assert yaml.safe_load(files["kustomization.yaml"])["resources"] == list(files)[:-1]
    assert secrets == ["n/s"]
    assert "djE=" not in str(files)
