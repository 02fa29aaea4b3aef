# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which proxy is on the way to a server. Pure; rules as client-go's (``golang.org/x/net/http/httpproxy``)."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

SCHEMES = ("http", "https", "socks5", "socks5h")


@dataclass(frozen=True)
class Proxy:
    """A proxy.

    Attributes:
        url: its address, without user and password.
    """

    url: str
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS, not HTTP."""
        return self.url.startswith("socks")

    @property
    def authorization(self) -> str:
        """Value of ``Proxy-Authorization``; empty without user."""
        pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return f"Basic {pair}" if self.username else ""


def find_proxy(server: str, given: str, environment: Mapping[str, str]) -> Proxy | None:
    """The proxy to a server: the kubeconfig's ``proxy-url`` always, one of the environment unless ``NO_PROXY`` says no.

    Raises:
        HardeningError: it is no address of a proxy.
    """
    if given:
        return _parse(given, "proxy-url of the kubeconfig")
    name = "HTTPS_PROXY" if server.startswith("https:") else "HTTP_PROXY"
    for variable in (name, "ALL_PROXY"):
        value = environment.get(variable) or environment.get(variable.lower()) or ""
        if value:
            excluded = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
            return None if goes_direct(server, excluded) else _parse(value, variable)
    return None


def goes_direct(server: str, excluded: str) -> bool:
    """Whether ``NO_PROXY`` names a server; this machine itself is never asked through a proxy of the environment."""
    parts = urlsplit(server)
    host, port = parts.hostname or "", str(parts.port or (443 if parts.scheme == "https" else 80))
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(_names(entry.strip().lower(), host, port, address) for entry in excluded.split(",") if entry.strip())


def _names(entry: str, host: str, port: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> bool:
    if entry == "*":
        return True
    if address is not None and "/" in entry:
        try:
            return address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, colon, wanted = entry.rpartition(":")
    if colon and wanted.isdigit() and (name.count(":") == 0 or name.startswith("[")):
        if wanted != port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*")
    if address is not None:
        return _address(entry) == address
    return host == entry or host.endswith(entry if entry.startswith(".") else f".{entry}")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _parse(value: str, where: str) -> Proxy:
    parts = urlsplit(value if "://" in value else f"http://{value}")
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    if parts.scheme not in SCHEMES or not parts.hostname:
        # Without the value: it may hold a password.
        raise HardeningError(f"{where} must be the address of a proxy, one of {', '.join(SCHEMES)}.")
    # Names are left to the proxy to look up, as Go does: often only the proxy can.
    scheme = "socks5h" if parts.scheme == "socks5" else parts.scheme
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Proxy(f"{scheme}://{host}{port}", unquote(parts.username or ""), unquote(parts.password or ""))
