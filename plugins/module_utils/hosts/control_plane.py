# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control plane of a machine: what its API server writes down, encrypts, admits and tells strangers. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.api_server_files import (
    admission,
    authentication,
    encryption,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.audit_policy import audit_policy
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.plan import HostFile, HostPlan, Step
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.static_pods import (
    Folder,
    as_text,
    changed,
    flag_of,
    read_manifest,
)

with suppress(ImportError):  # plans are made where Ansible runs, which has it
    import yaml

API_SERVER = "kube-apiserver"
FOLDER = "/etc/kubernetes/gpu-cluster-hardening"
LOG_FOLDER = "/var/log/kubernetes/gpu-cluster-audit"
_OTHERS = ("kube-controller-manager", "kube-scheduler")
_PLUGINS = "enable-admission-plugins"
# The kubelet sees a new manifest within 20 seconds. The program must be younger than its manifest, and ready.
_WAIT = """\
n=0
until pid=$(pgrep -xo kube-apiserver) &&
  [ $(( $(date +%s) - $(ps -o etimes= -p "$pid") + 1 )) -ge "$(stat -c %Y "$1")" ] &&
  curl --silent --fail --insecure --max-time 3 --output /dev/null "https://127.0.0.1:$2/readyz"
do n=$((n + 1)); [ "$n" -lt 120 ] || { echo "the API server is not ready again" >&2; exit 1; }; sleep 2; done
"""


@dataclass
class _Wanted:
    """What the API server is given: files by their names, and flags."""

    folder: str
    files: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def give(self, flag: str, name: str, content: Mapping[str, Any], given: str | None) -> bool:
        """Have a flag name a file of ours, unless somebody else gave the flag."""
        path = f"{self.folder}/{name}"
        if given not in (None, path):
            self.warnings.append(f"the API server has --{flag}={given} already, which is left as it is")
            return False
        self.files[path] = content
        self.flags[flag] = path
        return True


def plan(facts: Mapping[str, Any], settings: Mapping[str, Any]) -> HostPlan:
    """What the files of the control plane should be.

    Args:
        facts: ``kind`` (static, rke2, k3s, or empty where there is no control plane), ``manifests`` (path and text of
            the static pods' manifests by the program) and ``modes`` of these files.
        settings: ``audit`` (bool), ``audit_log`` (``max_age`` in days, ``max_backup``, ``max_size`` in MB),
            ``quiet_users``, ``pod_security`` (see :func:`admission`; None for none), ``event_limits``,
            ``anonymous_paths`` (None to leave strangers as they are), ``encryption_key`` (empty for none),
            ``encrypted_resources`` and ``encryption_writes``.

    Raises:
        HardeningError: a manifest is not what it should be, or a setting is wrong.
    """
    if facts["kind"] == "static":
        return _static(facts, settings)
    return _rancher(facts["kind"], settings) if facts["kind"] else HostPlan()


def _static(facts: Mapping[str, Any], settings: Mapping[str, Any]) -> HostPlan:
    given = facts["manifests"]
    if API_SERVER not in given:
        raise HardeningError("This machine has no manifest of kube-apiserver among its static pods.")
    pods = {name: read_manifest(one["path"], one["text"], name) for name, one in given.items()}
    api_server = pods[API_SERVER]
    wanted = _Wanted(FOLDER)
    _audit(wanted, settings, flag_of(api_server, "audit-policy-file"))
    _admission(wanted, settings, api_server)
    _anonymous(wanted, settings, api_server)
    _encryption(wanted, settings, flag_of(api_server, "encryption-provider-config"))
    files = [_file(path, content) for path, content in wanted.files.items()]
    digest = hashlib.sha256("".join(file.path + file.content for file in files).encode()).hexdigest()[:16]
    folders = [Folder("gpu-cluster-hardening", FOLDER, read_only=True)] if files else []
    if "audit-policy-file" in wanted.flags:
        folders.append(Folder("gpu-cluster-audit", LOG_FOLDER, read_only=False))
    manifests = {API_SERVER: changed(api_server, {**wanted.flags, "profiling": "false"}, folders, digest)}
    manifests |= {name: changed(pods[name], {"profiling": "false"}, ()) for name in _OTHERS if name in pods}
    # A manifest that says what it should already stays as somebody wrote it.
    files += [
        HostFile(given[name]["path"], as_text(new) if new != pods[name] else given[name]["text"], given[name]["mode"])
        for name, new in manifests.items()
    ]
    port = flag_of(api_server, "secure-port") or "6443"
    wait = Step(command=("sh", "-c", _WAIT, "sh", given[API_SERVER]["path"], port))
    return HostPlan(tuple(files), steps=(wait,), warnings=tuple(wanted.warnings))


