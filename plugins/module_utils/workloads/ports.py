# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the ports of a model server and the probes that ask it how it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import OPTIONAL, Entry

DEFAULT_PORTS: Mapping[str, object] = {"http": 8080, "grpc": 8081}
DEFAULT_PROBES: Mapping[str, object] = {}
_READINESS = "/v2/health/ready"
_LIVENESS = "/v2/health/live"
"""Where servers of the Open Inference Protocol answer (Triton, KServe, MLServer, TorchServe, OpenVINO)."""
_PROBES = {"readiness": {}, "liveness": {}, "startup_seconds": 600}
_PROBE = {
    "http": OPTIONAL,
    "grpc": OPTIONAL,
    "port": OPTIONAL,
    "period_seconds": 10,
    "timeout_seconds": 5,
    "failures": OPTIONAL,
}
_PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")
_PATH = re.compile(r"/[!-~]*")
_STARTUP_PERIOD = 10


def read_ports(entry: Entry) -> dict[str, int]:
    """Ports by name."""
    ports: dict[str, int] = {}
    for name, value in entry.named().items():
        if not _PORT_NAME.fullmatch(name):
            value.refuse(f"{name!r} is no name of a port: 1 to 15 lower-case letters, digits or '-', one a letter")
        number = value.whole_number()
        if number is None or not 1024 <= number <= 65535:
            value.refuse("must be a number of 1024 to 65535: others need rights that the server does not have")
        elif number in ports.values():
            value.refuse(f"{number} is there twice")
        else:
            ports[name] = number
    if isinstance(entry.value, Mapping) and not entry.value:
        entry.refuse("must not be empty, as nobody could reach the server")
    return ports


def read_probes(entry: Entry, ports: Mapping[str, int]) -> Json:
    """``readiness``, ``liveness`` and ``startup`` as a container has them; startup asks what liveness asks."""
    keys = entry.keys(_PROBES)
    readiness = _read_probe(keys["readiness"], ports, _READINESS, 3)
    liveness = _read_probe(keys["liveness"], ports, _LIVENESS, 6)
    seconds = keys["startup_seconds"].whole_number()
    if seconds is None or not _STARTUP_PERIOD <= seconds <= 86400:
        keys["startup_seconds"].refuse(f"must be a number of {_STARTUP_PERIOD} to 86400")
        seconds = _STARTUP_PERIOD
    startup = {
        **liveness,
        "periodSeconds": _STARTUP_PERIOD,
        "failureThreshold": -(-seconds // _STARTUP_PERIOD),
    }
    return {"readiness": readiness, "liveness": liveness, "startup": startup}


def _read_probe(entry: Entry, ports: Mapping[str, int], path: str, failures: int) -> Json:
    keys = entry.keys(_PROBE)
    return {
        **_read_question(entry, keys, ports, path),
        "periodSeconds": _seconds(keys["period_seconds"]),
        "timeoutSeconds": _seconds(keys["timeout_seconds"]),
        "failureThreshold": _seconds(keys["failures"]) if keys["failures"].given else failures,
    }


def _read_question(entry: Entry, keys: Mapping[str, Entry], ports: Mapping[str, int], path: str) -> Json:
    if keys["http"].given and keys["grpc"].given:
        entry.refuse("has both http and grpc; keep one")
    kind = "grpc" if keys["grpc"].given else "http"
    port = keys["port"].text() if keys["port"].given else kind
    if ports and port not in ports:
        asked = keys["port"] if keys["port"].given else entry
        asked.refuse(f"there is no port {port!r}; ports has {', '.join(ports)}")
    if kind == "grpc":
        # It takes no name of a port.
        return {"grpc": {"port": ports.get(port, 0), "service": keys["grpc"].text()}}
    asked_path = keys["http"].text() if keys["http"].given else path
    if keys["http"].given and isinstance(keys["http"].value, str) and not _PATH.fullmatch(asked_path):
        keys["http"].refuse(f"{asked_path!r} is no path such as /healthz")
    return {"httpGet": {"path": asked_path, "port": port}}


def _seconds(entry: Entry) -> int:
    value = entry.whole_number()
    if value is None or not 1 <= value <= 3600:
        entry.refuse("must be a number of 1 to 3600")
        return 1
    return value
