# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the logs of pods by the API: in pages, and no more of each pod than is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError

PAGE_BYTES = 1 << 20
_SECOND = len("2026-11-28T17:38:41")


@dataclass(frozen=True)
class Wanted:
    """Which logs.

    Attributes:
        namespace: of the pods.
        selector: labels of the pods, as ``key=value,key=value``.
        container: whose log.
        seconds: how old a line may be.
        most_bytes: of one pod.
    """

    namespace: str
    selector: str
    container: str
    seconds: int
    most_bytes: int


@dataclass(frozen=True)
class PodLog:
    """What was read of a pod.

    Attributes:
        pod: its name.
        lines: without the time that the runtime wrote before them.
        cut: whether there was more than was wanted.
        problem: why nothing could be read; empty otherwise.
    """

    pod: str
    lines: tuple[str, ...]
    cut: bool = False
    problem: str = ""


def read_pod_logs(client: Client, wanted: Wanted) -> list[PodLog]:
    """The logs of all pods that are selected.

    Raises:
        HardeningError: pods cannot be listed, or the server cannot be reached.
    """
    path = f"/api/v1/namespaces/{quote(wanted.namespace)}/pods"
    pages = client.pages(path, {"labelSelector": wanted.selector})
    names = dict.fromkeys(pod["metadata"]["name"] for page in pages for pod in page.get("items") or ())
    return client.map(lambda name: _read(client, f"{path}/{quote(name)}/log", name, wanted), names)


def _read(client: Client, path: str, pod: str, wanted: Wanted) -> PodLog:
    lines: list[str] = []
    left = wanted.most_bytes
    try:
        for page in _pages(client, path, wanted):
            left -= sum(len(line) + 1 for line in page)
            if left < 0:
                return PodLog(pod, tuple(lines), cut=True)
            lines += page
    except ApiError as error:
        return PodLog(pod, tuple(lines), problem=error.message)
    return PodLog(pod, tuple(lines))


def _pages(client: Client, path: str, wanted: Wanted) -> Iterator[list[str]]:
    """Page after page. A page begins at a whole second, so that lines that were read already are left out."""
    query = {"container": wanted.container, "timestamps": "true"}
    since, newest, size = {"sinceSeconds": str(wanted.seconds)}, "", PAGE_BYTES
    while True:
        text = client.text(path, {**query, **since, "limitBytes": str(size)})
        whole = text[: text.rfind("\n") + 1].splitlines()
        stamped = [(stamp, line) for stamp, _blank, line in (one.partition(" ") for one in whole)]
        fresh = [(stamp, line) for stamp, line in stamped if stamp > newest]
        if fresh:
            newest = fresh[-1][0]
            yield [line for _stamp, line in fresh]
        if len(text.encode()) < size:
            return
        if fresh:
            since, size = {"sinceTime": f"{newest[:_SECOND]}Z"}, PAGE_BYTES
        elif size >= wanted.most_bytes:
            return
        else:
            size *= 2  # all of the page was of one second
