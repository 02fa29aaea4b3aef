# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to an API server: kept open and shared by all requests of a client."""

from __future__ import annotations

import importlib
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.access import Server
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.proxies import Proxy
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.tls import KeyPair, tls_context
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.timed_responses import with_timed_responses

try:
    import urllib3

    IMPORT_ERROR: str | None = None
except ImportError as missing:
    IMPORT_ERROR = str(missing)


def open_pool(server: Server, pair: KeyPair | None, concurrency: int) -> Any:
    """A pool manager of urllib3 for a server. Connects to nothing yet.

    Args:
        server: where to, and by which way.
        pair: client certificate that connections show.
        concurrency: most connections that are kept.

    Raises:
        HardeningError: urllib3, or what it needs for the proxy, is missing, or a certificate is none.
    """
    if IMPORT_ERROR is not None:
        raise HardeningError(
            f"The Python package urllib3 cannot be imported ({IMPORT_ERROR}). "
            "Install it for the interpreter that runs the modules: pip install urllib3"
        )
    # Retrying is the client's own business: it knows which requests may be repeated, and until when.
    options: dict[str, Any] = {"maxsize": concurrency, "retries": False}
    if server.url.startswith("https:"):
        options["ssl_context"] = tls_context(server.authorities, server.verify, pair)
        if server.tls_name:
            options["server_hostname"] = server.tls_name
        if not server.verify:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return pool_manager(server.proxy, options)


def pool_manager(proxy: Proxy | None, options: dict[str, Any]) -> Any:
    """A pool manager of urllib3 for a way, whose answers have one deadline each.

    Args:
        proxy: on the way; None for none.
        options: of all its connections.

    Raises:
        HardeningError: what is needed for the proxy is missing.
    """
    return with_timed_responses(_manager(proxy, options))


def _manager(proxy: Proxy | None, options: dict[str, Any]) -> Any:
    if proxy is None:
        return urllib3.PoolManager(**options)
    if not proxy.is_socks:
        headers = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else None
        return urllib3.ProxyManager(proxy.url, proxy_headers=headers, **options)
    try:
        importlib.import_module("socks")  # without it, urllib3 warns before it fails
        from urllib3.contrib.socks import SOCKSProxyManager
    except ImportError:
        raise HardeningError(
            f"The way leads through the SOCKS proxy {proxy.url}, for which Python needs another package. "
            "Install it for the interpreter that runs the modules: pip install PySocks"
        ) from None
    return SOCKSProxyManager(proxy.url, proxy.username or None, proxy.password or None, **options)
