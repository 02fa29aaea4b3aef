# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the very command of the pod on this machine, against sockets that answer, refuse and say nothing."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live.pod import live_pod, read_image
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live.reading import read_outcomes
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live.targets import MOST, Target
from good_cluster import STAGES

IMAGE = "registry.internal/python@sha256:" + "0" * 64
TERMINATION_MESSAGE = 4096
"""Bytes that the kubelet keeps of it."""


@pytest.fixture
def ports() -> Iterator[dict[str, int]]:
    """Ports of this machine by what they do."""
    with ExitStack() as stack:
        found = {}
        for name in ("answers", "refuses", "full"):
            one = stack.enter_context(socket.socket())
            one.bind(("127.0.0.1", 0))
            found[name] = one.getsockname()[1]
            if name == "answers":
                one.listen()
            elif name == "full":
                # Nobody accepts, so packets of further connections are dropped, as a policy drops them.
                one.listen(0)
                for _number in range(8):
                    waiting = stack.enter_context(socket.socket())
                    waiting.setblocking(False)
                    waiting.connect_ex(("127.0.0.1", found[name]))
        yield found


def run_here(targets: list[Target], folder: Path) -> dict[str, Any]:
    """What the API says of the pod afterwards, whose command was run here as it is."""
    (container,) = live_pod(STAGES[0], IMAGE, "probe", targets, 60)["spec"]["containers"]
    program, *arguments, message = container["command"]
    assert (program, message) == ("python3", container["terminationMessagePath"])
    report = folder / "termination-log"
    subprocess.run([sys.executable, "-I", *arguments, str(report)], check=True, timeout=60, cwd=folder)
    terminated = {"exitCode": 0, "message": report.read_text(encoding="utf-8")}
    return {"status": {"phase": "Succeeded", "containerStatuses": [{"state": {"terminated": terminated}}]}}


def to(address: str, port: int) -> Target:
    return Target("ml-training", "other", address, port, True)


def test_what_comes_of_each_connection_is_told_in_order(ports: dict[str, int], tmp_path: Path) -> None:
    wanted = [to("127.0.0.1", ports[name]) for name in ("full", "answers", "refuses", "answers")]
    pod = run_here(wanted, tmp_path)
    assert [one.got for one in read_outcomes(pod, wanted)] == ["refused", "allowed", "allowed", "allowed"]


def test_the_message_of_as_many_as_there_can_be_fits(ports: dict[str, int], tmp_path: Path) -> None:
    wanted = [to("127.0.0.1", ports["refuses"])] * MOST
    pod = run_here(wanted, tmp_path)
    assert {one.message for one in read_outcomes(pod, wanted)} == {"the machine answers that nobody listens"}
    assert (tmp_path / "termination-log").stat().st_size < TERMINATION_MESSAGE


def test_the_pod_is_one_of_the_stage_that_no_service_sends_to() -> None:
    body = live_pod(STAGES[0], IMAGE, "probe", [to("10.0.0.1", 80)], 60)
    assert body["metadata"] == {"name": "probe", "namespace": "ml-training", "labels": {"app": "training-job"}}
    spec = body["spec"]
    assert spec["serviceAccountName"] == "ml-trainer" and spec["automountServiceAccountToken"] is False
    assert spec["readinessGates"] and spec["restartPolicy"] == "Never" and spec["activeDeadlineSeconds"] == 60
    assert spec["containers"][0]["image"] == IMAGE
    json.dumps(body)


@pytest.mark.parametrize("image", ["python:3", "registry.internal/python:3", "registry.internal/python@sha256:12"])
def test_an_image_that_is_not_pinned_is_refused(image: str) -> None:
    with pytest.raises(HardeningError, match="is not pinned"):
        read_image(image)
