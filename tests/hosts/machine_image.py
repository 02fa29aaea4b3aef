# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root of a machine: Debian's packages and the files below ``root``, made once for each version of this recipe."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.go_build import cache_folder
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.paths import locked

# The last whose systemd boots where control groups are those of version 1.
SUITE = "bookworm"
PACKAGES = (
    *("systemd-sysv", "udev", "dbus", "openssh-server", "sudo", "python3", "procps", "kmod", "ca-certificates"),
    *("iproute2", "iptables", "nftables", "ipset", "conntrack", "auditd", "openssl"),
    *("runc", "containernetworking-plugins", "busybox-static", "mount", "util-linux"),
)
USER = "admin"
FILES = Path(__file__).parent / "root"
HOOKS = (
    f'useradd --root "$1" --create-home --shell /bin/bash {USER}',
    f'cp --recursive --no-preserve=ownership "{FILES}/." "$1/"',
    'chmod 0440 "$1/etc/sudoers.d/admin"',
    'chroot "$1" systemctl --quiet enable machine ssh containerd kubelet kube-proxy device-plugin',
    # What the tests do not need and a container cannot have. Roles install what they want to run.
    'chroot "$1" systemctl --quiet disable auditd.service e2scrub_reap.service apt-daily.timer apt-daily-upgrade.timer',
    'chroot "$1" systemctl --quiet mask systemd-networkd-wait-online.service getty.target console-getty.service',
    'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/usr/share/doc/* "$1"/usr/share/man/*',
)


@contextmanager
def machine_image(log: Path) -> Iterator[Path]:
    """The folder of the root, made unless it is there. For as long as this lasts, nobody takes it away."""
    folder = cache_folder(os.environ, "machines") / digest()
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            make(folder, log)
    with used(folder):
        prune(folder)
        yield folder


def digest() -> str:
    """Says everything that the root depends on, but for the day on which its packages were fetched."""
    recipe = "\0".join((os.uname().machine, SUITE, *PACKAGES, *HOOKS)).replace(str(FILES), "root")
    found = hashlib.sha256(recipe.encode())
    for path in sorted(path for path in FILES.rglob("*") if path.is_file()):
        found.update(f"\0{path.relative_to(FILES)}\0{path.stat().st_mode & 0o111:o}\0".encode() + path.read_bytes())
    return found.hexdigest()


def make(folder: Path, log: Path) -> None:
    """Fetch and unpack the packages, in a minute or two."""
    for leftover in folder.parent.glob(f"{folder.name}.draft-*"):
        remove(leftover)
    draft = Path(tempfile.mkdtemp(prefix=f"{folder.name}.draft-", dir=folder.parent))
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    command += [f"--customize-hook={hook}" for hook in HOOKS]
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        draft.chmod(0o755)
        with log.open("wb") as output:
            done = subprocess.run(
                [*command, SUITE, str(draft)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
                timeout=1800,
            )
        assert done.returncode == 0, log.read_text(encoding="utf-8", errors="replace")[-4000:]
        draft.rename(folder)
    finally:
        remove(draft)


def prune(kept: Path) -> None:
    """Take away the roots of other versions that nobody uses."""
    for folder in kept.parent.iterdir():
        if folder == kept or not folder.is_dir() or "." in folder.name:
            continue
        with folder.with_name(f"{folder.name}.used").open("w", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            remove(folder)


@contextmanager
def used(folder: Path) -> Iterator[None]:
    """Say that it is used; the kernel forgets that when this process ends."""
    with folder.with_name(f"{folder.name}.used").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def remove(folder: Path) -> None:
    """Delete a folder, and nothing of what may be mounted in it, such as by mmdebstrap that was killed."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
    for place in reversed([place for place in mounts if place.startswith(f"{folder}/")]):
        subprocess.run(["umount", "--lazy", place], check=True, timeout=60)
    subprocess.run(["rm", "-rf", "--one-file-system", str(folder)], check=True, timeout=300)
