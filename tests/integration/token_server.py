# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server of tokens that a registry sends its users to, as the specification of Distribution describes it."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from loopback_server import Reply, Request
from registry_proxy import Proxy, registry_proxy
from registry_server import basic

SERVICE = "the-registry"
ISSUER = "the-issuer"
IDENTITY_TOKEN = "identity-token-of-puller"


@dataclass(frozen=True)
class Pair:
    """A certificate that signs itself, and its key, as files."""

    certificate: Path
    key: Path


def make_pair(folder: Path, name: str) -> Pair:
    """A pair for 127.0.0.1."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pair.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pair


@dataclass
class TokenServer:
    """A running server of tokens.

    Attributes:
        proxy: where it listens, and what arrived.
        pair: whose key signs the tokens.
        issued: the tokens it gave.
    """

    proxy: Proxy
    pair: Pair
    issued: list[str] = field(default_factory=list)

    @property
    def auth(self) -> dict[str, Any]:
        """The part of a registry's configuration that sends its users here."""
        realm = f"http://{self.proxy.name}/token"
        return {
            "token": {
                "realm": realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(self.pair.certificate)
            }
        }  # fmt: skip

    def issue(self, scope: str, *actions: str) -> str:
        """A signed token for a scope such as ``repository:team/app:pull``."""
        kind, name, asked = scope.split(":")
        now = int(time.time())
        certificate = x509.load_pem_x509_certificate(self.pair.certificate.read_bytes())
        chain = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
        header = {"typ": "JWT", "alg": "RS256", "x5c": [chain]}
        claims = {
            "iss": ISSUER, "sub": "", "aud": SERVICE, "iat": now, "nbf": now - 10, "exp": now + 300, "jti": str(now),
            "access": [{"type": kind, "name": name, "actions": list(actions) or asked.split(",")}],
        }  # fmt: skip
        signed = f"{_part(json.dumps(header).encode())}.{_part(json.dumps(claims).encode())}"
        key = serialization.load_pem_private_key(self.pair.key.read_bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        token = f"{signed}.{_part(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"
        self.issued.append(token)
        return token


@contextmanager
def token_server(folder: Path) -> Iterator[TokenServer]:
    """Run one on loopback. It gives tokens to the user of the registry, by password or identity token."""
    pair = make_pair(folder, "tokens")

    def answer(request: Request) -> Reply:
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if request.method == "POST":
            known = form.get("grant_type") == "refresh_token" and form.get("refresh_token") == IDENTITY_TOKEN
        else:
            known = request.headers.get("Authorization") == basic()
        asked = form or query
        if not known or asked.get("service") != SERVICE:
            return Reply(401, {"Content-Type": "application/json"}, b'{"details": "incorrect username or password"}')
        name = "access_token" if request.method == "POST" else "token"
        return Reply(
            200, {"Content-Type": "application/json"}, json.dumps({name: server.issue(asked["scope"])}).encode()
        )

    with registry_proxy(answer=answer) as proxy:
        server = TokenServer(proxy, pair)
        yield server


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
