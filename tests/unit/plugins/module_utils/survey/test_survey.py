# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what is remarked on in the first look at a cluster, on what it is silent, and that it asks for little."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import Limits
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.survey import look as look_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.survey.look import survey
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.survey.question import Question, read_question
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.survey.remarks import NAMES, Seen, remarks

DEFAULTS = yaml.safe_load(
    (Path(look_module.__file__).parents[3] / "roles/cluster/defaults/main.yml").read_text(encoding="utf-8")
)
LAYERS = ["cluster", "network_policies", "dcgm_exporter"]
SITE = {
    "data_lake": {"cidr": "192.0.2.0/24", "ports": [{"port": 443}]},
    "model_registry": {"cidr": "198.51.100.0/24", "ports": [{"port": 443}]},
}
SETTINGS: dict[str, Any] = {
    "layers": LAYERS,
    "stages": DEFAULTS["gpu_cluster_default_stages"],
    "endpoints": SITE,
    "dns": DEFAULTS["gpu_cluster_dns"],
    "prometheus": DEFAULTS["gpu_cluster_prometheus"],
    "texts": {"falco_approved_hosts": ["registry.example.com"]},
    "images": {"falco_image": {"repository": "falco", "tag": "1", "digest": "sha256:0"}},
    "locked": False,
}


def question(**changes: Any) -> Question:
    return read_question({**SETTINGS, **changes})


def daemon_set(image: str, *arguments: str, labels: Any = None) -> dict[str, Any]:
    template = {"metadata": {"labels": labels or {}}, "spec": {"containers": [{"image": image, "args": arguments}]}}
    return {"metadata": {"namespace": "kube-system", "name": "it"}, "spec": {"template": template}}


CALICO = daemon_set("calico/node:v3.31.0")
FLANNEL = daemon_set("flannel/flannel:v0.27.4")
CACHE = daemon_set("registry.k8s.io/dns/k8s-dns-node-cache:1.26", "-localip", "169.254.25.10", "-conf", "/etc/Corefile")
CACHE_OF_TWO = daemon_set("dns/k8s-dns-node-cache:1", "-localip=169.254.20.10,10.96.0.10")


def seen(asked: Question, **changes: Any) -> Seen:
    pods = [*([asked.dns] if asked.dns else []), *asked.peers]
    given = {"version": "v1.37.2", "daemon_sets": [CALICO], "found": dict.fromkeys(pods, True), **changes}
    return Seen(**given)


def said(asked: Question, **changes: Any) -> dict[str, str]:
    return {remark.name: remark.text for remark in remarks(seen(asked, **changes), asked)}


def test_a_cluster_that_is_set_up_well_is_not_remarked_on() -> None:
    assert said(question()) == {}


def test_the_defaults_are_the_example() -> None:
    texts = {"admission_policies_registries": ["registry.internal"], "falco_approved_images": ["registry.internal/ml"]}
    text = said(question(endpoints=DEFAULTS["gpu_cluster_endpoints"], texts=texts))["examples"]
    for name in ("data_lake (10.0.100.0/24)", "model_registry (10.0.50.0/24)", *texts):
        assert name in text


@pytest.mark.parametrize(
    ("daemon_sets", "version", "expected"),
    [
        ([CALICO], "v1.37.2", None),
        ([FLANNEL, CALICO], "v1.37.2", None),
        ([FLANNEL], "v1.37.2", "only Flannel, which does not"),
        ([], "v1.37.2", "none of those that are known to"),
        ([], "v1.34.1+k3s1", None),
        (None, "v1.37.2", None),
    ],
)
def test_policies_that_nobody_enforces(daemon_sets: Any, version: str, expected: str | None) -> None:
    text = said(question(), daemon_sets=daemon_sets, version=version).get("policies")
    assert (text is None) == (expected is None)
    assert (expected or "") in (text or "")


def test_without_the_layer_its_remarks_are_not_made() -> None:
    asked = question(layers=["cluster", "rbac"], endpoints=DEFAULTS["gpu_cluster_endpoints"])
    assert asked == Question(node_local=False)
    assert said(asked, daemon_sets=None) == {}


def test_dns_that_selects_no_pod_ends_the_run_unless_it_is_meant() -> None:
    asked = question()
    (remark,) = [found for found in remarks(seen(asked, found={asked.dns: False}), asked) if found.name == "dns"]
    assert remark.refuses
    assert "k8s-app=kube-dns in kube-system" in remark.text
    cached = question(dns={**DEFAULTS["gpu_cluster_dns"], "node_local_addresses": ["169.254.20.10"]})
    assert said(cached, found={cached.dns: False}) == {}
    unneeded = question(stages=[{"name": "a", "namespace": "a", "egress": ["data_lake"]}])
    assert unneeded.dns is None


