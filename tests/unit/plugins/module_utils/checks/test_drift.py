# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a layer's record the cluster no longer is, and who did it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.comparison import difference, writer
from cluster_objects import Json, Objects
from good_cluster import LAYER, cluster, good

POLICY = ("NetworkPolicy", "allow-serving", "ml-serving")
RESOURCES = {"limits": {"memory": "1Gi"}}
WANTED: Json = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": "falco", "namespace": "falco", "labels": {"a": "b"}},
    "spec": {
        "template": {
            "spec": {
                "containers": [
                    {"name": "falco", "image": "falco@sha256:0", "resources": {"limits": {"memory": "1Gi"}}}
                ],
                "tolerations": [{"operator": "Exists"}],
                "hostNetwork": False,
            }
        }
    },
}


def live(**changes: Any) -> Json:
    """It, as the server gives it back."""
    item = copy.deepcopy(WANTED)
    item["metadata"]["labels"]["more"] = "of somebody else"
    spec = item["spec"]["template"]["spec"]
    spec.pop("hostNetwork")
    spec |= {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "securityContext": {}}
    spec["containers"][0] |= {"imagePullPolicy": "IfNotPresent", "resources": {"limits": {"memory": "1024Mi"}}}
    spec |= changes
    return item


def test_what_the_server_fills_in_is_no_difference() -> None:
    assert difference(WANTED, live()) is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"hostNetwork": True}, "spec.template.spec.hostNetwork"),
        ({"hostPID": True}, "spec.template.spec.hostPID"),
        ({"tolerations": []}, "spec.template.spec.tolerations"),
        ({"containers": [{"name": "falco", "image": "evil"}]}, "spec.template.spec.containers[falco].image"),
        ({"containers": [{"name": "other"}]}, "spec.template.spec.containers[falco]"),
        (
            {"containers": [*live()["spec"]["template"]["spec"]["containers"], {"name": "miner"}]},
            "spec.template.spec.containers[miner]",
        ),
    ],
)
def test_the_first_field_that_differs_is_named(changes: Json, field: str) -> None:
    found = difference(WANTED, live(**changes))
    assert found is not None and found.field == field


def test_a_label_that_was_taken_away_is_a_difference() -> None:
    item = live()
    del item["metadata"]["labels"]["a"]
    found = difference(WANTED, item)
    assert found is not None and found.field == "metadata.labels[a]"


def test_a_selector_that_got_narrower_is_a_difference() -> None:
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "deny"}}
    found = difference(
        {**policy, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}},
        {**policy, "spec": {"podSelector": {"matchLabels": {"a": "b"}}, "policyTypes": ["Ingress"]}},
    )
    assert found is not None and found.field == "spec.podSelector.matchLabels"


def test_who_wrote_a_field_is_the_manager_of_what_is_nearest() -> None:
    managed = [
        {"manager": "gpu_cluster.hardening", "fieldsV1": {"f:spec": {"f:egress": {}}}, "time": "2026-11-28T00:00:00Z"},
        {"manager": "kubectl-edit", "fieldsV1": {"f:spec": {"f:egress": {}}}, "time": "2026-11-29T00:00:00Z"},
        {"manager": "other", "fieldsV1": {"f:spec": {"f:ingress": {}}}, "time": "2026-11-30T00:00:00Z"},
    ]
    item = {"metadata": {"managedFields": managed}}
    assert writer(item, ("f:spec", "f:egress"), "gpu_cluster.hardening") == ("kubectl-edit", "2026-11-29T00:00:00Z")
    assert writer(item, ("f:spec", "f:podSelector"), "gpu_cluster.hardening") == (None, None)


def test_a_report_names_layer_object_field_and_manager() -> None:
    objects = good()
    item = objects.get(*POLICY)
    item["spec"]["egress"] = [{}]
    item["metadata"]["managedFields"] = [
        {"manager": "kubectl-edit", "time": "2026-11-29T00:00:00Z", "fieldsV1": {"f:spec": {"f:egress": {}}}}
    ]
    (layer,) = cluster(objects).layers
    assert (layer.name, layer.holds, layer.revision) == ("network_policies", False, 1)
    (entry,) = layer.facts()["drift"]
    assert entry["object"]["name"] == "allow-serving"
    assert (entry["field"], entry["manager"], entry["when"]) == ("spec.egress", "kubectl-edit", "2026-11-29T00:00:00Z")


def test_members_of_kinds_that_nobody_looked_at_leave_it_open_whether_a_layer_holds() -> None:
    objects = good()
    objects.unread["NetworkPolicy"] = "the user may not list it"
    (layer,) = cluster(objects).layers
    assert layer.holds is None and layer.drift == ()


@pytest.mark.parametrize("state", ["missing", "left"])
def test_what_is_gone_and_what_left_are_told_apart(state: str) -> None:
    objects: Objects = good()
    if state == "missing":
        objects.drop(*POLICY)
    else:
        objects.get(*POLICY)["metadata"].pop("labels")
    (layer,) = cluster(objects).layers
    assert [entry.state for entry in layer.drift] == [state]
    assert LAYER.name in layer.drift[0].message(LAYER.name)
