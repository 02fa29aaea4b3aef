# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Headers by which a request is made in somebody else's name. Pure.

Source: https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

TOKEN_CHARACTERS = "!#$&'*+-.^_`|~"
"""What may stand in the name of a header beside letters and digits, without the percent sign that escapes the rest."""


@dataclass(frozen=True)
class Impersonation:
    """In whose name requests are made; nobody else's if ``user`` is empty."""

    user: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def headers(self) -> list[tuple[str, str]]:
        """Names and values of headers; those of several groups and values are repeated."""
        pairs = [("Impersonate-User", self.user)] if self.user else []
        pairs += [("Impersonate-Uid", self.uid)] if self.uid else []
        pairs += [("Impersonate-Group", group) for group in self.groups]
        for key, values in self.extra.items():
            pairs += [(f"Impersonate-Extra-{quote(key, safe=TOKEN_CHARACTERS)}", value) for value in values]
        # Values go out as UTF-8; http.client would try latin-1.
        return [(name, value.encode().decode("latin-1")) for name, value in pairs]


def impersonation_of(user: Mapping[str, Any], params: Mapping[str, Any]) -> Impersonation:
    """From a kubeconfig's user, with the module's options before it, as kubectl's ``--as`` and ``--as-group`` are.

    Raises:
        HardeningError: groups, uid or extra without a user, or what cannot stand in a header.
    """
    extra = user.get("as-user-extra") or {}
    if not isinstance(extra, Mapping) or not all(isinstance(values, list) for values in extra.values()):
        raise HardeningError("as-user-extra of the kubeconfig must map each key to a list of values.")
    wanted = Impersonation(
        str(params.get("impersonate_user") or user.get("as") or ""),
        str(user.get("as-uid") or ""),
        tuple(str(group) for group in params.get("impersonate_groups") or user.get("as-groups") or ()),
        {str(key): [str(value) for value in values] for key, values in extra.items()},
    )
    if not wanted.user and (wanted.uid or wanted.groups or wanted.extra):
        raise HardeningError(
            "Groups, a uid or extra values are to be impersonated, but no user. Set impersonate_user, or as of the "
            "kubeconfig's user."
        )
    for name, value in wanted.headers():
        if re.search(r"[\x00-\x1f\x7f]", value):
            raise HardeningError(f"{name}: a line break or another control character cannot be sent.")
    return wanted
