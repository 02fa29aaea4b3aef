# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what is said of pods that do not start, and when waiting for them is of no use."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.pod_troubles import first_trouble

READY = {"conditions": [{"type": "Ready", "status": "True"}], "phase": "Running"}
UNSCHEDULABLE = {
    "phase": "Pending",
    "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}
    ],
}


def pod(status: dict[str, Any], name: str = "web-1", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **metadata}, "status": status}


def waiting(reason: str, message: str = "", key: str = "containerStatuses", **more: Any) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": message}}
    return {"phase": "Pending", key: [{"name": "main", "state": state, **more}]}


def crashed(times: int, message: str, key: str) -> dict[str, Any]:
    ended = {"terminated": {"exitCode": 1, "message": message}}
    return waiting("CrashLoopBackOff", "back-off", key, restartCount=times, lastState=ended)


@pytest.mark.parametrize(
    ("status", "said", "hopeless"),
    [
        (UNSCHEDULABLE, "cannot be scheduled: 0/3 nodes are available", False),
        (waiting("InvalidImageName", "couldn't parse"), "InvalidImageName: couldn't parse", True),
        (waiting("ErrImageNeverPull"), "ErrImageNeverPull", True),
        (waiting("ImagePullBackOff", "manifest unknown"), "ImagePullBackOff: manifest unknown", False),
        (waiting("CreateContainerConfigError", "image will run as root"), "image will run as root", True),
        (waiting("CreateContainerConfigError", 'secret "x" not found'), 'secret "x" not found', False),
        (waiting("CreateContainerError", "no hook"), "CreateContainerError: no hook", False),
        (crashed(1, "refused", "initContainerStatuses"), "ended with exit code 1 (1 times before): refused", False),
        (crashed(3, "the model is refused", "initContainerStatuses"), "the model is refused", True),
        (crashed(9, "out of memory", "containerStatuses"), "ended with exit code 1 (9 times before)", False),
        ({"phase": "Failed", "message": "evicted"}, "failed: evicted", False),
        (waiting("ContainerCreating"), "has not started", False),
        ({"phase": "Running"}, "runs and is not ready", False),
    ],
)
def test_what_is_said_and_whether_waiting_helps(status: dict[str, Any], said: str, hopeless: bool) -> None:
    trouble = first_trouble([pod(status)])
    assert trouble is not None
    assert said in str(trouble)
    assert trouble.hopeless is hopeless


@pytest.mark.parametrize("status", [READY, {"phase": "Succeeded"}])
def test_a_pod_that_is_well_or_done_or_going_is_no_trouble(status: dict[str, Any]) -> None:
    assert first_trouble([pod(status), pod(UNSCHEDULABLE, "old", deletionTimestamp="now")]) is None


def test_the_one_that_says_most_comes_first() -> None:
    pods = [pod(waiting("ContainerCreating"), "a"), pod(UNSCHEDULABLE, "b"), pod(waiting("InvalidImageName"), "c")]
    assert [first_trouble(pods[:count]).pod for count in (1, 2, 3)] == ["a", "b", "c"]  # type: ignore[union-attr]


def test_where_another_pod_is_ready_it_may_be_the_node() -> None:
    trouble = first_trouble([pod(waiting("InvalidImageName")), pod(READY, "web-2")])
    assert trouble is not None
    assert not trouble.hopeless


def test_long_messages_are_cut_to_one_line() -> None:
    trouble = first_trouble([pod(waiting("ImagePullBackOff", "a\nb " + "c" * 900))])
    assert trouble is not None
    assert "a b ccc" in trouble.text
    assert len(trouble.text) < 500
