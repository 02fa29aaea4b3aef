# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA's container toolkit on a machine: who gets GPUs, and by whose word. Pure.

Sources: NVIDIA/nvidia-container-toolkit api/config/v1, containerd docs/cri/config.md, cri-o docs/crio.conf.5.md.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, name_some
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.judge import Sighting, judge
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.products import Version, given_version
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.plan import HostFile, HostPlan, Step
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.toml_text import as_toml, merged

RUNTIME = "nvidia"
DROP_IN = "zz-gpu-cluster-hardening"
"""Behind those of others, as the last one counts."""
HEAD = "# Written by gpu_cluster.hardening. Changes are overwritten; set host_container_toolkit_config instead.\n"
_CRI: Mapping[int, str] = {
    2: "io.containerd.grpc.v1.cri",
    3: "io.containerd.cri.v1.runtime",
    4: "io.containerd.cri.v1.runtime",
}
_OPERATOR = (
    "The GPU Operator installs the container toolkit here and configures it anew whenever it starts, so the files of"
    " this machine are left alone. Set in its values, under toolkit.env:"
    " ACCEPT_NVIDIA_VISIBLE_DEVICES_ENVVAR_WHEN_UNPRIVILEGED=false and"
    " ACCEPT_NVIDIA_VISIBLE_DEVICES_AS_VOLUME_MOUNTS=false; and cdi.enabled=true."
)


def plan(facts: Mapping[str, Any], settings: Mapping[str, Any]) -> HostPlan:
    """What the container toolkit of a machine should be.

    Args:
        facts: of ``host_info``.
        settings: the variables of the role, by their names without its prefix.

    Raises:
        HardeningError: the machine has no toolkit, or one that cannot be made safe.
    """
    toolkit = facts["toolkit"]
    if toolkit["by_operator"]:
        return HostPlan(warnings=(_OPERATOR,))
    if not toolkit["version"] and toolkit["config"] is None:
        raise HardeningError(
            f"{facts['name']} has no NVIDIA container toolkit: there is neither nvidia-ctk nor"
            f" {facts['paths']['toolkit_config']}. Install it, or take the machine out of gpu_hosts."
        )
    warnings = list(_below_floor(facts, settings))
    config = HostFile(facts["paths"]["toolkit_config"], HEAD + as_toml(_config(facts, settings)))
    runtime = _crio(facts) if _uses_crio(facts, settings) else _containerd(facts, settings)
    service = Step(service=runtime.service, paths=tuple(file.path for file in runtime.files))
    judges = [*runtime.validate]
    if "nvidia-ctk" in facts["programs"]:
        judges.append((facts["programs"]["nvidia-ctk"], "config", f"--config={{stage}}{config.path}"))
    if toolkit["unsafe_specs"]:
        warnings.append(
            f"Others than root may write {name_some(toolkit['unsafe_specs'])}: whoever does so gives containers any"
            " file of the machine. Run chown root:root and chmod go-w on them."
        )
    return HostPlan(
        files=(config, *runtime.files),
        validate=tuple(judges),
        drafts=runtime.drafts,
        steps=(service,) if runtime.files else (),
        disrupts=_disrupts(runtime) if runtime.files else "",
        warnings=tuple(warnings),
    )


class _Runtime:
    """What of a container runtime has to be there, and how it is judged."""

    def __init__(
        self,
        service: str,
        unit: Mapping[str, Any],
        files: Sequence[HostFile] = (),
        drafts: Sequence[HostFile] = (),
        validate: Sequence[tuple[str, ...]] = (),
    ) -> None:
        self.service = service
        self.unit = unit
        self.files = tuple(files)
        self.drafts = tuple(drafts)
        self.validate = tuple(validate)


