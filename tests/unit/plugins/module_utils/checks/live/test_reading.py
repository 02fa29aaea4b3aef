# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what is tried, and that what came of it counts in place of what was computed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live.reading import (
    Outcome,
    overridden,
    probes,
    read_outcomes,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live.targets import (
    Target,
    source_group,
    targets,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.matrix import lay_out, matrix_of
from cluster_objects import Json, container, made, pod, pod_spec, policy
from good_cluster import STAGES

TRAINING = STAGES[0]
SERVER = {"containerPort": 8080}


def running(name: str, namespace: str, address: str, *ports: Json, **labels: str) -> Json:
    item = pod(name, namespace, pod_spec(container(ports=list(ports))), "gpu-0", **labels)
    item["status"] |= {"podIPs": [{"ip": address}]}
    return item


def tried(pods: list[Json], policies: list[Json]) -> list[Target]:
    namespaces = [made("Namespace", name) for name in ("ml-training", "ml-serving", "other")]
    expected = [{"metadata": {"name": "x", "namespace": "ml-training", "labels": TRAINING["pods"]}}]
    layout = lay_out(policies, pods, namespaces, api_server=["192.0.2.1"], expected=expected)
    source = source_group(TRAINING, layout.groups)
    assert source is not None
    return targets(source, layout.groups, matrix_of(layout)["cells"], pods, 6443)


def test_a_pod_of_each_group_is_tried_where_it_listens_and_the_api_server() -> None:
    pods = [
        running("a", "ml-serving", "10.0.0.1", SERVER, {"containerPort": 53, "protocol": "UDP"}),
        running("b", "ml-serving", "10.0.0.2", SERVER),
        running("silent", "other", "10.0.0.3"),
    ]
    found = tried(pods, [policy("default-deny", "ml-training")])
    assert [(one.address, one.port, one.allowed) for one in found] == [
        ("10.0.0.1", 8080, False),
        ("192.0.2.1", 6443, False),
    ]


def test_it_is_known_what_the_policies_let_through() -> None:
    to_serving = {"to": [{"namespaceSelector": {}}], "ports": [{"port": 8080, "endPort": 8081}]}
    pods = [running("a", "ml-serving", "10.0.0.1", SERVER, {"containerPort": 9090})]
    found = tried(pods, [policy("allow", "ml-training", egress=[to_serving])])
    assert [(one.port, one.allowed) for one in found if one.address == "10.0.0.1"] == [(8080, True), (9090, False)]


def ended(message: str, **more: Any) -> Json:
    return {"status": {"containerStatuses": [{"state": {"terminated": {"message": message, **more}}}]}}


@pytest.mark.parametrize(
    ("pod_", "says"),
    [
        (ended('{"results": "oo"}'), "2 connections in another form"),
        (ended('{"results": "x"}'), "1 connections in another form"),
        (ended("exec: python3: not found", reason="StartError"), "python3: not found"),
        ({"status": {"reason": "DeadlineExceeded"}}, "DeadlineExceeded"),
        ({}, "it says nothing"),
    ],
)
def test_a_pod_that_does_not_tell_is_no_proof(pod_: Json, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_outcomes(pod_, [Target("a", "b", "10.0.0.1", 80, True)])


def outcome(port: int, allowed: bool, got: str) -> Outcome:
    return Outcome(Target("a", "b", "10.0.0.1", port, allowed), got, "")


def cell(*ports: tuple[object, int | None]) -> Json:
    listed = [{"port": port, "end_port": end, "protocol": "TCP"} for port, end in ports]
    return {"from": "a", "to": "b", "ports": listed, "allowed": bool(ports), "egress_by": ["n/p"], "ingress_by": []}


@pytest.mark.parametrize(
    ("before", "came", "after"),
    [
        (cell((80, None)), outcome(80, True, "allowed"), cell((80, None))),
        (cell((80, None)), outcome(80, True, "refused"), cell()),
        (cell((80, 90)), outcome(85, True, "refused"), cell((80, 84), (86, 90))),
        (cell(("*", None)), outcome(80, True, "refused"), cell((1, 79), (81, 65535))),
        (cell(), outcome(80, False, "allowed"), cell((80, None))),
        (cell((443, None)), outcome(80, False, "allowed"), cell((80, None), (443, None))),
        (cell((80, None)), outcome(80, True, "error"), cell((80, None))),
        (cell(), outcome(80, False, "refused"), cell()),
    ],
)
def test_what_was_tried_counts_in_the_matrix(before: Json, came: Outcome, after: Json) -> None:
    assert overridden({"groups": [], "cells": [before]}, [came])["cells"] == [after]


def test_a_pair_without_a_cell_gets_one_if_it_connects() -> None:
    (made_,) = overridden({"groups": [], "cells": []}, [outcome(80, False, "allowed")])["cells"]
    assert (made_["from"], made_["to"], made_["allowed"]) == ("a", "b", True)


def test_probes_say_what_was_expected() -> None:
    (probe,) = probes([outcome(80, False, "allowed")])
    assert probe["what"] == "connection from a to b, TCP 80"
    assert (probe["expected"], probe["got"]) == ("refused", "allowed")
