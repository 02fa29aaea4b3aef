# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules give, and what requests of the audit log took, as RBAC counts it. Pure.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit_log import Request

FORBIDDEN = 403
Json = Mapping[str, Any]


@dataclass(frozen=True, order=True)
class Right:
    """What the API server asks for before it does something.

    Attributes:
        verb: of RBAC.
        resource: ``group/plural``, with its subresource, such as ``/pods/log``.
    """

    verb: str
    resource: str


def parts(rules: Sequence[Json]) -> list[Right]:
    """The smallest rights that rules without named resources are made of."""
    return [
        Right(verb, f"{group}/{resource}")
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


def asked(requests: Iterable[Request]) -> set[Right]:
    """What requests that were not forbidden had to be allowed. Discovery is everybody's."""
    found = set()
    for request in requests:
        if request.resource and request.code != FORBIDDEN:
            resource = "/".join(filter(None, (request.resource, request.subresource)))
            found.add(Right(request.verb, f"{request.group}/{resource}"))
    return found