@pytest.mark.parametrize(
    ("cache", "addresses"), [(CACHE, "[169.254.25.10]"), (CACHE_OF_TWO, "[169.254.20.10, 10.96.0.10]")]
)
def test_a_cache_on_the_nodes_that_is_not_in_the_settings(cache: Any, addresses: str) -> None:
    assert addresses in said(question(), daemon_sets=[CALICO, cache])["dns_cache"]
    cached = question(dns={**DEFAULTS["gpu_cluster_dns"], "node_local_addresses": ["169.254.20.10"]})
    assert said(cached, daemon_sets=[CALICO, cache]) == {}


def test_selectors_of_prometheus_and_the_gateway_that_match_nothing_are_one_remark() -> None:
    asked = question()
    assert [pods.what for pods in asked.peers] == ["ingress of stage serving", "gpu_cluster_prometheus"]
    text = said(asked, found=dict.fromkeys(asked.peers, False))["selectors"]
    assert "ingress of stage serving (app=gateway in api-gateway)" in text
    assert "gpu_cluster_prometheus (app=ml-monitor in ml-monitoring)" in text
    assert said(asked, found=dict.fromkeys(asked.peers, None)) == {}


OWN = {"10.244.3.0/24": "holds the pods of", "10.96.0.1": "holds the Services, such as"}


@pytest.mark.parametrize(
    ("endpoint", "held"),
    [
        ({"cidr": "10.0.0.0/8"}, ["holds the pods of 10.244.3.0/24", "holds the Services, such as 10.96.0.1/32"]),
        ({"cidr": "10.244.3.128/25"}, ["holds the pods of"]),
        ({"cidr": "10.0.0.0/8", "except": ["10.244.0.0/16", "10.96.0.0/12"]}, []),
        ({"cidr": "10.0.0.0/8", "except": ["10.244.0.0/16"]}, ["holds the Services"]),
        ({"cidrs": ["192.0.2.0/24", "10.96.0.0/12"]}, ["holds the Services"]),
        ({"cidr": "2001:db8::/32"}, []),
        ({"cidr": "192.0.2.0/24"}, []),
        ({"namespace": "x"}, []),
    ],
)
def test_networks_of_endpoints_that_hold_the_clusters_own(endpoint: dict[str, Any], held: list[str]) -> None:
    text = said(question(endpoints={"lake": endpoint}), networks=OWN).get("networks", "")
    assert bool(text) == bool(held)
    assert all(part in text for part in held)
    inline = [{"name": "a", "namespace": "a", "egress": [endpoint]}]
    assert bool(said(question(stages=inline), networks=OWN).get("networks")) == bool(held)


def test_images_that_go_by_tag_until_they_are_locked() -> None:
    images = {"falco_image": {"repository": "falco", "tag": "1", "digest": ""}, "other_image": {}}
    assert "falco_image" in said(question(images=images))["tags"]
    assert said(question(images=images, locked=True)) == {}


def test_a_certificate_that_is_not_verified() -> None:
    assert "insecure-skip-tls-verify" in said(question(), verified=False)["certificate"]


def test_the_roles_variable_takes_just_these_names() -> None:
    spec = (Path(look_module.__file__).parents[3] / "roles/cluster/meta/argument_specs.yml").read_text()
    (entry_point,) = yaml.safe_load(spec)["argument_specs"].values()
    option = entry_point["options"]["gpu_cluster_accepted_remarks"]
    assert tuple(option["choices"]) == NAMES


def pods(*names: str) -> Any:
    return (200, {"items": [{"metadata": {"name": name}} for name in names]}, {})


NOBODY_THERE = [
    pods(),
    pods(),
    pods(),
    pods(),
    (200, {"items": []}, {}),
    (200, {"spec": {"clusterIP": "10.96.0.1"}}, {}),
]
ONE_BY_ONE = Limits(concurrency=1)
FORBIDDEN = [(403, {"reason": "Forbidden"}, {})] * 6


def test_it_asks_for_single_pods_and_refuses_before_anything_is_done(fake_client: Any) -> None:
    fake = fake_client(NOBODY_THERE, ONE_BY_ONE)
    with pytest.raises(HardeningError, match=r"gpu_cluster_dns selects no pod.*put dns into gpu_cluster_accepted"):
        survey(fake.client, question(), "v1.37.2", [])
    assert len(fake.pool.asked) == len(NOBODY_THERE)
    assert sum("limit=1" in url and "labelSelector" in url for _verb, url, _options in fake.pool.asked) == 3


def test_what_is_accepted_is_not_said(fake_client: Any) -> None:
    found = survey(fake_client(NOBODY_THERE, ONE_BY_ONE).client, question(), "v1.37.2", ["dns", "policies"])
    assert [remark.name for remark in found] == ["selectors"]
    assert "put selectors into gpu_cluster_accepted_remarks" in found[0].text


def test_what_is_not_ours_to_read_is_passed_over(fake_client: Any) -> None:
    assert survey(fake_client(FORBIDDEN).client, question(), "v1.37.2", []) == []


def test_nothing_is_asked_for_where_there_is_no_question(fake_client: Any) -> None:
    assert survey(fake_client([]).client, read_question({}), "v1.37.2", []) == []
