# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a refusal of the API server means: whether it may pass, and what a user is told. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

BUSY_STATUSES = frozenset({429, 502, 503, 504})
BRIEF_SECONDS = 15.0
"""How long a request is repeated whose refusal has a cause that may stay."""
LASTING = re.compile(r"typed patch object|not declared in schema|unable to (?:convert|decode)|no kind .* is registered")
"""Internal errors that are about what was sent: a manifest that does not fit the schema is one without reason."""
WEBHOOK = re.compile(r'failed calling webhook "([^"]*)"')
UNEXPECTED = "UnexpectedAnswer"
"""Reason of an error whose answer is not the API's."""


class ApiError(HardeningError):
    """The API server refused a request.

    Attributes:
        status: HTTP status; 0 where what answered is not the API, so that nobody takes it for an absence.
        reason: the Status object's ``reason``, for instance ``Forbidden``; empty if there was none.
        causes: the Status object's ``details.causes``: ``[{reason, message, field}]``.
        group: the Status object's ``details.group``.
        unanswered: an earlier attempt of this request was sent and got no answer: it may have been carried out.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        causes: Sequence[Mapping[str, str]] = (),
        group: str = "",
        unanswered: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.causes = tuple(dict(cause) for cause in causes)
        self.group = group
        self.unanswered = unanswered


def json_object(data: bytes) -> dict[str, Any] | None:
    """Parse an answer; None if it is no JSON object."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def seconds_to_repeat(status: int, body: Mapping[str, Any] | None, is_apply: bool) -> float:
    """How long a request is repeated after this refusal: 0 for not at all, infinite for as long as patience lasts.

    Args:
        status: HTTP status.
        body: parsed JSON; None if there was none.
        is_apply: it is a server-side apply that names no version of the object, which may be sent again after any
            conflict that is not about fields.
    """
    if status in BUSY_STATUSES:
        return math.inf
    known = body or {}
    message = str(known.get("message") or "")
    if status == 500:
        if known.get("kind") != "Status" or "etcdserver:" in message:
            return math.inf
        lasting = LASTING.search(message) or (WEBHOOK.search(message) and "not found" in message)
        return 0.0 if lasting else BRIEF_SECONDS
    if status == 409 and is_apply and known.get("kind") == "Status":
        causes = (known.get("details") or {}).get("causes") or ()
        return 0.0 if any(cause.get("reason") == "FieldManagerConflict" for cause in causes) else BRIEF_SECONDS
    # What an API server that has just started says while it still reads its policies and namespaces.
    return BRIEF_SECONDS if status == 403 and "not yet ready to handle request" in message else 0.0


def api_error(request: str, status: int, data: bytes, tries: str = "", unanswered: bool = False) -> ApiError:
    """The error for a refusal.

    Args:
        request: verb, server and path.
        status: HTTP status.
        data: body.
        tries: how often and how long it was tried; empty if once.
        unanswered: whether an attempt before got no answer.
    """
    body = json_object(data) or {}
    details = body.get("details") or {}
    text = str(body.get("message") or data[:200].decode(errors="replace").strip() or f"HTTP {status}")
    text = " ".join(text.split()) if not body else text
    reason = str(body.get("reason") or "")
    message = f"{request}: the server answers {status} ({text}){tries}{_advice(status, reason, text)}"
    return ApiError(status, reason, message, details.get("causes") or (), str(details.get("group") or ""), unanswered)


def unexpected_answer(request: str, status: int, location: str, problem: str, unanswered: bool = False) -> ApiError:
    """The error for an answer that is not the API's."""
    where = f" and leads to {_without_query(location)}" if location else ""
    return ApiError(
        0,
        UNEXPECTED,
        f"{request}: the answer ({status}{where}) is not the Kubernetes API's: {problem}. Something else answers at "
        "this address, such as a proxy that wants a login. Check the server's address in the kubeconfig and the proxy "
        "settings (HTTPS_PROXY, NO_PROXY). What was asked for does not count as done.",
        unanswered=unanswered,
    )


def _advice(status: int, reason: str, text: str) -> str:
    """What to do about a refusal, as a sentence that follows it."""
    webhook = WEBHOOK.search(text)
    if status == 401:
        return ". It does not accept the credentials: they are wrong or have expired; renew the kubeconfig or token."
    if status == 403 and "cannot" in text:
        return " (grant that verb on that resource to the user, or run as one who has it)"
    if status == 400 and "HTTP request to an HTTPS server" in text:
        return ": the address of the API server must begin with https://."
    if webhook:
        return (
            f". Look at the admission webhook {webhook.group(1)!r} (kubectl get validatingwebhookconfigurations,"
            "mutatingwebhookconfigurations) and whether its service runs."
        )
    if status == 429:
        return ". It is busy: run again later, with a smaller concurrency or a longer retry_timeout."
    if status in (500, 502, 503, 504):
        return ". Look at the API server and what is before it, then run again; a longer retry_timeout waits longer."
    if status == 409 and reason == "Conflict" and "object has been modified" in text:
        return ". Somebody else changes it all the time; find out who, then run again."
    if status == 413:
        return ". The object is larger than the server, or a proxy before it, accepts."
    return ""


def _without_query(location: str) -> str:
    """An address without what may be a key to it."""
    return re.split(r"[?#]", location)[0][:200]