def _config(facts: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The file as the machine had it, with what makes it safe laid over it, and the user's own keys over that."""
    path = facts["paths"]["toolkit_config"]
    try:
        base = tomllib.loads(facts["toolkit"]["config"] or "")
    except tomllib.TOMLDecodeError as error:
        raise HardeningError(f"{facts['name']}: {path} is no TOML: {error}. Mend it, or move it away.") from None
    ldconfig = str((base.get("nvidia-container-cli") or {}).get("ldconfig") or "@/sbin/ldconfig")
    compat = bool(settings["cuda_compat"])
    safe = {
        "accept-nvidia-visible-devices-envvar-when-unprivileged": bool(settings["accept_envvar"]),
        "accept-nvidia-visible-devices-as-volume-mounts": bool(settings["accept_volume_mounts"]),
        "disable-require": False,
        "supported-driver-capabilities": ",".join(settings["driver_capabilities"]),
        "features": {
            "allow-cuda-compat-libs-from-container": None,
            "allow-ldconfig-from-container": None,
            "allow-unknown-oci-spec-fields": None,
            "disable-cuda-compat-lib-hook": None if compat else True,
            "ignore-imex-channel-requests": True if settings["ignore_imex_requests"] else None,
            "no-additional-gids-for-device-nodes": True if settings["no_device_groups"] else None,
        },
        "nvidia-container-cli": {
            "ldconfig": ldconfig if ldconfig.startswith("@") else f"@{ldconfig}",  # @ is a path of the machine
            "no-cgroups": False,
        },
        "nvidia-container-runtime": {
            "mode": settings["mode"],
            "modes": {
                "cdi": {"annotation-prefixes": [], "spec-dirs": list(settings["cdi_spec_dirs"])},
                "legacy": {"cuda-compat-mode": "ldconfig" if compat else "disabled"},
            },
        },
        "nvidia-container-runtime-hook": {"skip-mode-detection": False},
    }
    return merged(merged(base, safe), settings["config"])


def _uses_crio(facts: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    if settings["runtime"] == "auto":
        return bool(facts["crio"]["unit"]["active"]) and not facts["containerd"]["version"]
    return bool(settings["runtime"] == "crio")


def _containerd(facts: Mapping[str, Any], settings: Mapping[str, Any]) -> _Runtime:
    has, paths, name = facts["containerd"], facts["paths"], facts["name"]
    service = paths["containerd_service"]
    if not has["version"]:
        raise HardeningError(
            f"{name} has no containerd that could be asked for its version. Install it, or set"
            " host_container_toolkit_runtime to crio."
        )
    found, least = given_version("container_toolkit", has["version"]), Version(settings["minimum_containerd"])
    if found is None or found.order < least.order:
        raise HardeningError(
            f"{name} has containerd {has['version']}; {least.text} or newer is needed, as older ones give GPUs by CDI"
            " only where it is switched on, and get no more fixes. Upgrade it first."
        )
    config, drop_in = paths["containerd_config"], f"{paths['containerd_drop_ins']}/{DROP_IN}.toml"
    if has["has_config"] and not _reads(has["imports"], drop_in):
        if RUNTIME in has["runtimes"] and has["default_runtime"] != RUNTIME:
            return _Runtime(service, has["unit"])  # as RKE2 and k3s configure it by themselves
        raise HardeningError(
            f"{name}: {config} does not read {paths['containerd_drop_ins']}, and a file of somebody else is not edited."
            f' Have whoever writes it add imports = ["{paths["containerd_drop_ins"]}/*.toml"].'
        )
    version = has["config_version"] if has["has_config"] else 3
    if version not in _CRI:
        raise HardeningError(f"{name}: {config} has version {version}; containerd reads 2, 3 and 4. Migrate it first.")
    own = [HostFile(drop_in, HEAD + as_toml(_containerd_table(facts, version)))]
    whole = f"{{stage}}{config}"
    if not has["has_config"]:
        imports = {"version": version, "imports": [f"{paths['containerd_drop_ins']}/*.toml"]}
        own.append(HostFile(config, HEAD + as_toml(imports)))
    else:
        whole = config
    judged = "/judged/containerd.toml"
    draft = HostFile(judged, as_toml({"version": version, "imports": [whole, f"{{stage}}{drop_in}"]}))
    command = (facts["programs"]["containerd"], "--config", f"{{stage}}{judged}", "config", "dump")
    return _Runtime(service, has["unit"], own, [draft], [command])


def _containerd_table(facts: Mapping[str, Any], version: int) -> dict[str, Any]:
    has = facts["containerd"]
    default = has["default_runtime"] if has["default_runtime"] not in ("", RUNTIME) else "runc"
    options = {"BinaryName": _program(facts), "SystemdCgroup": has["systemd_cgroup"]}
    runtime = {"runtime_type": "io.containerd.runc.v2", "privileged_without_host_devices": False, "options": options}
    cri = {
        "enable_cdi": True,
        "cdi_spec_dirs": ["/etc/cdi", "/var/run/cdi"],
        "containerd": {"default_runtime_name": default, "runtimes": {RUNTIME: runtime}},
    }
    return {"version": version, "plugins": {_CRI[version]: cri}}


def _crio(facts: Mapping[str, Any]) -> _Runtime:
    has, paths = facts["crio"], facts["paths"]
    default = has["default_runtime"]
    if default in ("", RUNTIME):
        default = "crun" if "crun" in facts["programs"] else "runc"
    runtimes = {RUNTIME: {"runtime_path": _program(facts), "runtime_type": "oci"}}
    table = {"crio": {"runtime": {"default_runtime": default, "runtimes": runtimes}}}
    drop_in = HostFile(f"{paths['crio_drop_ins']}/{DROP_IN}.conf", HEAD + as_toml(table))
    judge_all = ("crio", f"--config-dir={{stage}}{paths['crio_drop_ins']}", "config")
    return _Runtime(paths["crio_service"], has["unit"], [drop_in], [], [judge_all])


def _program(facts: Mapping[str, Any]) -> str:
    return str(facts["programs"].get("nvidia-container-runtime", "/usr/bin/nvidia-container-runtime"))


def _reads(imports: Sequence[str], path: str) -> bool:
    return any(fnmatch(path, pattern) for pattern in imports)


def _disrupts(runtime: _Runtime) -> str:
    """Containers outlive the daemon unless systemd ends them with it."""
    mode = runtime.unit["kill_mode"]
    if mode in ("process", "none", ""):
        return ""
    return f"the unit {runtime.service} has KillMode={mode}, so that its containers end when it is restarted"


def _below_floor(facts: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    version = facts["toolkit"]["version"]
    seen = Sighting("container_toolkit", facts["name"], given_version("container_toolkit", version), True)
    (verdict,) = judge([seen])
    if verdict["ok"] is not False:
        return
    text = (
        f"{facts['name']} has container toolkit {version}, below {verdict['floor']}: a container gets out of it"
        f" ({', '.join(verdict['cves'][:3])})."
    )
    if settings["below_floor"] == "fail":
        raise HardeningError(f"{text} Upgrade it first, or set host_container_toolkit_below_floor to warn.")
    yield f"{text} Upgrade it."
