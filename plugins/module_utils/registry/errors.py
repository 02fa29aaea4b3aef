# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong at a registry, and what to do about it. Pure.

Nothing that a registry writes is repeated but the codes of its errors: it may quote the credentials it was sent.
"""

from __future__ import annotations

import json
import re

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

_CODE = re.compile(r"[A-Z][A-Z_]{2,40}")


class RegistryError(HardeningError):
    """A registry did not give what was asked for.

    Attributes:
        reason: one word for a machine.
        status: HTTP status; 0 if there was none.
    """

    def __init__(self, reason: str, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.reason = reason
        self.status = status


def refusal(status: int, body: bytes, registry: str, path: str, wanted: str, credentials: str) -> RegistryError:
    """Explain an answer that is not a manifest.

    Args:
        status: HTTP status.
        body: may hold the registry's error codes.
        registry: that was asked.
        path: of the repository.
        wanted: the tag or digest.
        credentials: where those that were used are from.
    """
    codes = error_codes(body)
    said = f"{registry} answers {status}" + (f" {', '.join(codes)}" if codes else "")
    if status == 404 and "NAME_UNKNOWN" in codes:
        return RegistryError("NotFound", f"{said}: it has no repository {path}", status)
    if status == 404 and codes:
        kind = "digest" if ":" in wanted else "tag"
        return RegistryError("NotFound", f"{said}: {path} has no {kind} {wanted} there", status)
    if status in (401, 403):
        who = "nobody's, as none are known" if credentials == "none" else f"those of {credentials}"
        return RegistryError(
            "Unauthorized",
            f"{said}: there is no repository {path}, or the credentials ({who}) may not pull from it; log in "
            "with docker login, or give username and password in registries",
            status,
        )
    if status == 429:
        return RegistryError(
            "Busy",
            f"{said}: it has had too many requests, and asked for a longer wait than timeout allows; wait, or log in, "
            "as registries let known users ask more often",
            status,
        )
    if status >= 500:
        return RegistryError("Busy", f"{said}, and did so until timeout was over; try again later", status)
    if status == 400 and b"HTTP request" in body and b"HTTPS server" in body:
        return RegistryError("TLS", f"{said}: it speaks TLS; remove plain_http from its entry in registries", status)
    return RegistryError(
        "NotARegistry", f"{said}, as no registry does; check that the address is that of a registry's API", status
    )


def error_codes(body: bytes) -> list[str]:
    """The codes of a registry's errors, such as ``MANIFEST_UNKNOWN``."""
    try:
        entries = json.loads(body)["errors"]
        codes = [entry["code"] for entry in entries]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
    return [code for code in codes if isinstance(code, str) and _CODE.fullmatch(code)]
