# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that the parent of a layer is as KEP-3659 lays down, and that it is read as it was written."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.version import VERSION
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers import parent as parent_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import Layer, read_layer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.parent import (
    Parent,
    parent_body,
    read_parent,
)

LAYER = Layer("network_policies")
FULL = Parent(
    frozenset({("", "ConfigMap"), ("apps", "Deployment"), ("rbac.authorization.k8s.io", "Role")}),
    frozenset({"ml-training", "ml-serving", LAYER.namespace}),
    revision=7,
    total="abc",
    manager="us",
)


def test_the_id_is_the_hash_of_the_parents_identity() -> None:
    # printf layer-network-policies.gpu-cluster-hardening.ConfigMap. | openssl dgst -sha256 -binary | basenc --base64url
    assert LAYER.set_id == "applyset-K2hViL3cCgxnitycxu0h6q8q7tE2ifOhsfk1-BgN_iw-v1"


def test_the_annotations_are_those_of_the_kep() -> None:
    metadata = parent_body(LAYER, FULL)["metadata"]
    assert metadata["labels"]["applyset.kubernetes.io/id"] == LAYER.set_id
    assert {key: text for key, text in metadata["annotations"].items() if "kubernetes.io" in key} == {
        "applyset.kubernetes.io/tooling": f"gpu_cluster.hardening/v{VERSION}",
        "applyset.kubernetes.io/contains-group-kinds": "ConfigMap,Deployment.apps,Role.rbac.authorization.k8s.io",
        "applyset.kubernetes.io/additional-namespaces": "ml-serving,ml-training",
    }


def test_a_parent_is_read_as_it_was_written() -> None:
    assert read_parent(LAYER, parent_body(LAYER, FULL)) == FULL


@pytest.mark.parametrize("annotations", [None, {}, {parent_module.REVISION: "x", parent_module.KINDS: ",,"}])
def test_what_is_malformed_counts_as_not_there(annotations: dict[str, str] | None) -> None:
    read = read_parent(LAYER, {"metadata": {"annotations": annotations, "resourceVersion": "3"}})
    assert (read.kinds, read.revision, read.total, read.version) == (frozenset(), 0, "", "3")


def test_growing_forgets_nothing() -> None:
    grown = FULL.grown([("batch", "Job")], ["other"])
    assert grown.kinds > FULL.kinds
    assert grown.namespaces > FULL.namespaces
    assert not grown.says_as(FULL)
    assert FULL.grown(FULL.kinds, []).says_as(FULL)


def test_a_name_that_makes_no_object_is_refused() -> None:
    for name in ("", "A", "a/b", "-a", "a-", "a" * 41):
        with pytest.raises(HardeningError, match="is not the name of a layer"):
            read_layer(name, "home")


def test_the_version_is_that_of_the_collection() -> None:
    galaxy = yaml.safe_load(Path(parent_module.__file__).parents[3].joinpath("galaxy.yml").read_text())
    assert galaxy["version"] == VERSION
