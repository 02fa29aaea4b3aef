# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting, healing and stopping the components of a sandbox."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.components import (
    API_SERVER,
    PORT_OWNERS,
    WAVES,
    Component,
    components,
    order,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.configuration import (
    link_programs,
    write_files,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.health import is_healthy
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.paths import SandboxPaths
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.pki import ensure_certificates
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.ports import assign_ports
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.processes import (
    ProcessIdentity,
    spawn,
    stop,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.state import (
    SandboxState,
    StartedComponent,
    load_state,
    save_state,
)

STOP_SECONDS = 15.0
POLL_SECONDS = 0.1
TAIL_LINES = 15


def missing_components(paths: SandboxPaths, binary: Path) -> list[str]:
    """Components that a start would start or restart, told without changing anything."""
    state = load_state(paths)
    known = components(paths, _ports(state), binary)
    return [name for name in order() if not state.running(name) or state.digest(name) != known[name].digest()]


def running_components(paths: SandboxPaths) -> list[str]:
    """Components that run."""
    state = load_state(paths)
    return [name for name in order() if state.running(name)]


def start_control_plane(paths: SandboxPaths, binary: Path, deadline: float) -> list[str]:
    """Start what does not run, restart what runs with other arguments or files, leave the rest alone.

    Returns the names of the components that had to be started.

    Args:
        paths: where the sandbox is.
        binary: the control plane binary.
        deadline: ``time.monotonic()`` at which to give up.

    Raises:
        HardeningError: a component ended or did not become healthy; says which, with the end of its log.
    """
    paths.make()
    state = load_state(paths)
    ensure_certificates(paths)
    link_programs(paths, binary)
    state.ports = _ports(state)
    write_files(paths, state.ports[API_SERVER])
    save_state(paths, state)
    known = components(paths, state.ports, binary)
    started: list[str] = []
    for wave in WAVES:
        offsets = {name: _log_size(paths, name) for name in wave}
        begun = [name for name in wave if _ensure_running(paths, state, known[name])]
        started += begun
        _wait_healthy(paths, state, [known[name] for name in wave], offsets, deadline)
    return started


def stop_control_plane(paths: SandboxPaths) -> list[str]:
    """Stop every component that runs, in reverse order of starting. Returns their names.

    Raises:
        HardeningError: a process survived SIGKILL.
    """
    state = load_state(paths)
    stopped: list[str] = []
    for wave in reversed(WAVES):
        running = {name: process for name in wave if (process := state.running(name))}
        stop(running.values(), STOP_SECONDS)
        left = [name for name in running if state.running(name)]
        if left:
            raise HardeningError(f"{', '.join(left)} did not end, even by SIGKILL. See {paths.directory}/logs.")
        stopped += running
    if state.components:
        state.components = {}
        save_state(paths, state)
    return stopped


def _ports(state: SandboxState) -> dict[str, int]:
    return assign_ports(PORT_OWNERS, state.ports, lambda name: bool(state.running(PORT_OWNERS[name])))


def _ensure_running(paths: SandboxPaths, state: SandboxState, component: Component) -> bool:
    digest = component.digest()
    process = state.running(component.name)
    if process and state.digest(component.name) == digest:
        return False
    if process:
        stop([process], STOP_SECONDS)
    try:
        spawn(
            component.command,
            paths.log(component.name),
            _environment(paths),
            partial(_remember, paths, state, component.name, digest),
        )
    except OSError as error:
        raise HardeningError(f"{component.name} cannot be started: {error}.") from error
    return True


def _remember(paths: SandboxPaths, state: SandboxState, name: str, digest: str, process: ProcessIdentity) -> None:
    state.components[name] = StartedComponent(process, digest)
    save_state(paths, state)


def _environment(paths: SandboxPaths) -> Mapping[str, str]:
    """Nothing of the user's environment: no proxy, no KUBECONFIG, no ~/.kwok."""
    return {"HOME": str(paths.home), "PATH": os.defpath}


def _wait_healthy(
    paths: SandboxPaths,
    state: SandboxState,
    wave: Sequence[Component],
    offsets: Mapping[str, int],
    deadline: float,
) -> None:
    waiting = list(wave)
    while True:
        waiting = [component for component in waiting if not is_healthy(component.health)]
        dead = [component.name for component in wave if not state.running(component.name)]
        if dead:
            raise HardeningError(_explain("ended right after its start", paths, dead[0], offsets[dead[0]]))
        if not waiting:
            return
        if time.monotonic() > deadline:
            name = waiting[0].name
            raise HardeningError(_explain("runs but is not healthy in time", paths, name, offsets[name]))
        time.sleep(POLL_SECONDS)


def _explain(what: str, paths: SandboxPaths, name: str, offset: int) -> str:
    tail = _log_tail(paths.log(name), offset) or "(it printed nothing)"
    return f"{name} {what}. The end of {paths.log(name)}:\n{tail}"


def _log_size(paths: SandboxPaths, name: str) -> int:
    log = paths.log(name)
    return log.stat().st_size if log.exists() else 0


def _log_tail(log: Path, offset: int) -> str:
    """The last lines that were written after ``offset``, without the stack trace of a panic."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(offset, log.stat().st_size - 16384))
        text = file.read().decode(errors="replace")
    lines = text.partition("\ngoroutine ")[0].splitlines()
    return "\n".join(lines[-TAIL_LINES:])
