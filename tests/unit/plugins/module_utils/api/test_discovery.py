# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves how kinds are looked up, with how many requests, and what is said of a kind that is not served."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Discovery, Resource

FakeClients = Callable[..., Any]
NOT_FOUND = (404, {"kind": "Status", "reason": "NotFound"}, {})
APPS = (
    200,
    {
        "resources": [
            {"name": "deployments", "kind": "Deployment", "namespaced": True},
            {"name": "deployments/scale", "kind": "Scale", "namespaced": True},
        ]
    },
    {},
)


@pytest.mark.parametrize(
    ("resource", "namespace", "name", "path"),
    [
        (Resource("v1", "Pod", "pods", True), "ns", "x", "/api/v1/namespaces/ns/pods/x"),
        (Resource("v1", "Node", "nodes", False), None, None, "/api/v1/nodes"),
        (Resource("apps/v1", "Deployment", "deployments", True), None, None, "/apis/apps/v1/deployments"),
        (Resource("v1", "Namespace", "namespaces", False), "ns", "x", "/api/v1/namespaces/x"),
    ],
)
def test_paths(resource: Resource, namespace: str | None, name: str | None, path: str) -> None:
    assert resource.path(namespace, name) == path


def test_a_group_version_is_read_once(fake_client: FakeClients) -> None:
    fake = fake_client([APPS])
    discovery = Discovery(fake.client)
    assert discovery.find("apps/v1", "Deployment") == Resource("apps/v1", "Deployment", "deployments", True)
    assert discovery.find("apps/v1", "Scale") is None
    assert len(fake.pool.asked) == 1


def test_a_forgotten_group_version_is_read_again(fake_client: FakeClients) -> None:
    discovery = Discovery(fake_client([NOT_FOUND, APPS]).client)
    assert discovery.find("apps/v1", "Deployment") is None
    discovery.forget({"apps/v1"})
    assert discovery.find("apps/v1", "Deployment") is not None


@pytest.mark.parametrize(
    ("api_version", "answers", "hint"),
    [
        ("v1", [], "Check the spelling"),
        ("no.example/v1", [NOT_FOUND], "no API group 'no.example'"),
        ("apps/v1beta1", [(200, {"versions": [{"groupVersion": "apps/v1"}]}, {}), APPS], "It is served as apps/v1."),
    ],
)
def test_hints_say_what_to_write_instead(fake_client: FakeClients, api_version: str, answers: Any, hint: str) -> None:
    assert hint in Discovery(fake_client(answers).client).hint(api_version, "Deployment")
