# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that the sandbox writes for its components and its users: kubeconfigs, audit policy, kwok's stages."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.components import (
    CONTROLLER_MANAGER,
    KWOK,
    SCHEDULER,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.paths import (
    SandboxPaths,
    link_atomically,
    write_atomically,
)

PROGRAMS = (
    "etcd",
    "kube-apiserver",
    CONTROLLER_MANAGER,
    SCHEDULER,
    KWOK,
    "kubectl",
    "kwok-stages",
)
OWN_CLIENT = "sandbox"

AUDIT_POLICY: dict[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        # The control plane's own requests: thousands, and none of anybody's doing.
        {
            "level": "None",
            "users": [
                "system:apiserver",
                "system:kube-controller-manager",
                "system:kube-scheduler",
                "sandbox",
                "sandbox:kwok",
            ],
        },
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
        {"level": "Metadata"},
    ],
}


def link_programs(paths: SandboxPaths, binary: Path) -> None:
    """Make bin/NAME for each program that the binary is."""
    for name in PROGRAMS:
        link_atomically(paths.program(name), binary)


def write_files(paths: SandboxPaths, api_port: int) -> None:
    """Write all configuration. Files that are right already are not touched."""
    server = f"https://127.0.0.1:{api_port}"
    _write(paths.kubeconfig, kubeconfig(paths, server, "admin"))
    for name in (CONTROLLER_MANAGER, SCHEDULER, KWOK, OWN_CLIENT):
        _write(paths.component_kubeconfig(name), kubeconfig(paths, server, name))
    _write(paths.config("audit-policy.json"), json.dumps(AUDIT_POLICY, indent=2) + "\n")
    _write(paths.config("kwok-stages.yaml"), _stages(paths))


def kubeconfig(paths: SandboxPaths, server: str, user: str) -> str:
    """A kubeconfig that needs no other file. JSON is YAML."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "sandbox",
        "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": user}}],
        "clusters": [
            {
                "name": "sandbox",
                "cluster": {"server": server, "certificate-authority-data": _encoded(paths.certificate("ca"))},
            }
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _encoded(paths.certificate(user)),
                    "client-key-data": _encoded(paths.key(user)),
                },
            }
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _stages(paths: SandboxPaths) -> str:
    program = paths.program("kwok-stages")
    try:
        done = subprocess.run([str(program)], capture_output=True, text=True, timeout=60, check=True)
    except subprocess.CalledProcessError as error:
        raise HardeningError(_broken(program, error.stderr.strip())) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HardeningError(_broken(program, str(error))) from error
    return done.stdout


def _broken(program: Path, reason: str) -> str:
    folder = program.resolve().parent
    return (
        f"The control plane binary does not run ({program}): {reason}. Delete {folder}; the next start builds it anew."
    )


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _write(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_atomically(path, text)
