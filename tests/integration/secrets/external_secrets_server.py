# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real External Secrets Operator, run on this machine as the account that it would have in the cluster.

After a failure it tries again in 1, 2, 4 ... seconds, at most 7 minutes. So tests keep outages short, use :func:`nudge`
where they want it at once, and give Secrets a ``refresh_interval`` of a second or two.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from sandbox_access import Kubectl
from server_programs import go_module, pinned_version, server_program
from waiting import wait_for

SERVER = "external-secrets"
MODULE = "github.com/external-secrets/external-secrets"
# Ports that several of them on one machine do not share. The last one given counts.
OWN_PORTS = ("--metrics-addr=127.0.0.1:0", "--live-addr=127.0.0.1:0")


@dataclass(frozen=True)
class CrdBundle:
    """The CustomResourceDefinitions of a version, as upstream publishes them."""

    version: str
    path: Path
    sha256: str


def crd_bundle() -> CrdBundle:
    """The bundle of the version that is run, kept beside the program."""
    version = pinned_version(SERVER, MODULE)
    kept = server_program(SERVER).with_name("crds.yaml")
    if not kept.is_file():
        draft = kept.with_name(f"crds-{uuid.uuid4().hex}.yaml")
        shutil.copyfile(published_crds(), draft)
        draft.chmod(0o644)
        draft.rename(kept)
    return CrdBundle(version, kept, hashlib.sha256(kept.read_bytes()).hexdigest())


def published_crds() -> Path:
    """The bundle of the version that is run, as its Go module has it; nothing is built for that."""
    return go_module(MODULE, pinned_version(SERVER, MODULE)) / "deploy" / "crds" / "bundle.yaml"


@dataclass(frozen=True)
class Operator:
    """One that runs."""

    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self.log_file.read_text(encoding="utf-8")

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Wait until it says something."""

        def said() -> bool:
            found = text in self.log
            assert found or self.process.poll() is None, f"the operator ended: {self.log}"
            return found

        wait_for(said, lambda: f"the operator does not say {text!r}: {self.log}", seconds, pause=0.05)

    def stop(self) -> None:
        """End it as the kubelet does, which does not wait forever."""
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        finally:
            self.process.kill()
            self.process.wait()


RunOperator = Callable[[Path, Sequence[str]], AbstractContextManager[Operator]]


@contextmanager
def running_operator(kubeconfig: Path, arguments: Sequence[str], folder: Path) -> Iterator[Operator]:
    """Run it with the arguments of its container and the rights of a kubeconfig."""
    operator = start_operator(kubeconfig, arguments, folder)
    try:
        operator.wait_for("starting manager")
        yield operator
    finally:
        operator.stop()


def start_operator(
    kubeconfig: Path, arguments: Sequence[str], folder: Path, own: Sequence[str] = OWN_PORTS
) -> Operator:
    """Begin to run it, or another of its commands; its log is kept in ``folder``.

    ``own`` are arguments that this machine needs instead of those given.
    """
    log = folder / f"external-secrets-{uuid.uuid4().hex[:8]}.log"
    # In the cluster, the namespace of the election is that of the pod; elsewhere there is none, and no second one.
    kept = [argument for argument in arguments if not argument.startswith("--enable-leader-election")]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(server_program(SERVER)), *kept, *own],
            env={"KUBECONFIG": str(kubeconfig), "HOME": str(folder), "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for who started it, who still needs it to clean up
        )
    return Operator(process, log)


def account_kubeconfig(kubectl: Kubectl, namespace: str, account: str, folder: Path) -> Path:
    """A kubeconfig, for its user only, with a token of a service account instead of the administrator's certificate."""
    config = yaml.safe_load(kubectl.kubeconfig.read_text(encoding="utf-8"))
    done = kubectl.run("create", "token", account, "-n", namespace, "--duration=2h")
    assert done.returncode == 0, done.stderr
    for user in config["users"]:
        user["user"] = {"token": json.loads(done.stdout)["status"]["token"]}
    path = folder / f"{namespace}-{account}.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    return path


def nudge(kubectl: Kubectl, kind: str, name: str, namespace: str) -> None:
    """Let the operator look at an object at once, also while it waits after a failure."""
    kubectl("annotate", kind, name, "-n", namespace, "--overwrite", f"force-sync={uuid.uuid4().hex}")
