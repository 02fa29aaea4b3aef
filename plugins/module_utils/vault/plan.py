# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what Vault has to what it shall have: the steps, in order. Pure: plain dicts in, steps out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.grants import (
    MOUNT_DESCRIPTION,
    Access,
    Grant,
    made_for,
    policy_text,
    role_body,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.live import (
    Live,
    Object,
    foreign_objects,
    mount_conflicts,
)

Action = Literal["created", "configured", "unchanged", "deleted", "kept"]
KEPT_CONFIG = ("pem_keys", "issuer", "disable_iss_validation", "use_annotations_as_alias_metadata")
"""Of the auth method's configuration, what others may have set. A write would reset what it does not name."""


@dataclass(frozen=True)
class Step:
    """What happens to one object.

    Attributes:
        kind: ``KVMount``, ``AuthMount``, ``AuthConfig``, ``Policy`` or ``Role``.
        action: ``kept`` is what would be deleted, were there not a reason against it.
        path: of the request.
        body: of the request; None for a DELETE, and where nothing is sent.
        before: as people see it; None if it is not there.
        after: the same, afterwards.
        capabilities: that the request takes.
        reason: why nothing, or something else than asked, is done.
    """

    kind: str
    name: str
    action: Action
    path: str
    body: Object | None = None
    before: Object | None = None
    after: Object | None = None
    capabilities: tuple[str, ...] = ("create|update",)
    reason: str = ""

    @property
    def changes(self) -> bool:
        """Whether a request is sent."""
        return self.action not in ("unchanged", "kept")


@dataclass(frozen=True)
class Removal:
    """Which mounts go with the rest: ``never``, ``empty`` or ``always``."""

    auth_mount: str = "never"
    kv_mount: str = "never"


def plan_present(access: Access, live: Live, force: bool = False) -> list[Step]:
    """The steps after which Vault is as wanted, and no stage has a policy or role that it no longer shall have.

    Raises:
        HardeningError: with everything that belongs to somebody else, or is of another type.
    """
    problems = [*mount_conflicts(access, live), *([] if force else foreign_objects(access, live))]
    if problems:
        raise HardeningError(join_failures("Vault cannot be set up, and nothing was written", problems))
    wanted = {access.name(grant): grant for grant in access.grants}
    return [
        _mount_step("KVMount", access.kv_mount, live.mounts, "sys/mounts", {"type": "kv", "options": {"version": "2"}}),
        _mount_step("AuthMount", access.auth_mount, live.auths, "sys/auth", {"type": "kubernetes"}),
        _config_step(access, live.config),
        *(_policy_step(access, grant, live) for grant in access.grants),
        *(_role_step(access, grant, live) for grant in access.grants),
        *_removals(access, live, wanted),
    ]


def plan_absent(access: Access, live: Live, removal: Removal) -> list[Step]:
    """The steps after which nothing of ours is left, but for mounts that were not asked for or are in use."""
    steps = _removals(access, live, {})
    leaving = {step.name for step in steps if step.kind == "Role"}
    roles = [*live.other_roles, *(name for name in live.roles if name not in leaving)]
    used = f"it has other roles ({', '.join(sorted(roles))})" if roles else ""
    steps += _mount_removal("AuthMount", access.auth_mount, live.auths, "sys/auth", removal.auth_mount, used)
    used = "it has values" if live.has_data else ""
    return steps + _mount_removal("KVMount", access.kv_mount, live.mounts, "sys/mounts", removal.kv_mount, used)


def plan_result(steps: Sequence[Step]) -> dict[str, Any]:
    """What a module returns of steps that were, or would be, taken: ``changed``, ``objects``, ``counts``, ``diff``."""
    return {
        "changed": any(step.changes for step in steps),
        "objects": [
            {"kind": step.kind, "name": step.name, "action": step.action, "reason": step.reason} for step in steps
        ],
        "counts": dict(Counter(step.action for step in steps)),
        "diff": [
            {
                "before_header": f"{step.kind} {step.name} ({step.action})",
                "after_header": f"{step.kind} {step.name} ({step.action})",
                "before": step.before or {},
                "after": step.after or {},
            }
            for step in steps
            if step.changes
        ],
    }


def _mount_step(kind: str, path: str, mounts: Mapping[str, Object], api: str, wanted: Mapping[str, Any]) -> Step:
    if path in mounts:
        return Step(kind, path, "unchanged", f"{api}/{path}")
    body = {**wanted, "description": MOUNT_DESCRIPTION}
    return Step(kind, path, "created", f"{api}/{path}", body, None, body, _mount_capabilities(api))


