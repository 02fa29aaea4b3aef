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
from loopback_server import DRIPPING, Reply, Request, loopback_server
from loopback_server import RESET as RESET_CONNECTION

BUSY = "429 with Retry-After"
AWAY = "503"
RESET = "connection reset"
CUT_OFF = "reset after the server has done it"
DRIP = "a byte a second"
NO_PAUSE = "429 with Retry-After: 0"
LEADER = "500 without reason"
MODIFIED = "409 that is no conflict of fields"
LOGIN = "302 to a login"
PAGE = "200 with a page"
NOTHING = "200 without anything"
OTHER = "200 with another object"
NO_ROUTE = "404 of a gateway"

PASSED_ON = ("Accept", "Content-Type", "User-Agent")
HTML, JSON = {"Content-Type": "text/html"}, {"Content-Type": "application/json"}
CANNED: dict[str, tuple[int, dict[str, str], bytes]] = {
    BUSY: (429, {"Retry-After": "1"}, b'{"kind": "Status", "reason": "TooManyRequests"}'),
    AWAY: (503, {}, b"upstream connect error"),
    NO_PAUSE: (429, {"Retry-After": "0"}, b"Too many requests, please try again later."),
    LEADER: (500, JSON, b'{"kind": "Status", "status": "Failure", "message": "etcdserver: leader changed"}'),
    MODIFIED: (
        409,
        JSON,
        b'{"kind": "Status", "reason": "Conflict", "message": "Operation cannot be fulfilled: the object has been '
        b'modified; please apply your changes to the latest version and try again"}',
    ),
    LOGIN: (302, {"Location": "https://login.invalid/start?state=secret-state"}, b""),
    PAGE: (200, HTML, b"<html>Please log in</html>"),
    NOTHING: (200, JSON, b""),
    OTHER: (200, JSON, b'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "another"}}'),
    NO_ROUTE: (404, HTML, b"<html>no such backend</html>"),
}
"""Answers that never reached the API server."""

Plan = Callable[[int], str | None]
"""Says by the number of a request, from 0, which fault it meets."""


@dataclass
class FaultyServer:
    """Where the proxy listens and which faults it has dealt out."""

    address: str
    faults: Counter[str] = field(default_factory=Counter)


Choice = Callable[[str, str], bool]
"""Says by method and path of a request whether it is one that faults are for."""


def no_fault(number: int) -> None:
    """A plan without any fault."""


def any_request(method: str, path: str) -> bool:
    """Faults are for all requests."""
    return bool(method and path)


def a_write(method: str, path: str) -> bool:
    """Faults are for what changes something."""
    return method != "GET" and "dryRun" not in path


@contextmanager
def faulty_server(
    kubeconfig: Path,
    folder: Path,
    plan: Plan = no_fault,
    hidden: Collection[str] = (),
    choice: Choice = any_request,
) -> Iterator[FaultyServer]:
    """Run the proxy with the credentials of a kubeconfig, in plain HTTP on loopback.

    ``hidden`` are kinds that it seems not to serve: discovery does not name them. Requests are counted for the plan
    only if they are of the choice.
    """
    connect = connector(kubeconfig, folder)
    count = iter(range(1_000_000))
    faults: Counter[str] = Counter()
    lock = threading.Lock()

    def answer(request: Request) -> Reply:
        with lock:
            fault = plan(next(count)) if choice(request.method, request.path) else None
            if fault:
                faults[fault] += 1
        if fault in CANNED:
            return Reply(*CANNED[str(fault)])
        if fault in (DRIP, RESET):
            return DRIPPING if fault == DRIP else RESET_CONNECTION
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
