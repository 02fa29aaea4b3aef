# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a component works: one request to its health URL."""

from __future__ import annotations

import http.client
import ssl

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.components import HealthCheck

SECONDS = 5.0


def is_healthy(check: HealthCheck) -> bool:
    """Ask once. Anything but 200 is no."""
    connection: http.client.HTTPConnection
    if check.tls:
        context = ssl.create_default_context(cafile=str(check.authority))
        if check.certificate and check.key:
            context.load_cert_chain(check.certificate, check.key)
        connection = http.client.HTTPSConnection("127.0.0.1", check.port, timeout=SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", check.port, timeout=SECONDS)
    try:
        connection.request("GET", check.path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
