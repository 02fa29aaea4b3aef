# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake, of bad days only: a reverse proxy that breaks some requests and passes the others to the real API server."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from loopback_server import RESET as RESET_CONNECTION
from loopback_server import Reply, Request, loopback_server

BUSY = "429 with Retry-After"
AWAY = "503"
RESET = "connection reset"
CUT_OFF = "reset after the server has done it"
PASSED_ON = ("Accept", "Content-Type", "User-Agent")

Plan = Callable[[int], str | None]
"""Says by the number of a request, from 0, which fault it meets."""


@dataclass
class FaultyServer:
    """Where the proxy listens and which faults it has dealt out."""

    address: str
    faults: Counter[str] = field(default_factory=Counter)


def no_fault(number: int) -> None:
    """A plan without any fault."""


@contextmanager
def faulty_server(
    kubeconfig: Path, folder: Path, plan: Plan = no_fault, hidden: Collection[str] = ()
) -> Iterator[FaultyServer]:
    """Run the proxy with the credentials of a kubeconfig, in plain HTTP on loopback.

    ``hidden`` are kinds that it seems not to serve: discovery does not name them.
    """
    connect = connector(kubeconfig, folder)
    faults: Counter[str] = Counter()
    lock = threading.Lock()

    def answer(request: Request) -> Reply:
        fault = plan(request.number)
        if fault:
            with lock:
                faults[fault] += 1
        if fault == BUSY:
            return Reply(429, {"Retry-After": "1"}, b'{"kind": "Status", "reason": "TooManyRequests"}')
        if fault == AWAY:
            return Reply(503, {}, b"upstream connect error")
        if fault == RESET:
            return RESET_CONNECTION
        reply = forward(request)
        return RESET_CONNECTION if fault == CUT_OFF else reply

    def forward(request: Request) -> Reply:
        upstream = connect()
        try:
            headers = {name: value for name, value in request.headers.items() if name.title() in PASSED_ON}
            upstream.request(request.method, request.path, request.body or None, headers)
            response = upstream.getresponse()
            data = response.read()
            kept = {name: value for name, value in response.getheaders() if name in ("Content-Type", "Warning")}
            return Reply(response.status, kept, without_kinds(data, hidden) if hidden else data)
        finally:
            upstream.close()

    with loopback_server(answer) as name:
        yield FaultyServer(f"http://{name}", faults)


def without_kinds(data: bytes, hidden: Collection[str]) -> bytes:
    """An answer; if it lists the kinds of a group, without these."""
    if b'"kind":"APIResourceList"' not in data:
        return data
    document = json.loads(data)
    kept = [resource for resource in document["resources"] if resource["kind"] not in hidden]
    return json.dumps({**document, "resources": kept}).encode()


def connector(kubeconfig: Path, folder: Path) -> Callable[[], http.client.HTTPSConnection]:
    """Makes connections to the server of a kubeconfig, as its user; ``folder`` gets the client's certificate."""
    document = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    pair = folder / "client.pem"
    pair.write_bytes(b"".join(base64.b64decode(user[name]) for name in ("client-certificate-data", "client-key-data")))
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    context.load_cert_chain(pair)
    upstream = urlsplit(cluster["server"])
    return lambda: http.client.HTTPSConnection(upstream.hostname or "", upstream.port, context=context, timeout=30)
