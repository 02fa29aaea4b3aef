# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves on real sockets what goes over the wire: certificates from memory, headers, one deadline for each answer."""

from __future__ import annotations

import datetime
import http.server
import ipaddress
import json
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import urllib3
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.access import Access, Server
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import Limits
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.credentials import Fixed, Identity, bearer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.impersonation import Impersonation
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.proxies import Proxy
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.tls import KeyPair, tls_context
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.transport import Transport
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SECRET = "secret-token-of-ci"
PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Authority:
    """A certificate authority that makes pairs for 127.0.0.1 and for the name ``lab``."""

    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def pem(self) -> bytes:
        return self._sign(self.key.public_key(), ca=True).public_bytes(PEM)

    def pair(self, password: bytes | None = None) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, hidden)
        # A chain of many certificates, as some authorities give: more than a pipe holds.
        return KeyPair(self._sign(key.public_key(), ca=False).public_bytes(PEM) + self.pem * 150, private)

    def _sign(self, public: Any, ca: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("lab")]
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority" if ca else "leaf")]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")]))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), True)
            .add_extension(x509.SubjectAlternativeName(names), False)
            .sign(self.key, hashes.SHA256())
        )


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@dataclass
class Wire:
    """A server and what reached it.

    Attributes:
        connections: how many were opened.
        seen: headers of each request.
    """

    port: int
    connections: int = 0
    seen: list[Any] = field(default_factory=list)


Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


def fine(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "2")
    handler.end_headers()
    handler.wfile.write(b"{}")


