# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an answer is what the API promises for a request. Pure.

What stands between here and the API server (a proxy that wants a login, a gateway, another server under the same
address) answers, too, and often with 200 or 302. Such an answer must never count as a deed, nor as an absence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

NOT_FOUND_TEXT = b"404 page not found"
"""How an API server says that it does not serve a group or version: the only refusal that is text."""
TELLING = frozenset({400, 404, 409, 410, 422})
"""Refusals that mean something to who asked, and so must be the API's own."""


@dataclass(frozen=True)
class Place:
    """What a path of the API names.

    Attributes:
        name: of the object; empty for a collection.
        sub: the subresource, such as ``status``; empty for the object itself.
    """

    api_version: str
    namespace: str
    plural: str
    name: str = ""
    sub: str = ""


def place_of(path: str) -> Place | None:
    """Read a path; None if it is not of a resource: discovery documents, ``/version``."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts[0] == "api" and len(parts) > 2:
        version, rest = parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        version, rest = "/".join(parts[1:3]), parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2:] not in (["status"], ["finalize"]):
        namespace, rest = rest[1], rest[2:]
    rest += [""] * (3 - len(rest))
    return Place(version, namespace, *rest[:3])


def wrong_success(method: str, path: str, sent: object, body: object) -> str:
    """What is wrong with the body of a 2xx; empty if it is what was asked for.

    Args:
        method: verb of the request.
        path: of the request.
        sent: what the request carried, for its kind; of a GET, what is known of the object.
        body: parsed JSON; None if there was none.
    """
    if not isinstance(body, Mapping):
        return "it is no JSON object"
    place = place_of(path)
    if place is None:
        return _wrong_document(path, body)
    if place.sub:
        return "" if body.get("kind") else "it has no kind"
    kind = str(body.get("kind") or "")
    if method == "DELETE" and kind == "Status":
        return _wrong_deletion(place, body)
    if not kind or kind == "Status":
        return f"it is of the kind {kind!r}" if kind else "it has no kind"
    if str(body.get("apiVersion")) != place.api_version:
        return f"it is of {body.get('apiVersion')!r}, not of {place.api_version}"
    if not place.name and method == "GET":
        return _wrong_list(kind, body)
    return _wrong_object(place, kind, sent if method != "DELETE" else None, body)


def wrong_refusal(status: int, body: object, data: bytes) -> str:
    """What is wrong with the body of a refusal; empty if it may be the API's."""
    if status not in TELLING or (isinstance(body, Mapping) and body.get("kind") == "Status"):
        return ""
    if status == 404 and data.startswith(NOT_FOUND_TEXT):
        return ""
    if status == 400 and b"HTTP request to an HTTPS server" in data:
        return ""
    return "it is no Status of Kubernetes"


def _wrong_document(path: str, body: Mapping[str, Any]) -> str:
    parts = path.strip("/").split("/")
    if path.rstrip("/") == "/version":
        return "" if isinstance(body.get("gitVersion"), str) else "it has no gitVersion"
    version = "/".join(parts[1:])
    if (parts[0] == "api" and len(parts) == 2) or (parts[0] == "apis" and len(parts) == 3):
        fits = body.get("kind") == "APIResourceList" and body.get("groupVersion") == version
        return "" if fits and _are_mappings(body.get("resources")) else f"it is no APIResourceList of {version}"
    if parts[0] == "apis" and len(parts) == 2:
        fits = body.get("kind") == "APIGroup" and body.get("name") == version
        return "" if fits and _are_mappings(body.get("versions")) else f"it is no APIGroup {version}"
    return ""


def _wrong_list(kind: str, body: Mapping[str, Any]) -> str:
    if not kind.endswith("List") or not isinstance(body.get("metadata"), Mapping):
        return f"it is of the kind {kind!r}, not a list"
    items = body.get("items")
    if not _are_mappings(items) or not all(_name(item) for item in items or ()):
        return "its items are no objects"
    return ""


def _wrong_object(place: Place, kind: str, sent: object, body: Mapping[str, Any]) -> str:
    wanted = sent if isinstance(sent, Mapping) else {}
    name = place.name or _name(wanted)
    if wanted.get("kind") and kind != wanted["kind"]:
        return f"it is of the kind {kind!r}, not {wanted['kind']}"
    if wanted and not name:
        return ""  # a review, which is answered and not kept
    if not _name(body) or (name and _name(body) != name):
        return f"it is of {_name(body) or 'an object without name'!r}, not of {name!r}"
    if place.namespace and body["metadata"].get("namespace") != place.namespace:
        return f"it is of the namespace {body['metadata'].get('namespace')!r}, not {place.namespace}"
    return ""


def _wrong_deletion(place: Place, body: Mapping[str, Any]) -> str:
    details = body.get("details")
    name = details.get("name") if isinstance(details, Mapping) else None
    if body.get("status") != "Success":
        return f"it is a Status of {body.get('status')!r}"
    return f"it is of {name!r}, not of {place.name!r}" if name not in (None, "", place.name) else ""


def _are_mappings(items: object) -> bool:
    """A list that is empty may also be null."""
    return items is None or (isinstance(items, list) and all(isinstance(item, Mapping) for item in items))


def _name(obj: Mapping[str, Any]) -> str:
    metadata = obj.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    return name if isinstance(name, str) else ""
