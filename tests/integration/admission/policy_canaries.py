# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that break one policy each. The API server takes a moment to act on a policy: they show when it does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pod_objects import IMAGE, Json, container, pod
from sandbox_access import Kubectl
from waiting import wait_for

CANARIES: dict[str, Callable[[str], Json]] = {
    "image_digests": lambda name: pod(name, container(image="registry.internal/ml-trainer:v2.1")),
    "image_registries": lambda name: pod(name, container(image=IMAGE.replace("registry.internal", "registry.evil"))),
    "secrets": lambda name: pod(name, container(envFrom=[{"secretRef": {"name": "credentials"}}])),
    "gpu_use": lambda name: pod(name, container(resources={"limits": {"nvidia.com/gpu": 1}})),
    "pods": lambda name: pod(name, volumes=[{"name": "tmp", "emptyDir": {}}]),
    "placement": lambda name: pod(name, priorityClassName="system-node-critical"),
}


def refusal(kubectl: Kubectl, item: Json, *options: str) -> str:
    """What the API server says against an object in a dry run; empty if it would admit it."""
    done = kubectl.run("create", "--dry-run=server", *options, stdin=item)
    assert done.returncode == 0 or done.stderr
    return done.stderr if done.returncode else ""


def wait_for_settings(kubectl: Kubectl, nonce: str, denying: set[str]) -> None:
    """Wait until the exempt canary passes (the policy is the new one) and any other does not (its binding holds)."""
    for policy in CANARIES:
        word = "denies" if policy in denying else "does not deny"
        wait_for(partial(_stands, kubectl, policy, f"canary-{nonce}", False), f"{policy} exempts")
        wait_for(partial(_stands, kubectl, policy, "canary", policy in denying), f"{policy} {word}")


def _stands(kubectl: Kubectl, policy: str, name: str, expected: bool) -> bool:
    """Whether a policy does with its canary what is expected."""
    mark = f"'{policy.replace('_', '-')}.gpu-cluster.hardening'"
    return (mark in refusal(kubectl, CANARIES[policy](name))) is expected
