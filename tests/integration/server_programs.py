# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real servers that the tests run, each built once for each version on a machine, from what tests/servers pins."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.build import plan_build
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.go_build import (
    BuildPlan,
    build,
    cache_folder,
    find_go,
    go_folders,
    plan_programs,
)
from sandbox_access import CHECKOUT
from waiting import wait_for

SOURCES = CHECKOUT / "tests" / "servers"
CONTROL_PLANE = "control-plane"
PLAIN = ("-trimpath", "-buildvcs=false", "-ldflags=-s -w")
OWN_MAIN = ("go.mod", "go.sum", "main.go")
PROMETHEUS = "github.com/prometheus/prometheus/cmd/"


@dataclass(frozen=True)
class Server:
    """What one is built from; see :class:`BuildPlan`."""

    what: str
    sources: str
    programs: dict[str, str]
    flags: tuple[str, ...] = PLAIN
    files: tuple[str, ...] = OWN_MAIN

    def plan(self, name: str) -> BuildPlan:
        """How it is built, and where in the user's cache it is kept."""
        cache = cache_folder(os.environ, name)
        return plan_programs(self.what, SOURCES / self.sources, self.files, self.flags, self.programs, cache)


SERVERS = {
    "registry": Server("the registry", "registry", {"registry": "."}),
    "prometheus": Server(
        "Prometheus",
        "prometheus",
        {name: f"{PROMETHEUS}{name}" for name in ("promtool", "prometheus")},
        # Without service discovery, which is most of it and needs the libraries of all clouds.
        ("-trimpath", "-buildvcs=false", "-tags=remove_all_sd", "-ldflags=-s -w"),
        ("go.mod", "go.sum"),
    ),
    "external-secrets": Server(
        "the External Secrets Operator", "external_secrets", {"external-secrets": "."}, ("-mod=mod", *PLAIN)
    ),
    "network-policies": Server(
        "the evaluation of NetworkPolicies",
        "network_policies",
        {"network-policies": "."},
        # linkname.s says why it is there.
        files=(*OWN_MAIN, "linkname.s"),
    ),
    "vault": Server("Vault", "vault", {"vault": "."}, ("-mod=mod", *PLAIN)),
}


def server_program(name: str) -> Path:
    """The first program of a server, built unless it is there; the others are beside it."""
    if name == CONTROL_PLANE:
        plan = plan_build(CHECKOUT / "roles" / "sandbox" / "files" / CONTROL_PLANE, os.environ)
    else:
        plan = SERVERS[name].plan(name)
    build(plan, CHECKOUT / ".build" / f"{name}-build.log")
    return plan.binary


def listening(process: subprocess.Popen[bytes], log: Path, told: re.Pattern[str], offset: int = 0) -> str:
    """Where a server says that it listens, in its log from ``offset`` on; ``told`` has one group."""

    def look() -> re.Match[str] | None:
        found = told.search(log.read_bytes()[offset:].decode())
        assert found or process.poll() is None, f"it has ended: {log.read_text(encoding='utf-8')}"
        return found

    return str(wait_for(look, lambda: f"it did not start: {log.read_text(encoding='utf-8')}", pause=0.05)[1])


def pinned_version(name: str, module: str) -> str:
    """The version of a Go module that the sources of a server pin."""
    words = (SOURCES / SERVERS[name].sources / "go.mod").read_text(encoding="utf-8").split()
    return words[words.index(module) + 1]


def go_module(module: str, version: str) -> Path:
    """The files of a Go module, downloaded unless they are there."""
    go = find_go(go_folders(os.environ))
    done = subprocess.run(
        [str(go), "mod", "download", "-json", f"{module}@{version}"],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        env={**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOWORK": "off"},
        timeout=600,
    )
    return Path(json.loads(done.stdout)["Dir"])
