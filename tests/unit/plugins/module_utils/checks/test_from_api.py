# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a server, and that what it refuses is known to be unknown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import Limits
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.from_api import take
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import KINDS, LAYERS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.probing import probe

ONE_BY_ONE = Limits(concurrency=1)
EMPTY = (200, {"items": []}, {})
VERSION = (200, {"gitVersion": "v1.37.2"}, {})
FORBIDDEN = (403, {"reason": "Forbidden", "message": 'pods is forbidden: User "x" cannot list resource "pods"'}, {})
NOT_SERVED = (404, {"reason": "NotFound", "message": "the server could not find the requested resource"}, {})
NUMBER = [kind.kind for kind in KINDS].index("Pod")
STAGE: dict[str, Any] = {
    "name": "training",
    "namespace": "ml-training",
    "pods": {"app": "training-job"},
    "pod_security": {"enforce": "privileged"},
    "service_account": {"name": "ml-trainer"},
    "rules": [],
}
DENIED = 'pods "verify-probe" is forbidden: violates PodSecurity "restricted:latest": privileged'
CANNOT = 'pods is forbidden: User "x" cannot create resource "pods" in API group ""'


def answers(pod: Any) -> list[Any]:
    lists: list[Any] = [EMPTY] * (len(KINDS) + 1)
    lists[NUMBER] = pod
    return [VERSION, *lists]


def test_a_kind_that_may_not_be_listed_is_unread_with_the_reason(fake_client: Callable[..., Any]) -> None:
    fake = fake_client(answers(FORBIDDEN), ONE_BY_ONE)
    snapshot = take(fake.client, "gpu-cluster-hardening")
    assert snapshot.unread == {"Pod": "the user may not list pods"}
    assert "Pod" not in snapshot.objects


def test_a_kind_that_is_not_served_is_known_to_be_empty(fake_client: Callable[..., Any]) -> None:
    snapshot = take(fake_client(answers(NOT_SERVED), ONE_BY_ONE).client, "gpu-cluster-hardening")
    assert snapshot.unread == {} and snapshot.objects["Pod"] == ()


def test_every_kind_is_asked_for_once_and_no_secret(fake_client: Callable[..., Any]) -> None:
    fake = fake_client(answers(EMPTY), ONE_BY_ONE)
    snapshot = take(fake.client, "gpu-cluster-hardening")
    asked = [url for _method, url, _options in fake.pool.asked]
    assert len(asked) == snapshot.requests == len(KINDS) + 2
    assert {method for method, _url, _options in fake.pool.asked} == {"GET"}
    assert not any("secrets?" in url and "external" not in url for url in asked)
    assert set(snapshot.objects) == {*(kind.kind for kind in KINDS), LAYERS}


@pytest.mark.parametrize(
    ("answer", "got"),
    [
        ((201, {"kind": "Pod", "metadata": {"name": "verify-probe"}}, {}), "allowed"),
        ((403, {"reason": "Forbidden", "message": DENIED}, {}), "refused"),
        ((403, {"reason": "Forbidden", "message": CANNOT}, {}), "error"),
        ((422, {"reason": "Invalid", "message": "spec.containers: Required value"}, {}), "error"),
    ],
)
def test_only_a_refusal_of_admission_is_one(answer: Any, got: str, fake_client: Callable[..., Any]) -> None:
    questions: Sequence[Any] = [(201, {"kind": "SubjectAccessReview", "status": {"allowed": False}}, {})] * 28
    fake = fake_client([answer, *questions], ONE_BY_ONE)
    tried = probe(fake.client, [STAGE], {"training": "registry.internal"}, {"training": ()})
    assert tried.probes[0]["got"] == got
    assert ("probes of objects" in tried.unproven) is (got == "error")
    assert "probes of accounts" not in tried.unproven
    assert all("dryRun=All" in url for _method, url, _options in fake.pool.asked)
