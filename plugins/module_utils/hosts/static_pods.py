# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes the manifest of a static pod of the control plane: flags, and folders of the machine. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.safe_yaml import safe_loader

with suppress(ImportError):  # plans are made where Ansible runs, which has it
    import yaml

DIGEST_ANNOTATION = "gpu-cluster.hardening/files"
"""Changes with files that the program reads at its start only: the kubelet then starts it anew."""


@dataclass(frozen=True)
class Folder:
    """A folder of the machine that the pod sees under the same path."""

    name: str
    path: str
    read_only: bool


def read_manifest(path: str, text: str, program: str) -> dict[str, Any]:
    """The manifest of a static pod.

    Raises:
        HardeningError: it is not one that starts the program.
    """
    try:
        manifest = yaml.load(text, Loader=safe_loader())
    except yaml.YAMLError as error:
        raise HardeningError(f"{path} is no YAML: {error}") from None
    try:
        if program in command_of(manifest):
            return dict(manifest)
    except (KeyError, IndexError, TypeError):
        pass
    raise HardeningError(f"{path} is no pod whose first container starts {program}. Only such manifests are changed.")


def command_of(manifest: Mapping[str, Any]) -> list[str]:
    """The words of the command of its container, the arguments included."""
    container = manifest["spec"]["containers"][0]
    return [*(container.get("command") or ()), *(container.get("args") or ())]


def flag_of(manifest: Mapping[str, Any], name: str) -> str | None:
    """The value of a flag; the last one counts. Empty for one without a value."""
    found = [word.partition("=")[2] for word in command_of(manifest) if word.partition("=")[0] == f"--{name}"]
    return found[-1] if found else None


def changed(
    manifest: Mapping[str, Any], flags: Mapping[str, str], folders: Sequence[Folder], digest: str = ""
) -> dict[str, Any]:
    """The manifest with other flags, folders and digest of the files; all else stays."""
    container = {**manifest["spec"]["containers"][0]}
    place = "args" if any(word.startswith("--") for word in container.get("args") or ()) else "command"
    words = [word for word in container[place] if word.partition("=")[0].removeprefix("--") not in flags]
    container[place] = [*words, *(f"--{name}={value}" for name, value in flags.items())]
    mounts = [{"mountPath": one.path, "name": one.name, "readOnly": one.read_only} for one in folders]
    volumes = [{"hostPath": {"path": one.path, "type": "DirectoryOrCreate"}, "name": one.name} for one in folders]
    container["volumeMounts"] = _with_named(container.get("volumeMounts") or (), mounts)
    spec = {**manifest["spec"], "containers": [container, *manifest["spec"]["containers"][1:]]}
    spec["volumes"] = _with_named(spec.get("volumes") or (), volumes)
    metadata = {**manifest["metadata"]}
    if digest:
        metadata["annotations"] = {**(metadata.get("annotations") or {}), DIGEST_ANNOTATION: digest}
    return {**manifest, "metadata": metadata, "spec": spec}


def as_text(manifest: Mapping[str, Any]) -> str:
    """The manifest as kubeadm writes it: keys in order, block style."""
    return str(yaml.safe_dump(dict(manifest), default_flow_style=False, sort_keys=True))


def _with_named(given: Sequence[Any], ours: Sequence[Mapping[str, Any]]) -> list[Any]:
    names = {one["name"] for one in ours}
    return [*(one for one in given if one["name"] not in names), *ours]
