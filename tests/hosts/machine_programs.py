# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that machines run, each built once for each version of it, from what tests/servers pins."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.build import build_flags
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.go_build import build
from sandbox_access import CHECKOUT
from server_programs import OWN_MAIN, SOURCES, Server

CONTAINERD = "github.com/containerd/containerd/v2/cmd/"
PINS = ("go.mod", "go.sum")
PROGRAMS = {
    "node": Server(
        "kubelet and kube-proxy",
        "node",
        {"node": "."},
        build_flags((SOURCES / "node" / "go.mod").read_text(encoding="utf-8")),
    ),
    "containerd": Server(
        "containerd",
        "containerd",
        {name: f"{CONTAINERD}{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")},
        ("-trimpath", "-buildvcs=false", "-tags=no_btrfs,no_zfs,no_devmapper,no_tracing", "-ldflags=-s -w"),
        PINS,
    ),
    "device-plugin": Server("the device plugin of the tests", "device_plugin", {"device-plugin": "."}, files=OWN_MAIN),
}


def machine_programs() -> dict[str, Path]:
    """All programs by name, built unless they are there; two at a time, as each build ends with one core linking."""
    with ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(_built, PROGRAMS))
    return {
        program: folder / program
        for server, folder in zip(PROGRAMS.values(), folders, strict=True)
        for program in server.programs
    }


def _built(name: str) -> Path:
    plan = PROGRAMS[name].plan(name)
    build(plan, CHECKOUT / ".build" / f"{name}-build.log")
    return plan.folder
