# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that give credentials: the ``exec`` of a kubeconfig's user.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import datetime
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.credentials import Identity, bearer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.tls import KeyPair
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
CLUSTER_CONFIG = "client.authentication.k8s.io/exec"
PLUGIN_SECONDS = 60.0
MOST_CHARACTERS = 300


@dataclass(frozen=True)
class Plugin:
    """A program and what it is told.

    Attributes:
        owner: whose credentials it gives, for messages.
        info: the ExecCredential that it gets in ``KUBERNETES_EXEC_INFO``.
    """

    owner: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    info: Mapping[str, Any] = field(repr=False)
    install_hint: str = ""


def read_plugin(owner: str, settings: Mapping[str, Any], folder: Path, cluster: Mapping[str, Any]) -> Plugin:
    """Read the ``exec`` of a user. Pure.

    Args:
        owner: whose credentials it gives, for messages.
        settings: the ``exec`` itself.
        folder: of the kubeconfig; a command with a slash is below it.
        cluster: the cluster for a plugin that wants to know it, with its certificate authority as data.

    Raises:
        HardeningError: it is malformed, or asks for a person at a terminal.
    """
    command, version = str(settings.get("command") or ""), settings.get("apiVersion")
    problem = ""
    if not command:
        problem = "exec has no command"
    elif version not in VERSIONS:
        problem = f"exec has the apiVersion {version!r}; known are {', '.join(VERSIONS)}"
    elif settings.get("interactiveMode") == "Always":
        problem = f"{command} wants to ask a person at a terminal (interactiveMode: Always), and there is none"
    if problem:
        raise HardeningError(f"The kubeconfig gives no credentials for {owner}: {problem}.")
    spec: dict[str, Any] = {"interactive": False}
    if settings.get("provideClusterInfo"):
        spec["cluster"] = _cluster_info(cluster)
    arguments = [str(argument) for argument in settings.get("args") or ()]
    return Plugin(
        owner,
        (str(folder / command) if "/" in command else command, *arguments),
        {str(entry["name"]): str(entry.get("value") or "") for entry in settings.get("env") or ()},
        {"apiVersion": version, "kind": "ExecCredential", "spec": spec},
        " ".join(str(settings.get("installHint") or "").split()),
    )


def run_plugin(plugin: Plugin) -> Identity:
    """Run it.

    Raises:
        HardeningError: it is not installed, fails, or answers something else than credentials.
    """
    program = plugin.command[0]
    failed = f"The kubeconfig gives no credentials for {plugin.owner}: {program}"
    try:
        done = subprocess.run(
            plugin.command,
            env={**os.environ, **plugin.environment, "KUBERNETES_EXEC_INFO": json.dumps(plugin.info)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PLUGIN_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise HardeningError(f"{failed} did not answer in {PLUGIN_SECONDS:g} s.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its arguments cannot be passed"
        hint = f" {plugin.install_hint}" if plugin.install_hint else ""
        raise HardeningError(f"{failed} cannot be run: {reason}.{hint}") from None
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())[-MOST_CHARACTERS:]
        raise HardeningError(f"{failed} ended with code {done.returncode}: {said or 'it said nothing'}")
    return read_answer(done.stdout, str(plugin.info["apiVersion"]), plugin.owner, failed)


def read_answer(output: bytes, version: str, owner: str, failed: str) -> Identity:
    """The credentials that a plugin has printed. Pure; no error quotes them.

    Raises:
        HardeningError: there are none.
    """
    try:
        answer = json.loads(output)
        status = answer["status"]
        kind = (answer["kind"], answer["apiVersion"])
        token, certificate, key, expiry = (
            str(status.get(name) or "")
            for name in ("token", "clientCertificateData", "clientKeyData", "expirationTimestamp")
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise HardeningError(f"{failed} does not print an ExecCredential with a status.") from None
    if kind != ("ExecCredential", version):
        raise HardeningError(f"{failed} does not print an ExecCredential of {version}, as the kubeconfig asks for.")
    if bool(certificate) != bool(key) or not (token or certificate):
        raise HardeningError(f"{failed} prints neither a token nor a client certificate with its key.")
    return Identity(
        bearer(token, owner) if token else "",
        KeyPair(certificate.encode(), key.encode()) if certificate else None,
        _timestamp(expiry, failed) if expiry else None,
    )


def _timestamp(text: str, failed: str) -> float:
    try:
        moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise HardeningError(f"{failed} prints an expirationTimestamp that is no time in RFC 3339.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()


def _cluster_info(cluster: Mapping[str, Any]) -> dict[str, Any]:
    known = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")
    info = {key: cluster[key] for key in known if cluster.get(key)}
    for extension in cluster.get("extensions") or ():
        if extension.get("name") == CLUSTER_CONFIG:
            info["config"] = extension.get("extension")
    return info
