# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pod of a stage that tries connections. Pure."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.attempts import honest_pod
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live import script
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.live.targets import Target

SECONDS = 3
"""For one connection. A lost packet is sent anew after one."""
MESSAGE = "/dev/termination-log"
GATE = "gpu-cluster.hardening/tries-connections"
"""A condition that nobody sets: the pod is never ready, and so no Service sends anything to it."""
_PINNED = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")


def read_image(image: str) -> str:
    """Check the image that the user named.

    Raises:
        HardeningError: it is not pinned.
    """
    if not _PINNED.fullmatch(image):
        raise HardeningError(
            f"live_image: {image!r} is not pinned. Name an image with python3 from a registry that is approved in all "
            "stages, as registry.example.com/tools/python@sha256:..."
        )
    return image


def live_pod(stage: Mapping[str, Any], image: str, name: str, wanted: Sequence[Target], seconds: int) -> dict[str, Any]:
    """The manifest.

    Args:
        stage: as ``stages/model.py`` has it.
        image: pinned, with ``python3``.
        name: of the pod.
        wanted: what is tried.
        seconds: after which the pod is ended, whatever it does.
    """
    body = honest_pod(stage, image, name)
    plan = json.dumps({"seconds": SECONDS, "targets": [[one.address, one.port] for one in wanted]})
    body["spec"]["containers"][0] |= {
        "command": ["python3", "-c", inspect.getsource(script), plan, MESSAGE],
        "terminationMessagePath": MESSAGE,
    }
    body["spec"] |= {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": seconds,
        "readinessGates": [{"conditionType": GATE}],
    }
    return body