def _mount_capabilities(api: str) -> tuple[str, ...]:
    return ("create|update", "sudo") if api == "sys/auth" else ("create|update",)


def _config_step(access: Access, live: Object | None) -> Step:
    reviewer = bool(access.reviewer_jwt)
    has_one = bool((live or {}).get("token_reviewer_jwt_set"))
    before = None if live is None else {**_known(live, access.config), "token_reviewer_jwt": _shown(has_one)}
    renewed = reviewer and has_one and access.renew_reviewer_jwt
    after = {**access.config, "token_reviewer_jwt": "<masked, written>" if renewed else _shown(reviewer)}
    path = f"auth/{access.auth_mount}/config"
    if before == after:
        return Step("AuthConfig", access.auth_mount, "unchanged", path)
    kept = {key: live[key] for key in KEPT_CONFIG if live and key in live}
    body = {**kept, **access.config, "token_reviewer_jwt": access.reviewer_jwt}
    return Step("AuthConfig", access.auth_mount, "created" if live is None else "configured", path, body, before, after)


def _shown(has_one: bool) -> str:
    return "<masked>" if has_one else ""


def _policy_step(access: Access, grant: Grant, live: Live) -> Step:
    name, text = access.name(grant), policy_text(access, grant)
    before, path = live.policies.get(name), f"sys/policies/acl/{name}"
    if before == text:
        return Step("Policy", name, "unchanged", path)
    old = None if before is None else {"policy": before}
    return Step(
        "Policy", name, "created" if old is None else "configured", path, {"policy": text}, old, {"policy": text}
    )


def _role_step(access: Access, grant: Grant, live: Live) -> Step:
    name, body = access.name(grant), role_body(access, grant)
    role, path = live.roles.get(name), f"auth/{access.auth_mount}/role/{name}"
    if role is None:
        return Step("Role", name, "created", path, body, None, body, ("create",))
    before = _known(role, body)
    if before == body:
        return Step("Role", name, "unchanged", path)
    return Step("Role", name, "configured", path, body, before, body, ("update",))


def _removals(access: Access, live: Live, wanted: Mapping[str, Grant]) -> list[Step]:
    """Roles before policies: whoever logs in meanwhile gets a policy that is there, or nothing.

    A role bears no mark; it is ours if it has the name of a policy that does, and that policy.
    """
    policies = {name: text for name, text in live.policies.items() if made_for(text) == access.auth_mount}
    roles = {
        name: role
        for name, role in live.roles.items()
        if name in policies and name in (role.get("token_policies") or [])
    }
    gone = [
        Step("Role", name, "deleted", f"auth/{access.auth_mount}/role/{name}", None, dict(role), None, ("delete",))
        for name, role in sorted(roles.items())
        if name not in wanted
    ]
    return gone + [
        Step("Policy", name, "deleted", f"sys/policies/acl/{name}", None, {"policy": text}, None, ("delete",))
        for name, text in sorted(policies.items())
        if name not in wanted
    ]


def _mount_removal(kind: str, path: str, mounts: Mapping[str, Object], api: str, choice: str, used: str) -> list[Step]:
    mount = mounts.get(path)
    if mount is None or choice == "never":
        return []
    reason = ""
    if mount.get("description") != MOUNT_DESCRIPTION:
        reason = "this collection did not make it"
    elif used and choice == "empty":
        reason = used
    if reason:
        return [Step(kind, path, "kept", f"{api}/{path}", reason=reason)]
    before = {"type": mount.get("type"), "description": mount.get("description")}
    capabilities = ("delete", "sudo") if api == "sys/auth" else ("delete",)
    return [Step(kind, path, "deleted", f"{api}/{path}", None, before, None, capabilities)]


def _known(live: Object, wanted: Object) -> dict[str, Any]:
    """Of what Vault has, what is compared; in the form in which it is wanted."""
    return {key: _normal(live.get(key), value) for key, value in wanted.items()}


def _normal(live: Any, wanted: Any) -> Any:
    """Vault leaves out what is empty. A line break or slash at the end and the order of a list make no difference."""
    if live is None:
        return type(wanted)()
    if isinstance(wanted, str):
        return wanted if str(live).strip().rstrip("/") == wanted.strip().rstrip("/") else str(live)
    if isinstance(wanted, list):
        return wanted if sorted(map(str, live)) == sorted(map(str, wanted)) else list(live)
    return live
