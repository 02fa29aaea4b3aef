# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real browser without a window: Chromium, of this machine or from Debian's packages.

The packages are unpacked into the user's cache, not installed: that needs no root and changes nothing else.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.go_build import cache_folder

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PACKAGE = "chromium-headless-shell"


class NoBrowserError(Exception):
    """There is none, and why."""


@dataclass(frozen=True)
class Browser:
    """A program that starts, and the environment that it needs."""

    program: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def problem(self) -> str:
        """Why it does not start; empty if it does."""
        try:
            _run([str(self.program), "--version"], env={**os.environ, **self.environment})
        except NoBrowserError as error:
            return str(error)
        return ""


def find_browser() -> Browser:
    """The machine's own, or the one in the cache, which is filled the first time (100 MB).

    Raises:
        NoBrowserError: there is none, and it cannot be had.
    """
    for name in PROGRAMS:
        if (found := shutil.which(name)) and not (own := Browser(Path(found))).problem:
            return own
    root = cache_folder(os.environ, "chromium")
    if _unpacked(root).problem:
        _unpack_packages(root)
        if problem := _unpacked(root).problem:
            raise NoBrowserError(problem)
    return _unpacked(root)


def _unpacked(root: Path) -> Browser:
    libraries = [*root.glob("usr/lib/*-linux-gnu"), *root.glob("usr/lib/*-linux-gnu/pulseaudio")]
    environment = {"LD_LIBRARY_PATH": ":".join(map(str, libraries)), "XDG_DATA_HOME": str(root / "usr" / "share")}
    if not Path("/etc/fonts/fonts.conf").exists():
        environment["FONTCONFIG_PATH"] = str(root / "etc" / "fonts")
    return Browser(root / "usr" / "lib" / "chromium" / PACKAGE, environment)


def _unpack_packages(root: Path) -> None:
    """With lists and archives of our own, so that nothing of the system's is written."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise NoBrowserError(f"none of {', '.join(PROGRAMS)} is here, nor Debian's packages of them")
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent) as folder:
        work = Path(folder)
        for name in ("lists/partial", "archives/partial"):
            (work / name).mkdir(parents=True)
        options = (f"Dir::State::Lists={work}/lists", f"Dir::Cache={work}", f"Dir::Cache::archives={work}/archives")
        apt = ["apt-get", "-qq"]
        for option in (*options, "Debug::NoLocking=1", "APT::Sandbox::User=", "Acquire::Retries=2"):
            apt += ["-o", option]
        _run([*apt, "update"])
        _run([*apt, "--yes", "--no-install-recommends", "--download-only", "install", PACKAGE])
        for archive in (work / "archives").glob("*.deb"):
            _run(["dpkg-deb", "--extract", str(archive), str(work / "root")])
        shutil.rmtree(root, ignore_errors=True)
        (work / "root").rename(root)


def _run(command: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300, env=env)
    except subprocess.CalledProcessError as error:
        raise NoBrowserError(f"{command[0]} failed: {error.stderr.strip()}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoBrowserError(f"{command[0]} failed: {error}") from error
    return done.stdout.strip()
