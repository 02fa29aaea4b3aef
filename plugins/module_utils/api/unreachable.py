# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that do not answer: whether that can pass by itself, and what a user is told. Pure."""

from __future__ import annotations

import contextlib
import re

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.proxies import Proxy
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

with contextlib.suppress(ImportError):  # pool.open_pool says so, with what to do about it
    import urllib3


def may_pass(error: Exception) -> bool:
    """Whether a connection error can pass by itself: not a certificate, a name or a malformed address."""
    lasting = (
        urllib3.exceptions.SSLError,
        urllib3.exceptions.LocationValueError,
        urllib3.exceptions.ProxyError,
    )
    return not isinstance(error, lasting) and "resolution" not in type(error).__name__.lower()


def unreachable(request: str, proxy: Proxy | None, error: Exception, tries: str = "") -> HardeningError:
    """The error for a request that got no answer.

    Args:
        request: verb, server and path.
        proxy: on the way to it.
        error: of urllib3.
        tries: how often and how long it was tried; empty if once.
    """
    reason = reason_of(error)
    if isinstance(error, urllib3.exceptions.SSLError):
        return HardeningError(
            f"{request}: the TLS connection failed: {reason}. Check ca_cert (or the kubeconfig's "
            "certificate-authority) and that the address is one the server's certificate names."
        )
    way = f" through the proxy {proxy.url}" if proxy else ""
    also = " and the proxy" if proxy else ""
    return HardeningError(
        f"{request}: the API server cannot be reached{way}: {reason}{tries}. Check that it runs and that the address "
        f"in the kubeconfig{also} is right."
    )


def reason_of(error: Exception) -> str:
    """An error's text without the connection object that urllib3 puts before it."""
    return re.sub(r"^[^:]*?\(.*?\): |^<.*?>: ", "", str(error)).strip() or type(error).__name__
