# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows a Secret on its way from Vault into the sandbox; started by demo_secrets.sh. Takes away what it made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from external_secrets_server import crd_bundle, nudge
from operator_pods import operator_pods
from sandbox_access import BIN, CHECKOUT, Kubectl, Sandbox
from secrets_chain import settings_here
from vault_server import VaultServer, running_vault

NAMESPACE = "ml-serving"
SECRET = "model-registry-credentials"
VALUES = {
    "ml/model-registry": {"access-token": "made up for this demo"},
    "ml/model-signing": {"cosign-private-key": "made up for this demo, too"},
}


def main() -> int:
    sandbox = Sandbox(CHECKOUT / ".sandbox")
    kubectl = sandbox.kubectl
    with (
        tempfile.TemporaryDirectory(prefix="gpu-cluster-secrets-") as name,
        running_vault(Path(name)) as vault,
        operator_pods(kubectl, Path(name)),
    ):
        variables = Path(name) / "variables.json"
        variables.touch(mode=0o600)
        settings = settings_here(kubectl, vault, crd_bundle())
        settings |= {"gpu_cluster_kubeconfig": str(kubectl.kubeconfig), "vault_values": VALUES}
        variables.write_text(json.dumps(settings), encoding="utf-8")
        try:
            show(kubectl, vault, variables)
        finally:
            say("Take it away again")
            harden(vault, variables, "--tags", "external_secrets", "-e", "external_secrets_state=absent", quiet=True)
    return 0


def show(kubectl: Kubectl, vault: VaultServer, variables: Path) -> None:
    say(f"A new Vault at {vault.url}. Harden the cluster; Vault gets the policies and values, the cluster an operator")
    harden(vault, variables)
    say(f"The Secret {NAMESPACE}/{SECRET}: its keys, and how long the values are")
    print(kubectl("describe", "secret", SECRET, "-n", NAMESPACE))
    print(text(kubectl, "get", "secretstores,externalsecrets,deployments", "-n", NAMESPACE))
    before = version(kubectl)
    say("Rotate the token in Vault")
    vault.put("secret", "ml/model-registry", **{"access-token": "rotated while you looked on"})
    nudge(kubectl, "externalsecret", SECRET, NAMESPACE)
    ends = time.monotonic() + 60
    while version(kubectl) == before:
        if time.monotonic() > ends:
            sys.exit("The Secret did not follow within a minute. See what its ExternalSecret says, above.")
        time.sleep(0.2)
    print(kubectl("describe", "secret", SECRET, "-n", NAMESPACE))
    print(f"The Secret followed: from version {before} to {version(kubectl)}.")


def harden(vault: VaultServer, variables: Path, *options: str, quiet: bool = False) -> None:
    command = [str(BIN / "ansible-playbook"), "-i", "inventories/sandbox", "harden-gpu-cluster.yml"]
    environment = {**os.environ, "VAULT_TOKEN": vault.root_token}
    done = subprocess.run(
        [*command, "-e", f"@{variables}", *options],
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE if quiet else None,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout or ''}The main job failed.")


def version(kubectl: Kubectl) -> str:
    return str(kubectl.get("secret", SECRET, NAMESPACE)["metadata"]["resourceVersion"])


def text(kubectl: Kubectl, *arguments: str) -> str:
    command = [str(kubectl.binary), f"--kubeconfig={kubectl.kubeconfig}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def say(what: str) -> None:
    print(f"\n== {what}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
