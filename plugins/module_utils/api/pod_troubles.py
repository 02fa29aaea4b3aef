# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why pods do not start: their controller says how many are missing, only they say why. Pure.

Reasons are those of the kubelet (pkg/kubelet/images and pkg/kubelet/kuberuntime) and of the scheduler.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

IMPOSSIBLE = frozenset({"InvalidImageName", "ErrImageNeverPull"})
"""Reasons for which a container waits that only a change of its pod can end."""
CONFIGURATION = "CreateContainerConfigError"
STARTING = frozenset({"ContainerCreating", "PodInitializing"})
TRIES = 3
"""So often a container that runs before the others may fail until more tries are of no use."""
MOST_CHARACTERS = 400


@dataclass(frozen=True)
class Trouble:
    """What keeps a pod from being ready.

    Attributes:
        hopeless: waiting does not end it.
        silent: the pod says nothing itself; an event may.
    """

    pod: str
    text: str
    hopeless: bool = False
    silent: bool = False

    def __str__(self) -> str:
        return f"pod {self.pod} {self.text}"


def first_trouble(pods: Sequence[Mapping[str, Any]]) -> Trouble | None:
    """The trouble that says most; None if all pods are well.

    Where another pod of the same controller is ready, nothing is hopeless: what is wrong may be the node's.
    """
    live = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    troubles = [trouble for pod in live if (trouble := _trouble(pod)) is not None]
    if not troubles:
        return None
    worst = min(troubles, key=lambda trouble: (not trouble.hopeless, trouble.silent))
    some_ready = any(_condition(pod, "Ready").get("status") == "True" for pod in live)
    return Trouble(worst.pod, worst.text, worst.hopeless and not some_ready, worst.silent)


def _trouble(pod: Mapping[str, Any]) -> Trouble | None:
    status, name = pod.get("status") or {}, str(pod["metadata"]["name"])
    if status.get("phase") == "Succeeded" or _condition(pod, "Ready").get("status") == "True":
        return None
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return Trouble(name, f"cannot be scheduled: {_short(scheduled.get('message') or scheduled.get('reason'))}")
    found = [*_container_troubles(name, status)]
    if found:
        return min(found, key=lambda trouble: not trouble.hopeless)
    if status.get("phase") == "Failed":
        return Trouble(name, f"failed: {_short(status.get('message') or status.get('reason'))}")
    if status.get("phase") == "Running":
        return Trouble(name, "runs and is not ready", silent=True)
    return Trouble(name, "has not started", silent=True)


def _container_troubles(pod: str, status: Mapping[str, Any]) -> Iterator[Trouble]:
    for kind in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(kind) or ():
            trouble = _container_trouble(pod, container, early=kind.startswith("init"))
            if trouble:
                yield trouble


def _container_trouble(pod: str, container: Mapping[str, Any], early: bool) -> Trouble | None:
    what = f"container {container.get('name')}"
    state, last = container.get("state") or {}, container.get("lastState") or {}
    waiting = state.get("waiting") or {}
    ended = state.get("terminated") or last.get("terminated") or {}
    reason = str(waiting.get("reason") or "")
    if ended.get("exitCode") and (waiting or state.get("terminated")):
        hopeless = early and container.get("restartCount", 0) >= TRIES
        why = _short(ended.get("message") or ended.get("reason") or "it says nothing, see its log")
        again = f" ({container['restartCount']} times before)" if container.get("restartCount") else ""
        return Trouble(pod, f"fails: {what} ended with exit code {ended['exitCode']}{again}: {why}", hopeless)
    if not reason or reason in STARTING:
        return None
    message = _short(waiting.get("message"))
    # What does not exist yet may still be made.
    hopeless = reason in IMPOSSIBLE or (reason == CONFIGURATION and "not found" not in message)
    return Trouble(pod, f"does not start: {what}: {reason}" + (f": {message}" if message else ""), hopeless)


def _condition(pod: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return next((condition for condition in conditions if condition["type"] == name), {})


def _short(text: object) -> str:
    line = " ".join(str(text or "").split())
    return line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]}..."