@contextmanager
def serving(answer: Answer = fine, context: ssl.SSLContext | None = None) -> Iterator[Wire]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            wire.connections += 1

        def do_GET(self) -> None:
            wire.seen.append(self.headers)
            answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            """Be quiet."""

    class Threads(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Be quiet."""

    with Threads(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        wire = Wire(server.server_port)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield wire
        finally:
            server.shutdown()


def server_context(authority: Authority, folder: Path) -> ssl.SSLContext:
    """A server that asks for a certificate of the same authority."""
    pair = authority.pair()
    for name, data in (("server.crt", pair.certificate), ("server.key", pair.key)):
        (folder / name).write_bytes(data)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    context.load_verify_locations(cadata=authority.pem.decode())
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def transport(server: Server, identity: Identity, seconds: float = 5.0, **more: Any) -> Transport:
    return Transport(Access(server, Fixed(identity), **more), Limits(request_timeout=seconds))


def test_a_certificate_is_shown_without_having_been_on_a_disk(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: Any, **_options: Any) -> None:
        raise AssertionError("a file is made")

    for name in ("mkstemp", "mkdtemp", "NamedTemporaryFile", "TemporaryFile"):
        monkeypatch.setattr(tempfile, name, refuse)
    with serving(context=server_context(authority, tmp_path)) as wire:
        server = Server(f"https://127.0.0.1:{wire.port}", authorities=authority.pem.decode())
        sender = transport(server, Identity(pair=authority.pair()))
        for _number in range(5):
            assert sender.send("GET", f"{server.url}/x", sender.identity()).status == 200
        assert wire.connections == 1, "each request opens a connection of its own"


def test_another_name_may_be_expected(authority: Authority, tmp_path: Path) -> None:
    with serving(context=server_context(authority, tmp_path)) as wire:
        url, known = f"https://127.0.0.1:{wire.port}", authority.pem.decode()
        pair = Identity(pair=authority.pair())
        for name, works in (("lab", True), ("other", False)):
            sender = transport(Server(url, tls_name=name, authorities=known), pair)
            if works:
                assert sender.send("GET", url, pair).status == 200
            else:
                with pytest.raises(urllib3.exceptions.SSLError, match="mismatch"):
                    sender.send("GET", url, pair)


@pytest.mark.parametrize("verify", [True, False])
def test_a_stranger_is_talked_to_only_when_nobody_checks(authority: Authority, tmp_path: Path, verify: bool) -> None:
    with serving(context=server_context(authority, tmp_path)) as wire:
        url = f"https://127.0.0.1:{wire.port}"
        pair = Identity(pair=authority.pair())
        sender = transport(Server(url, verify=verify, authorities=Authority().pem.decode()), pair)
        if verify:
            with pytest.raises(urllib3.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
                sender.send("GET", url, pair)
        else:
            assert sender.send("GET", url, pair).status == 200


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        (KeyPair(b"prose", b"prose"), "not a certificate and its key"),
        (KeyPair(Authority().pair().certificate, Authority().pair().key), "not a certificate and its key"),
        (Authority().pair(b"passphrase"), "has a passphrase"),
    ],
)
def test_a_pair_that_is_none_is_explained(pair: KeyPair, words: str) -> None:
    with pytest.raises(HardeningError, match=words):
        tls_context("", verify=False, pair=pair)


def test_an_authority_that_is_none_is_explained() -> None:
    with pytest.raises(HardeningError, match="ca_cert"):
        tls_context("prose", verify=True, pair=None)


def test_headers_of_several_groups_arrive_each() -> None:
    with serving() as wire:
        url = f"http://127.0.0.1:{wire.port}"
        groups = Impersonation("jürgen", groups=("a", "b"), extra={"Team": ["x", "y"]})
        sender = transport(Server(url), Identity(bearer(SECRET, "ci")), impersonation=groups)
        sender.send("GET", url, sender.identity())
        (headers,) = wire.seen
        assert headers.get_all("Impersonate-Group") == ["a", "b"]
        assert headers.get_all("Impersonate-Extra-Team") == ["x", "y"]
        assert headers["Impersonate-User"].encode("latin-1").decode() == "jürgen"
        assert headers["Authorization"] == f"Bearer {SECRET}"


def test_a_redirect_is_not_followed() -> None:
    def lead_away(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "/login")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with serving(lead_away) as wire:
        url = f"http://127.0.0.1:{wire.port}"
        sender = transport(Server(url), Identity())
        assert sender.send("GET", url, Identity()).status == 302
        assert len(wire.seen) == 1


def drip(part: str) -> Answer:
    """An answer that gives one byte of its head or body in a tenth of a second, for ten seconds."""

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n"
        text = {"head": head + b"X: " + b"x" * 100, "body": b" " * 100}[part]
        if part == "body":
            handler.wfile.write(head + b"\r\n")
        for byte in text:
            handler.wfile.write(bytes([byte]))
            time.sleep(0.1)

    return answer


@pytest.mark.parametrize("part", ["head", "body"])
@pytest.mark.parametrize("tls", [False, True])
def test_an_answer_that_drips_is_waited_for_as_long_as_one_that_does_not_come(
    authority: Authority, tmp_path: Path, part: str, tls: bool
) -> None:
    with serving(drip(part), server_context(authority, tmp_path) if tls else None) as wire:
        url = f"http{'s' * tls}://127.0.0.1:{wire.port}"
        identity = Identity(pair=authority.pair() if tls else None)
        sender = transport(Server(url, authorities=authority.pem.decode()), identity, seconds=1.0)
        begin = time.monotonic()
        with pytest.raises(urllib3.exceptions.TimeoutError):
            sender.send("GET", url, identity)
        assert 0.9 < time.monotonic() - begin < 6.0


def test_a_stream_is_read_while_it_arrives_and_ends_with_its_time() -> None:
    def count(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for number in range(100):
            line = f'{{"n": {number}}}\n'.encode()
            handler.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            time.sleep(0.1)

    with serving(count) as wire:
        url = f"http://127.0.0.1:{wire.port}"
        raw = transport(Server(url), Identity()).stream(url, Identity(), 1.0)
        begin = time.monotonic()
        lines: list[Any] = []
        with pytest.raises(urllib3.exceptions.TimeoutError):
            lines.extend(json.loads(chunk) for chunk in raw.stream(amt=None))
        assert 2 <= len(lines) <= 11
        assert time.monotonic() - begin < 6.0
        raw.close()


def test_no_error_of_http_shows_a_header() -> None:
    with serving() as wire:
        url = f"http://127.0.0.1:{wire.port}"
        with pytest.raises(HardeningError, match="cannot be sent") as caught:
            transport(Server(url), Identity(f"Bearer {SECRET}\nx")).send("GET", url, Identity(f"Bearer {SECRET}\nx"))
        assert SECRET not in repr((caught.value, caught.value.__cause__))
        assert caught.value.__suppress_context__


def test_a_proxy_is_told_who_comes() -> None:
    with serving() as wire:
        proxy = Proxy(f"http://127.0.0.1:{wire.port}", "ann", SECRET)
        sender = transport(Server("http://lab.example.org", proxy=proxy), Identity())
        assert sender.send("GET", "http://lab.example.org/x", Identity()).status == 200
        assert wire.seen[0]["Proxy-Authorization"] == proxy.authorization
        assert wire.seen[0]["Host"] == "lab.example.org"


def test_what_a_socks_proxy_needs_is_named() -> None:
    code = (
        "import sys; sys.modules['socks'] = None\n"
        "from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.access import Server\n"
        "from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.pool import open_pool\n"
        "from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.proxies import Proxy\n"
        "try:\n    open_pool(Server('https://lab', proxy=Proxy('socks5h://127.0.0.1:1')), None, 1)\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.startswith("HardeningError The way leads through the SOCKS proxy socks5h://127.0.0.1:1")
    assert "pip install PySocks" in done.stdout
