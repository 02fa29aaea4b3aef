# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads whom a variable names: users, groups and accounts, as subjects of a binding. Pure."""

from __future__ import annotations

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.labels import (
    dns_label_problem,
    dns_subdomain_problem,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import OPTIONAL, REQUIRED, Entry

ACCOUNT = "ServiceAccount"
KINDS = ("User", "Group", ACCOUNT)
EVERYBODY = ("system:authenticated", "system:unauthenticated", "system:serviceaccounts")
_API_GROUP = "rbac.authorization.k8s.io"

Subject = dict[str, str]


def read_subjects(entry: Entry) -> list[Subject]:
    """The subjects, as RBAC spells them; ``kind`` is User, Group or ServiceAccount, the last with ``namespace``."""
    return [_read_subject(item) for item in entry.items()]


def _read_subject(entry: Entry) -> Subject:
    keys = entry.keys({"kind": REQUIRED, "name": REQUIRED, "namespace": OPTIONAL})
    kind, name = keys["kind"].choice(KINDS), keys["name"].filled_text()
    if kind == "Group" and name in EVERYBODY:
        keys["name"].refuse(f"everybody is in {name}")
    if kind != ACCOUNT:
        if keys["namespace"].given:
            keys["namespace"].refuse(f"a {kind} is in no namespace")
        return {"kind": kind, "name": name, "apiGroup": _API_GROUP}
    namespace = keys["namespace"].text() if keys["namespace"].given else ""
    keys["name"].refuse(dns_subdomain_problem(name, "service account") if name else None)
    if not keys["namespace"].given:
        entry.refuse("namespace is missing")
    else:
        keys["namespace"].refuse(dns_label_problem(namespace, "namespace"))
    return {"kind": kind, "name": name, "namespace": namespace}
