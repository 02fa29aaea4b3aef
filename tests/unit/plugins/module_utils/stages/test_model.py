# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model: what is accepted, what defaults it gets, and what is refused with which path."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.model import Network, StageError, validate

DNS = {
    "namespace": "kube-system",
    "pods": {"k8s-app": "kube-dns"},
    "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
}
ENDPOINTS = {"data_lake": {"cidr": "10.0.100.0/24", "ports": [{"port": 443}]}}


def a_stage(**changes: object) -> dict[str, object]:
    """The smallest stage, with changes; None takes a key away."""
    stage = {
        "name": "evaluation",
        "namespace": "ml-evaluation",
        "service_account": {"name": "ml-evaluator"},
        "pods": {"app": "evaluation-job"},
        "egress": ["dns", "data_lake"],
        **changes,
    }
    return {key: value for key, value in stage.items() if value is not None}


def problems(*stages: object, **network: object) -> list[str]:
    """What is wrong with stages."""
    with pytest.raises(StageError) as caught:
        validate(list(stages), Network(**{"endpoints": ENDPOINTS, "dns": DNS, **network}))
    return caught.value.problems


def test_the_smallest_stage_gets_every_default() -> None:
    (stage,) = validate([a_stage()], Network(ENDPOINTS, DNS), "v1.34")

    assert stage == {
        "name": "evaluation",
        "namespace": "ml-evaluation",
        "gpu": False,
        "pod_security": {
            "enforce": "restricted",
            "enforce_version": "v1.34",
            "audit": "restricted",
            "audit_version": "v1.34",
            "warn": "restricted",
            "warn_version": "v1.34",
        },
        "service_account": {"name": "ml-evaluator", "annotations": {}, "automount": False},
        "rules": [],
        "pods": {"app": "evaluation-job"},
        "secrets": [],
        "ingress": [],
        "egress": [
            {
                "to": [
                    {
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
                    }
                ],
                "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
            },
            {"to": [{"ipBlock": {"cidr": "10.0.100.0/24"}}], "ports": [{"protocol": "TCP", "port": 443}]},
        ],
    }


def test_without_a_network_names_are_not_looked_up() -> None:
    (stage,) = validate([a_stage(egress=["dns", "somewhere"])])
    assert "egress" not in stage
    assert "ingress" not in stage


def test_the_version_of_the_stage_goes_before_the_common_one_and_that_of_a_mode_before_both() -> None:
    (stage,) = validate([a_stage(pod_security={"version": "v1.33", "warn_version": "latest"})], None, "v1.30")
    versions = {key: value for key, value in stage["pod_security"].items() if key.endswith("version")}
    assert versions == {"enforce_version": "v1.33", "audit_version": "v1.33", "warn_version": "latest"}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "Evaluation"}, "stages[0].name: stage 'Evaluation' must be"),
        ({"name": None}, "stages[0]: name is missing"),
        ({"name": 7}, "stages[0].name: must be a string, not 7; quote it"),
        ({"namespace": "kube-system"}, "stages[0].namespace: kube-system belongs to the cluster itself"),
        ({"namespace": "kube-public"}, "stages[0].namespace: kube-public belongs to the cluster itself"),
        ({"namespace": "kube-node-lease"}, "stages[0].namespace: kube-node-lease belongs to the cluster itself"),
        ({"namespace": "default"}, "stages[0].namespace: default belongs to the cluster itself"),
        ({"namespace": "n" * 64}, "stages[0].namespace: namespace 'nnn"),
        ({"namespce": "x"}, "stages[0]: no key 'namespce' is known here (did you mean namespace?)"),
        ({"gpu": "yes"}, "stages[0].gpu: must be true or false, not 'yes'"),
        ({"pods": {"app": "a b"}}, "stages[0].pods: value 'a b' of 'app' must be"),
        ({"pods": {"-app": "a"}}, "stages[0].pods: key '-app'"),
        ({"pods": {"app": 1}}, "stages[0].pods.app: must be a string, not 1; quote it"),
        ({"pods": ["app"]}, "stages[0].pods: must be a mapping, not a list"),
        (
            {"pod_security": {"enforce": "restrited"}},
            "stages[0].pod_security.enforce: 'restrited' is not one of privileged, baseline, restricted "
            "(did you mean restricted?)",
        ),
        ({"pod_security": {"version": "1.34"}}, "stages[0].pod_security.version: '1.34' is no version"),
        ({"pod_security": {"warn_version": "v1.x"}}, "stages[0].pod_security.warn_version: 'v1.x' is no version"),
        ({"service_account": {"name": "A"}}, "stages[0].service_account.name: service account 'A' must be"),
        ({"service_account": {"name": "default"}}, "stages[0].service_account.name: every pod that names no account"),
        (
            {"service_account": {"name": "a", "annotations": {"a/b": 1}}},
            "stages[0].service_account.annotations.a/b: must be a string, not 1; quote it",
        ),
        (
            {"service_account": {"name": "a", "annotations": {"a b": "c"}}},
            "stages[0].service_account.annotations: key 'a b'",
        ),
        ({"egress": None}, "stages[0].egress: without dns its pods resolve no name"),
        ({"egress": ["data_lake"]}, "stages[0].egress: without dns its pods resolve no name"),
        ({"egress": []}, "stages[0].egress: without dns its pods resolve no name"),
        ({"egress": "dns"}, "stages[0].egress: must be a list, not 'dns'"),
        ({"without_dns": True}, "stages[0].egress: names dns, but without_dns is true"),
    ],
)
def test_refuses_a_wrong_stage(changes: dict[str, object], problem: str) -> None:
    (found,) = problems(a_stage(**changes))
    assert found.startswith(problem)


