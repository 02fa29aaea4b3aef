# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster's side of a Vault that tests share: mounts and a prefix of its own, and what Vault keeps of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from module_runs import ModuleRunner
from vault_server import VaultError, VaultServer

CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
SERVING = {"stage": "serving", "namespace": "ml-serving", "paths": ["ml/model-registry", "ml/model-signing"]}
TRAINING = {"stage": "training", "namespace": "ml-training", "paths": ["ml/data-lake"]}


@dataclass(frozen=True)
class VaultSide:
    """Runs the modules with names that no other test uses, and reads back over plain HTTP."""

    vault: VaultServer
    home: Path
    kv: str
    auth: str
    prefix: str

    @property
    def connection(self) -> dict[str, Any]:
        """The options with which a module reaches Vault."""
        return {"url": self.vault.url, "ca_cert": str(self.vault.ca_cert), "token": self.vault.root_token}

    def access(self, check: bool = False, **changes: Any) -> dict[str, Any]:
        """Run ``vault_access`` for two stages; it must succeed."""
        return self._runner(self._access)("vault_access", check, **changes)

    def refused_access(self, check: bool = False, **changes: Any) -> str:
        """The same, but it must fail; its message."""
        return str(self._runner(self._access).failing("vault_access", check, **changes)["msg"])

    def secrets(self, check: bool = False, **changes: Any) -> dict[str, Any]:
        """Run ``vault_secrets``; it must succeed."""
        return self._runner({"kv_mount": self.kv})("vault_secrets", check, **changes)

    def refused_secrets(self, check: bool = False, **changes: Any) -> dict[str, Any]:
        """The same, but it must fail; its result."""
        return self._runner({"kv_mount": self.kv}).failing("vault_secrets", check, **changes)

    def get(self, path: str) -> dict[str, Any] | None:
        """What is at a path of Vault, or None."""
        try:
            return dict(self.vault.request("GET", path)["data"])
        except VaultError as error:
            if error.status not in (400, 404):
                raise
            return None

    def policy(self, stage: str) -> str | None:
        """The policy of a stage."""
        found = self.get(f"sys/policies/acl/{self.prefix}{stage}")
        return None if found is None else str(found["policy"])

    def role(self, stage: str) -> dict[str, Any] | None:
        """The role of a stage."""
        return self.get(f"auth/{self.auth}/role/{self.prefix}{stage}")

    def traces(self) -> list[str]:
        """Every mount, policy and role of these names."""
        policies = self.vault.request("LIST", "sys/policies/acl")["data"]["keys"]
        mounts = [path for path in (f"sys/mounts/{self.kv}", f"sys/auth/{self.auth}") if self.get(path)]
        roles = [f"role {stage}" for stage in ("serving", "training") if self.role(stage)]
        return [*mounts, *roles, *(name for name in policies if name.startswith(self.prefix))]

    def token(self, policy: str, **options: Any) -> str:
        """A token that has this policy and no other."""
        name = f"test-{uuid.uuid4().hex[:8]}"
        self.vault.request("PUT", f"sys/policies/acl/{name}", {"policy": policy})
        body = {"policies": [name], "no_default_policy": False, "ttl": "10m", **options}
        return str(self.vault.request("POST", "auth/token/create", body)["auth"]["client_token"])

    @property
    def _access(self) -> dict[str, Any]:
        return {
            "kv_mount": self.kv,
            "auth_mount": self.auth,
            "role_prefix": self.prefix,
            "kubernetes_host": "https://10.0.0.10:6443",
            "kubernetes_ca_cert": CA,
            "grants": [SERVING, TRAINING],
        }

    def _runner(self, defaults: Mapping[str, Any]) -> ModuleRunner:
        return ModuleRunner(self.home, {**self.connection, **defaults})


def vault_side(vault: VaultServer, home: Path) -> VaultSide:
    """A side of its own."""
    unique = uuid.uuid4().hex[:8]
    return VaultSide(vault, home, f"kv-{unique}", f"kubernetes-{unique}", f"gpu-{unique}-")
