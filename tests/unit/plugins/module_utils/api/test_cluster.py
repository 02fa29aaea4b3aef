# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what the first look at a cluster finds, and on what it insists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.cluster import inspect_cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

FakeClients = Callable[..., Any]
VERSION = (200, {"gitVersion": "v1.37.2", "platform": "linux/amd64"}, {})
NOT_FOUND = (404, {"kind": "Status", "reason": "NotFound"}, {})
APPS = (200, {"resources": [{"name": "daemonsets", "kind": "DaemonSet", "namespaced": True}]}, {})


def kind(api_version: str, name: str, required: bool) -> dict[str, object]:
    return {"api_version": api_version, "kind": name, "required": required}


def test_it_says_which_kinds_are_served(fake_client: FakeClients) -> None:
    fake = fake_client([VERSION, APPS])
    facts = inspect_cluster(
        fake.client, "1.30", [kind("apps/v1", "DaemonSet", True), kind("apps/v1", "ReplicaSet", False)]
    )
    assert facts == {
        "server": "https://fake:6443",
        "ca_cert": "",
        "version": "v1.37.2",
        "platform": "linux/amd64",
        "served": [
            {"api_version": "apps/v1", "kind": "DaemonSet", "served": True},
            {"api_version": "apps/v1", "kind": "ReplicaSet", "served": False},
        ],
    }


@pytest.mark.parametrize("required", [True, False])
def test_a_kind_that_is_not_served_is_an_error_only_if_it_is_required(fake_client: FakeClients, required: bool) -> None:
    fake = fake_client([VERSION, NOT_FOUND, NOT_FOUND])
    wanted = [kind("monitoring.coreos.com/v1", "ServiceMonitor", required)]
    if not required:
        assert inspect_cluster(fake.client, "1.30", wanted)["served"][0]["served"] is False
        return
    with pytest.raises(HardeningError, match="does not serve ServiceMonitor") as caught:
        inspect_cluster(fake.client, "1.30", wanted)
    assert "no API group 'monitoring.coreos.com'" in caught.value.message


def test_an_old_server_is_refused(fake_client: FakeClients) -> None:
    with pytest.raises(HardeningError, match=r"it is v1\.37\.2, and Kubernetes 1\.38 is the oldest"):
        inspect_cluster(fake_client([VERSION]).client, "1.38", [])


def test_a_minimum_that_yaml_read_as_a_number_is_refused_before_any_request(fake_client: FakeClients) -> None:
    fake = fake_client([])
    with pytest.raises(HardeningError, match=r"minimum_version: YAML reads this as 1\.4, .* quote it"):
        inspect_cluster(fake.client, 1.40, [])
    assert fake.pool.asked == []
