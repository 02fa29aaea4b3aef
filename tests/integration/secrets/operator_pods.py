# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does for the operator what a kubelet does: the simulated nodes of the sandbox run nothing.

Whatever Deployment of the operator appears is run with the arguments of its container and as its service account, again
when it changed or ended, until it is gone.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from external_secrets_server import Operator, account_kubeconfig, start_operator
from sandbox_access import Kubectl

IMAGE = "/external-secrets"
OTHER_COMMANDS = frozenset({"webhook", "certcontroller"})
Place = tuple[str, str]


@dataclass(frozen=True)
class Pod:
    """What a Deployment of the operator says should run."""

    namespace: str
    account: str
    arguments: tuple[str, ...]


class OperatorPods:
    """Operators that run, by the namespace and name of their Deployments."""

    def __init__(self, kubectl: Kubectl, folder: Path) -> None:
        self._kubectl = kubectl
        self._folder = folder
        self._running: dict[Place, tuple[Pod, Operator]] = {}
        self._logs: list[Path] = []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._look_after, daemon=True)

    def start(self) -> None:
        """Begin to look for Deployments."""
        self._thread.start()

    def stop(self) -> None:
        """End them all."""
        self._ends.set()
        self._thread.join()
        for place in list(self._running):
            self._end(place)

    @property
    def pods(self) -> list[Pod]:
        """What runs now."""
        return [pod for pod, _operator in self._running.values()]

    @property
    def log(self) -> str:
        """What all of them have said so far, also those that ended."""
        return "".join(path.read_text(encoding="utf-8") for path in self._logs)

    def _look_after(self) -> None:
        while not self._ends.wait(0.3):
            done = self._kubectl.run("get", "deployments", "-A")
            if done.returncode == 0:  # else the API server is away, perhaps because a test says so
                self._reconcile(dict(filter(None, map(_read, json.loads(done.stdout)["items"]))))

    def _reconcile(self, wanted: dict[Place, Pod]) -> None:
        for place, (pod, operator) in list(self._running.items()):
            if wanted.get(place) != pod or operator.process.poll() is not None:
                self._end(place)
        for place in wanted.keys() - self._running.keys():
            pod = wanted[place]
            try:
                kubeconfig = account_kubeconfig(self._kubectl, pod.namespace, pod.account, self._folder)
            except AssertionError:
                continue  # the account is not there yet, or no more
            operator = start_operator(kubeconfig, pod.arguments, self._folder)
            self._logs.append(operator.log_file)
            self._running[place] = pod, operator

    def _end(self, place: Place) -> None:
        self._running.pop(place)[1].stop()


@contextmanager
def operator_pods(kubectl: Kubectl, folder: Path) -> Iterator[OperatorPods]:
    """Run the operators of all Deployments, also of those that come later."""
    pods = OperatorPods(kubectl, folder)
    pods.start()
    try:
        yield pods
    finally:
        pods.stop()


def _read(deployment: dict[str, Any]) -> tuple[Place, Pod] | None:
    metadata, spec = deployment["metadata"], deployment["spec"]["template"]["spec"]
    container = spec["containers"][0]
    arguments = tuple(container.get("args", ()))
    if IMAGE not in container["image"] or OTHER_COMMANDS.intersection(arguments[:1]):
        return None
    pod = Pod(metadata["namespace"], spec["serviceAccountName"], arguments)
    return (metadata["namespace"], metadata["name"]), pod