def _rancher(kind: str, settings: Mapping[str, Any]) -> HostPlan:
    """RKE2 and k3s read drop-ins of their own; strangers are refused and Secrets encrypted by their own options."""
    folder = f"/etc/rancher/{kind}/gpu-cluster-hardening"
    wanted = _Wanted(folder)
    _audit(wanted, settings, None)
    configuration = admission(settings["pod_security"], settings["event_limits"])
    if configuration["plugins"]:
        wanted.give("admission-control-config-file", "admission.yaml", configuration, None)
    options: dict[str, Any] = {}
    if kind == "rke2":
        # Its pod of the API server sees the files of these two options only.
        for flag, option in (
            ("audit-policy-file", "audit-policy-file"),
            ("admission-control-config-file", "pod-security-admission-config-file"),
        ):
            if flag in wanted.flags:
                options[option] = wanted.flags.pop(flag)
        wanted.flags.pop("audit-log-path", None)
    arguments = [f"{flag}={value}" for flag, value in wanted.flags.items()]
    if settings["event_limits"]:
        arguments.append(f"{_PLUGINS}=NodeRestriction,EventRateLimit")
    options["kube-apiserver-arg+"] = [*arguments, "profiling=false"]
    for name in _OTHERS:
        options[f"{name}-arg+"] = ["profiling=false"]
    drop_in = f"/etc/rancher/{kind}/config.yaml.d/90-gpu-cluster-hardening.yaml"
    files = [*(_file(path, content) for path, content in wanted.files.items()), _file(drop_in, options)]
    if settings["encryption_key"]:
        wanted.warnings.append(
            f"{kind} encrypts Secrets by itself: see its option secrets-encryption, and {kind} secrets-encrypt"
        )
    service = "rke2-server.service" if kind == "rke2" else "k3s.service"
    return HostPlan(tuple(files), steps=(Step(service=service, settle=20),), warnings=tuple(wanted.warnings))


def _audit(wanted: _Wanted, settings: Mapping[str, Any], given: str | None) -> None:
    if settings["audit"] and wanted.give(
        "audit-policy-file", "audit-policy.yaml", audit_policy(settings["quiet_users"]), given
    ):
        log = settings["audit_log"]
        wanted.flags |= {
            "audit-log-path": f"{LOG_FOLDER}/audit.log",
            "audit-log-maxage": str(log["max_age"]),
            "audit-log-maxbackup": str(log["max_backup"]),
            "audit-log-maxsize": str(log["max_size"]),
        }


def _admission(wanted: _Wanted, settings: Mapping[str, Any], api_server: Mapping[str, Any]) -> None:
    configuration = admission(settings["pod_security"], settings["event_limits"])
    given = flag_of(api_server, "admission-control-config-file")
    if (
        configuration["plugins"]
        and wanted.give("admission-control-config-file", "admission.yaml", configuration, given)
        and settings["event_limits"]
    ):
        plugins = list(filter(None, (flag_of(api_server, _PLUGINS) or "").split(",")))
        wanted.flags[_PLUGINS] = ",".join(dict.fromkeys([*plugins, "EventRateLimit"]))


def _anonymous(wanted: _Wanted, settings: Mapping[str, Any], api_server: Mapping[str, Any]) -> None:
    if settings["anonymous_paths"] is None or flag_of(api_server, "anonymous-auth") == "false":
        return
    rival = next((flag for flag in _flags(api_server) if flag.startswith("oidc-") or flag == "anonymous-auth"), None)
    if rival:
        wanted.warnings.append(
            f"the API server has --{rival}, which does not go with an AuthenticationConfiguration: strangers stay as"
            " they are. Write both into one, or set --anonymous-auth=false"
        )
        return
    given = flag_of(api_server, "authentication-config")
    wanted.give("authentication-config", "authentication.yaml", authentication(settings["anonymous_paths"]), given)


def _encryption(wanted: _Wanted, settings: Mapping[str, Any], given: str | None) -> None:
    if settings["encryption_key"]:
        content = encryption(settings["encryption_key"], settings["encrypted_resources"], settings["encryption_writes"])
        wanted.give("encryption-provider-config", "encryption.yaml", content, given)


def _flags(manifest: Mapping[str, Any]) -> Sequence[str]:
    container = manifest["spec"]["containers"][0]
    words = [*(container.get("command") or ()), *(container.get("args") or ())]
    return [word.removeprefix("--").partition("=")[0] for word in words if word.startswith("--")]


def _file(path: str, content: Mapping[str, Any]) -> HostFile:
    text = yaml.safe_dump(dict(content), default_flow_style=False, sort_keys=False)
    return HostFile(path, text, "0600", sensitive=path.endswith("/encryption.yaml"))
