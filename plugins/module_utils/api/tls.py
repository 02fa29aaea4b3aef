# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS from what is in memory: no certificate and no key of a connection is ever written to a disk."""

from __future__ import annotations

import contextlib
import os
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.shared_tls import SharedContext


@dataclass(frozen=True)
class KeyPair:
    """A client certificate with its chain, and its key (PEM)."""

    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)


def tls_context(authorities: str, verify: bool, pair: KeyPair | None) -> ssl.SSLContext:
    """How to speak TLS to a server.

    Args:
        authorities: certificates (PEM) that the server's is checked against; empty for those that the system trusts.
        verify: whether it is checked at all.
        pair: what this side shows of itself.

    Raises:
        HardeningError: what should be a certificate or key is none.
    """
    context = SharedContext()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authorities:
        try:
            context.load_verify_locations(cadata=authorities)
        except (ssl.SSLError, ValueError):
            raise HardeningError(
                "The certificate authority (ca_cert, or certificate-authority of the kubeconfig) holds no certificate "
                "in PEM format."
            ) from None
    else:
        context.load_default_certs()
    if pair is not None:
        _load_pair(context, pair)
    return context


def _load_pair(context: ssl.SSLContext, pair: KeyPair) -> None:
    """OpenSSL takes a pair from files only; here these are the ends of pipes, so that nothing is left behind."""

    def refuse() -> str:
        raise HardeningError("The key of the client certificate has a passphrase, which cannot be asked for here.")

    try:
        with _readable(pair.certificate) as certificate, _readable(pair.key) as key:
            context.load_cert_chain(certificate, key, refuse)
    except (ssl.SSLError, OSError):
        raise HardeningError(
            "The client certificate and its key (client_cert and client_key, or those of the kubeconfig) are not a "
            "certificate and its key in PEM format."
        ) from None


@contextlib.contextmanager
def _readable(data: bytes) -> Iterator[str]:
    """A path from which data can be read once."""
    reader, writer = os.pipe()

    def write() -> None:
        with contextlib.suppress(OSError), open(writer, "wb") as end:  # the reader may have had enough
            end.write(data)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield f"/dev/fd/{reader}"
    finally:
        os.close(reader)
        thread.join()
