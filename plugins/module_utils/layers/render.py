# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A layer as files for those who apply them in another way, such as Argo CD or Flux: its members and a kustomization.

The files hold what a run would send, the label of the layer and its parent object included, so that a run after them
finds nothing to change.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.waves import wave
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import Layer, as_member
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.memory import namespace_body
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.parent import Parent, parent_body
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.revision import sum_of

with contextlib.suppress(ImportError):  # the kubeconfig is read before, which says what to do about it
    import yaml

KUSTOMIZATION = "kustomization.yaml"


def render(layer: Layer, manifests: Sequence[Manifest], manager: str) -> tuple[dict[str, str], list[str]]:
    """File names and texts, and the names of Secrets that are left out, as their values belong in no file."""
    members = [as_member(manifest, layer) for manifest in manifests]
    secrets = [member for member in members if member.kind == "Secret" and member.body.get("data")]
    shown = [member for member in members if member not in secrets]
    ordered = sorted(shown, key=wave)
    texts = {_file_name(number, member): _text(member.body) for number, member in enumerate(ordered, start=1)}
    kinds = frozenset((member.group, member.kind) for member in members)
    namespaces = frozenset({layer.namespace, *(member.namespace for member in members if member.namespace)})
    parent = Parent(kinds, namespaces, 0, sum_of([member.body for member in members]), manager)
    files = {
        "000-layers-namespace.yaml": _text(namespace_body(layer)),
        "000-layer.yaml": _text(parent_body(layer, parent)),
        **texts,
    }
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": list(files),
    }
    return {**files, KUSTOMIZATION: _text(kustomization)}, [secret.full_name for secret in secrets]


def write(folder: Path, files: Mapping[str, str], check: bool) -> list[dict[str, str]]:
    """Make a folder hold exactly these files of ours; returns a diff for each that changes.

    Raises:
        HardeningError: the folder holds something that was not rendered, or cannot be written.
    """
    try:
        there = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} if folder.is_dir() else {}
        if there and KUSTOMIZATION not in there:
            raise HardeningError(f"{folder} is not empty and has no {KUSTOMIZATION}. Choose another folder.")
        changed = sorted(name for name in files.keys() | there.keys() if files.get(name) != there.get(name))
        if changed and not check:
            folder.mkdir(parents=True, exist_ok=True)
        for name in () if check else changed:
            if name in files:
                folder.joinpath(name).write_text(files[name], encoding="utf-8")
            else:
                folder.joinpath(name).unlink()
    except (OSError, UnicodeDecodeError) as error:
        raise HardeningError(f"{folder} cannot be written: {error}.") from error
    return [
        {
            "before_header": str(folder / name),
            "after_header": str(folder / name),
            "before": there.get(name, ""),
            "after": files.get(name, ""),
        }
        for name in changed
    ]


def _file_name(number: int, manifest: Manifest) -> str:
    parts = [manifest.kind, *([manifest.namespace] if manifest.namespace else []), manifest.name]
    return f"{number:03d}-{'-'.join(parts).lower().replace(':', '-')}.yaml"


def _text(body: Mapping[str, Any]) -> str:
    text: str = yaml.dump(_plain(body), Dumper=_dumper(), sort_keys=False, width=110, allow_unicode=True)
    return text


@cache
def _dumper() -> type:
    """Texts of several lines as people write them, and no aliases. Made when it is needed, as PyYAML may be missing."""

    class Dumper(yaml.SafeDumper):
        """Of this module."""

        def ignore_aliases(self, _data: Any) -> bool:
            return True

    def represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    Dumper.add_representer(str, represent_text)
    return Dumper


def _plain(value: Any) -> Any:
    """Without the marks that Ansible leaves on values, of which YAML knows nothing."""
    if isinstance(value, Mapping):
        return {str(key): _plain(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(child) for child in value]
    return str(value) if isinstance(value, str) else value