def test_a_stage_without_dns_has_to_say_so() -> None:
    (stage,) = validate([a_stage(egress=[], without_dns=True)], Network(ENDPOINTS, DNS))
    assert stage["egress"] == []


def test_names_and_namespaces_are_unique() -> None:
    assert problems(a_stage(), a_stage()) == [
        "stages[1].name: evaluation is stages[0].name, too; each stage needs its own",
        "stages[1].namespace: ml-evaluation is stages[0].namespace, too; each stage needs its own",
    ]


def test_the_namespace_of_the_dns_is_no_stage() -> None:
    found = problems(a_stage(namespace="openshift-dns"), dns={**DNS, "namespace": "openshift-dns"})
    assert found == ["stages[0].namespace: the cluster's DNS is there; a default deny would cut it off"]


def test_all_problems_are_reported_together() -> None:
    found = problems(a_stage(gpu=1), a_stage(name="b", namespace="default", pods=None), "c")
    assert [line.split(":")[0] for line in found] == ["stages[1]", "stages[2]", "stages[0].gpu", "stages[1].namespace"]


@pytest.mark.parametrize(
    ("stages", "problem"),
    [
        ([], "stages: there must be at least one"),
        ({"name": "a"}, "stages: must be a list, not a mapping"),
        (None, "stages: must be a list, not null"),
    ],
)
def test_refuses_what_is_no_list_of_stages(stages: object, problem: str) -> None:
    with pytest.raises(StageError) as caught:
        validate(stages)
    assert caught.value.problems == [problem]


def test_what_every_stage_gets_comes_after_its_own() -> None:
    proxy = {"cidr": "10.1.0.1/32", "ports": [{"port": 3128}]}
    probe = {"namespace": "probes", "ports": [{"port": 9115}]}
    stages = validate(
        [a_stage(), a_stage(name="b", namespace="ml-b")],
        Network(ENDPOINTS, DNS, extra_ingress=[probe], extra_egress=[proxy]),
    )
    for stage in stages:
        assert stage["egress"][-1]["to"] == [{"ipBlock": {"cidr": "10.1.0.1/32"}}]
        assert stage["ingress"][-1]["ports"] == [{"protocol": "TCP", "port": 9115}]


def test_scraping_opens_both_ends() -> None:
    monitoring = a_stage(name="monitoring", namespace="ml-monitoring", pods={"app": "prometheus"}, egress=["dns"])
    trained, watching = validate(
        [a_stage(), monitoring],
        Network(ENDPOINTS, DNS, scrape={"stage": "monitoring", "ports": [{"port": 9090}]}),
    )
    assert trained["ingress"] == [{"from": [peer("ml-monitoring", "prometheus")], "ports": [tcp(9090)]}]
    assert watching["egress"][-1] == {"to": [peer("ml-evaluation", "evaluation-job")], "ports": [tcp(9090)]}
    assert watching["ingress"] == []


def test_refuses_scraping_by_an_unknown_stage() -> None:
    assert problems(a_stage(), scrape={"stage": "evaluatoin", "ports": [{"port": 1}]}) == [
        "scrape.stage: 'evaluatoin' is not one of evaluation (did you mean evaluation?)"
    ]


def peer(namespace: str, app: str) -> dict[str, object]:
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "podSelector": {"matchLabels": {"app": app}},
    }


def tcp(port: int) -> dict[str, object]:
    return {"protocol": "TCP", "port": port}
