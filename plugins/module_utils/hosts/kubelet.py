# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubelet of a machine: a drop-in of its configuration, and the kernel settings that it asks for. Pure.

Sources: k8s.io/kubernetes pkg/kubelet/apis/config, cmd/kubelet/app/server.go (--config-dir), pkg/kubelet/cm (defaults
that protectKernelDefaults checks).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.facts import EXTRA_ARGS_FILE
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.plan import HostFile, HostPlan, Step

NAME = "90-gpu-cluster-hardening"
"""Behind those of the distribution, before those of an administrator who knows better."""
SYSCTLS: Mapping[str, str] = {
    "vm.overcommit_memory": "1",
    "vm.panic_on_oom": "0",
    "kernel.panic": "10",
    "kernel.panic_on_oops": "1",
    "kernel.keys.root_maxkeys": "1000000",
    "kernel.keys.root_maxbytes": "25000000",
}
_SINCE: Mapping[str, tuple[int, int]] = {
    "imagePullCredentialsVerificationPolicy": (1, 35),
    "imageMaximumGCAge": (1, 30),
}
"""Fields that older kubelets do not know, with which they do not start."""
_UNIT = f"/etc/systemd/system/kubelet.service.d/{NAME}.conf"
_HEAD = "# Written by gpu_cluster.hardening. Changes are overwritten; set host_kubelet_config instead.\n"


def plan(facts: Mapping[str, Any], settings: Mapping[str, Any]) -> HostPlan:
    """What the kubelet of a machine should be.

    Args:
        facts: of ``host_info``.
        settings: the variables of the role, by their names without its prefix.

    Raises:
        HardeningError: the kubelet reads no folder of drop-ins, and cannot be made to.
    """
    has, paths, name = facts["kubelet"], facts["paths"], facts["name"]
    version = _minor(has["version"])
    if version and version < (1, 30):
        raise HardeningError(f"{name} has kubelet {has['version']}; 1.30 or newer reads drop-ins. Upgrade it first.")
    folder = has["config_dir"] or paths["kubelet_config_dir"]
    drop_in = HostFile(f"{folder}/{NAME}.conf", json.dumps(_config(settings, version), indent=2) + "\n")
    files, steps = [drop_in], list(_links_of_devices(facts))
    ours = has["config_dir"] in (None, paths["kubelet_config_dir"]) and _UNIT in has["unit"]["drop_ins"]
    added = has["config_dir"] is None or ours
    if added:
        files += _with_config_dir(facts, folder)
        steps.append(Step(command=("systemctl", "daemon-reload"), paths=(_UNIT,)))
    if settings["protect_kernel_defaults"]:
        text = _HEAD + "".join(f"{key} = {value}\n" for key, value in SYSCTLS.items())
        files.append(HostFile(f"/etc/sysctl.d/{NAME}.conf", text))
        steps.insert(0, _load_settings(files[-1].path))
    steps.append(Step(service=paths["kubelet_service"], settle=5))
    warnings: list[str] = []
    if not version:
        warnings.append(f"{name}: the version of the kubelet cannot be read; fields of 1.35 are left out.")
    return HostPlan(
        files=tuple(files),
        steps=tuple(steps),
        disrupts=_disrupts(facts) if added and not ours else "",
        warnings=tuple(warnings),
    )


def expected(settings: Mapping[str, Any], version: str) -> dict[str, Any]:
    """What the kubelet must say of itself at /configz."""
    return {
        key: value for key, value in _config(settings, _minor(version)).items() if key not in ("apiVersion", "kind")
    }


def _config(settings: Mapping[str, Any], version: tuple[int, int]) -> dict[str, Any]:
    safe: dict[str, Any] = {
        "seccompDefault": bool(settings["seccomp_default"]),
        "podPidsLimit": int(settings["pod_pids_limit"]),
        "serverTLSBootstrap": bool(settings["serve_with_signed_certificate"]),
        "rotateCertificates": True,
        "tlsMinVersion": "VersionTLS12",
        "tlsCipherSuites": list(settings["tls_cipher_suites"]),
        "streamingConnectionIdleTimeout": settings["streaming_idle_timeout"],
        "imagePullCredentialsVerificationPolicy": settings["pull_credentials_policy"],
        "enableProfilingHandler": False,
        "enableDebugFlagsHandler": False,
        "readOnlyPort": 0,
        "protectKernelDefaults": bool(settings["protect_kernel_defaults"]),
        "imageMinimumGCAge": settings["image_minimum_age"],
        "imageMaximumGCAge": settings["image_maximum_age"],
    }
    known = {key: value for key, value in safe.items() if version >= _SINCE.get(key, (0, 0))}
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        **known,
        **settings["config"],
    }


def _with_config_dir(facts: Mapping[str, Any], folder: str) -> list[HostFile]:
    """Have the unit start the kubelet with the folder, by the variable that kubeadm keeps for its user."""
    unit, name = facts["kubelet"]["unit"], facts["name"]
    if "$KUBELET_EXTRA_ARGS" not in unit["exec_start"]:
        raise HardeningError(
            f"{name}: the kubelet is started without --config-dir, and its unit has no $KUBELET_EXTRA_ARGS by which it"
            f" could be added. Start it with --config-dir={folder}, in kubespray by kubelet_custom_flags."
        )
    arguments = f"{facts['kubelet']['extra_args']} --config-dir={folder}".strip()
    drop_in = f"{_HEAD}[Service]\nEnvironmentFile={EXTRA_ARGS_FILE}\n"
    return [
        HostFile(EXTRA_ARGS_FILE, f'{_HEAD}KUBELET_EXTRA_ARGS="{arguments}"\n'),
        HostFile(_UNIT, drop_in),
    ]


def _load_settings(path: str) -> Step:
    """Also where the file is gone again, as after a rollback."""
    return Step(command=("sh", "-c", 'test ! -e "$0" || sysctl --quiet --load="$0"', path), paths=(path,))


def _links_of_devices(facts: Mapping[str, Any]) -> Iterator[Step]:
    """Without these links, systemd takes the devices from containers when it reads its units anew."""
    toolkit = facts["toolkit"]
    if toolkit["devices"] and not toolkit["char_links"] and "nvidia-ctk" in facts["programs"]:
        program = facts["programs"]["nvidia-ctk"]
        yield Step(command=(program, "system", "create-dev-char-symlinks", "--create-all"), paths=(_UNIT,))


def _disrupts(facts: Mapping[str, Any]) -> str:
    toolkit = facts["toolkit"]
    if toolkit["devices"] and not toolkit["char_links"] and "nvidia-ctk" not in facts["programs"]:
        return "systemd reads its units anew, and takes GPUs from containers where /dev/char has no links to them"
    return ""


def _minor(version: str) -> tuple[int, int]:
    match = re.match(r"([0-9]+)\.([0-9]+)", version)
    return (int(match[1]), int(match[2])) if match else (0, 0)
