# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Vault each stage uses: the site's, with what a stage has of its own. Pure but for the files of CAs."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json, ip_block
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.labels import dns_subdomain_problem
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import OPTIONAL, REQUIRED, Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.peers import (
    Known,
    Traffic,
    namespace_peer,
    read_rules,
)

CA_NAME = "vault-ca"
"""ConfigMap with the CA of Vault that is made in the namespace of a stage."""
CA_KEY = "ca.crt"
SITE = ("url", "namespace", "ca_cert", "kv_mount", "auth_mount", "audience", "self_review")
"""What a stage may have of its own, beside ``ca`` and ``egress``."""

_CA = {"kind": "ConfigMap", "name": REQUIRED, "key": CA_KEY}
_CA_KINDS = ("ConfigMap", "Secret")
_SERVICE = re.compile(r"[a-z0-9-]+\.([a-z0-9-]+)\.svc(\..+)?")
_MOUNT = re.compile(r"[^\s/*+{}\"\\]+(/[^\s/*+{}\"\\]+)*")

ReadFile = Callable[[str], str]
"""Reads a text file; raises OSError or UnicodeDecodeError."""


@dataclass(frozen=True)
class Certificates:
    """Where the operator finds the CA of Vault.

    Attributes:
        kind: ``ConfigMap`` or ``Secret``; in the namespace of the stage.
        text: what we put there; empty if it is there already.
    """

    kind: str
    name: str
    key: str
    text: str = ""


@dataclass(frozen=True)
class Vault:
    """The Vault of one stage.

    Attributes:
        certificates: None where what the systems trust is good enough.
        egress: rules of a NetworkPolicy that let the operator reach it.
    """

    url: str
    namespace: str
    kv_mount: str
    auth_mount: str
    audience: str
    self_review: bool
    certificates: Certificates | None
    egress: list[Json]


@dataclass(frozen=True)
class Site:
    """What is said once for all stages.

    Attributes:
        keys: entries by the names in :data:`SITE`.
        ca: where the CA is already; empty to make it from ``ca_cert``.
        egress: where Vault is; empty to take it from the address.
        allow_http: accept an address without TLS.
        known: what ``egress`` may name.
        filtered: whether the operator's traffic is ours to allow.
    """

    keys: Mapping[str, Entry]
    ca: Entry
    egress: Entry
    allow_http: bool
    known: Known
    filtered: bool


def read_vault(site: Site, own: Entry, read_file: ReadFile) -> Vault | None:
    """The Vault of a stage; None if it has no address.

    Args:
        site: for all stages.
        own: what the stage has of its own; an entry of an empty mapping for nothing.
        read_file: reads the file of a CA.
    """
    given = own.keys(dict.fromkeys((*SITE, "ca", "egress"), OPTIONAL))
    keys = {name: given[name] if given[name].given else site.keys[name] for name in SITE}
    url = keys["url"].text()
    if not url:
        return None
    target = _read_url(keys["url"], site.allow_http)
    egress = given["egress"] if given["egress"].given else site.egress
    rules = read_rules(egress, "to", site.known)
    if not egress.value and target and site.filtered:
        rules = _derive(keys["url"], target)
    return Vault(
        url,
        keys["namespace"].text(),
        _read_mount(keys["kv_mount"]),
        _read_mount(keys["auth_mount"]),
        keys["audience"].filled_text(),
        keys["self_review"].flag(),
        _read_certificates(given, site, keys["ca_cert"], read_file),
        rules,
    )


def _read_url(entry: Entry, allow_http: bool) -> tuple[str, int] | None:
    """Host and port of an address."""
    text = entry.text()
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError as error:
        entry.refuse(f"is no address: {error}")
        return None
    if parts.username or parts.password:
        entry.refuse("must hold no credentials; the operator logs in as an account of the stage")
    elif not host or not port or parts.query or parts.fragment or parts.path.strip("/"):
        entry.refuse(f"{text!r} is no address of Vault, such as https://vault.example.com:8200")
    elif parts.scheme == "http" and not allow_http:
        entry.refuse(
            "has no TLS, so whoever is on the way reads every Secret; use https, or set "
            "external_secrets_vault_allow_http: true for a test"
        )
    return host, port


def _derive(entry: Entry, target: tuple[str, int]) -> list[Json]:
    """A NetworkPolicy knows addresses and pods, but no names."""
    host, port = target
    ports: list[Json] = [{"protocol": "TCP", "port": port}]
    try:
        address = ipaddress.ip_network(host)
    except ValueError:
        service = _SERVICE.fullmatch(host)
        if service:
            return [Traffic([namespace_peer(service[1], None)], ports).rule("to")]
        entry.refuse(
            f"{host} is a name, and a NetworkPolicy knows only addresses; set external_secrets_vault_egress, such as "
            f"[{{cidr: 10.0.60.0/24, ports: [{{port: {port}}}]}}]"
        )
        return []
    return [Traffic([ip_block(address)], ports).rule("to")]


def _read_mount(entry: Entry) -> str:
    text = entry.text().strip("/")
    if not _MOUNT.fullmatch(text):
        entry.refuse(f"{entry.value!r} is no mount, such as secret or team-a/kv")
    return text


def _read_certificates(
    given: Mapping[str, Entry], site: Site, ca_cert: Entry, read_file: ReadFile
) -> Certificates | None:
    ca = given["ca"] if given["ca"].given else site.ca
    # A file of the stage itself wins over a reference of the site.
    if ca.value and not (given["ca_cert"].given and not given["ca"].given):
        keys = ca.keys(_CA)
        name = keys["name"].text()
        keys["name"].refuse(dns_subdomain_problem(name, "CA") if name else None)
        return Certificates(keys["kind"].choice(_CA_KINDS), name, keys["key"].text())
    path = ca_cert.text()
    if not path:
        return None
    return Certificates("ConfigMap", CA_NAME, CA_KEY, _read_pem(ca_cert, path, read_file))


def _read_pem(entry: Entry, path: str, read_file: ReadFile) -> str:
    try:
        text = read_file(path)
    except (OSError, UnicodeDecodeError) as error:
        entry.refuse(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}")
        return ""
    if "PRIVATE KEY-----" in text:
        entry.refuse(f"{path} holds a private key, and would be put where others read it; name a file without it")
    elif "-----BEGIN CERTIFICATE-----" not in text:
        entry.refuse(f"{path} holds no certificate in PEM form")
    return text
