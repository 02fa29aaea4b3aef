# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a sandbox remembers between runs: its ports, and for each component the process and what it was started with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.paths import SandboxPaths, write_atomically
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.processes import (
    ProcessIdentity,
    identity_from,
    is_running,
)


@dataclass(frozen=True)
class StartedComponent:
    """A component that was started: its process, and a digest of its command line and files."""

    process: ProcessIdentity
    digest: str


@dataclass
class SandboxState:
    """The state file in memory."""

    ports: dict[str, int] = field(default_factory=dict)
    components: dict[str, StartedComponent] = field(default_factory=dict)

    def running(self, component: str) -> ProcessIdentity | None:
        """The component's process, if it still runs."""
        started = self.components.get(component)
        return started.process if started and is_running(started.process) else None

    def digest(self, component: str) -> str:
        """What the component was last started with; empty if it never was."""
        started = self.components.get(component)
        return started.digest if started else ""


def load_state(paths: SandboxPaths) -> SandboxState:
    """Read the state file; an empty state if there is none.

    Raises:
        HardeningError: the file is damaged. Guessing which processes are ours is no option then.
    """
    try:
        document = json.loads(paths.state.read_text(encoding="utf-8"))
        return _state_from(document)
    except FileNotFoundError:
        return SandboxState()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HardeningError(
            f"The state file {paths.state} cannot be read ({error}). "
            f"End the processes whose command starts with {paths.directory}/bin/ by hand, then delete the directory."
        ) from error


def save_state(paths: SandboxPaths, state: SandboxState) -> None:
    """Write the state file."""
    document = {
        "ports": state.ports,
        "components": {
            name: {"digest": started.digest, "process": started.process.as_dict()}
            for name, started in state.components.items()
        },
    }
    write_atomically(paths.state, json.dumps(document, indent=2) + "\n")


def _state_from(document: dict[str, Any]) -> SandboxState:
    components = {}
    for name, entry in document["components"].items():
        process = identity_from(entry["process"])
        if process is not None:
            components[name] = StartedComponent(process, str(entry["digest"]))
    return SandboxState({name: int(port) for name, port in document["ports"].items()}, components)
