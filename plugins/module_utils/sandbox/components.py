# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The five components of a sandbox: how each is called, when it is healthy, and what must be up before it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.paths import SandboxPaths
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.pki import SERVICE_ACCOUNT_KEY

SERVICE_CIDR = "10.96.0.0/16"
POD_CIDR = "10.244.0.0/16"
NODE_ANNOTATION = "kwok.x-k8s.io/node=fake"
GRACE_SECONDS = 2400
"""kwok writes a node's status every 10 minutes: 8 requests a second at 5,000 nodes."""

ETCD_CLIENT = "etcd-client"
ETCD_PEER = "etcd-peer"
API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
KWOK = "kwok"
PORT_OWNERS = {
    ETCD_CLIENT: "etcd",
    ETCD_PEER: "etcd",
    API_SERVER: API_SERVER,
    CONTROLLER_MANAGER: CONTROLLER_MANAGER,
    SCHEDULER: SCHEDULER,
    KWOK: KWOK,
}
"""Port names, and the component that listens on each."""

WAVES = (("etcd",), (API_SERVER,), (CONTROLLER_MANAGER, SCHEDULER, KWOK))
"""Order of starting: a wave is healthy before the next begins. Stopping is the reverse."""


@dataclass(frozen=True)
class HealthCheck:
    """A URL that answers 200 when the component works."""

    port: int
    path: str
    tls: bool = True
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True)
class Component:
    """One program: ``command`` starts it, ``files`` is what it reads at its start."""

    name: str
    command: tuple[str, ...]
    health: HealthCheck
    files: tuple[Path, ...] = ()
    binary: Path = Path()

    def digest(self) -> str:
        """Changes when the component must be restarted: another binary, other arguments, other files."""
        parts = [str(self.binary).encode(), *(argument.encode() for argument in self.command)]
        parts += [path.read_bytes() if path.is_file() else b"" for path in self.files]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()


def components(paths: SandboxPaths, ports: Mapping[str, int], binary: Path) -> dict[str, Component]:
    """All components by name, for these ports (see PORT_OWNERS) and this binary behind every program."""
    made = (
        _etcd(paths, ports),
        _api_server(paths, ports),
        _controller_manager(paths, ports),
        _scheduler(paths, ports),
        _kwok(paths, ports),
    )
    return {component.name: replace(component, binary=binary) for component in made}


def _etcd(paths: SandboxPaths, ports: Mapping[str, int]) -> Component:
    client_url = f"https://127.0.0.1:{ports[ETCD_CLIENT]}"
    peer_url = f"https://127.0.0.1:{ports[ETCD_PEER]}"
    authority, certificate, key = paths.certificate("etcd-ca"), paths.certificate("etcd"), paths.key("etcd")
    arguments = {
        "name": "sandbox",
        "data-dir": paths.etcd_data,
        "listen-client-urls": client_url,
        "advertise-client-urls": client_url,
        "listen-peer-urls": peer_url,
        "initial-advertise-peer-urls": peer_url,
        "initial-cluster": f"sandbox={peer_url}",
        "client-cert-auth": "true",
        "trusted-ca-file": authority,
        "cert-file": certificate,
        "key-file": key,
        "peer-client-cert-auth": "true",
        "peer-trusted-ca-file": authority,
        "peer-cert-file": certificate,
        "peer-key-file": key,
        # Its data need not survive a power cut, only a killed process.
        "unsafe-no-fsync": "true",
        "quota-backend-bytes": 8 * 1024**3,
        "log-level": "warn",
    }
    health = HealthCheck(
        ports[ETCD_CLIENT], "/health", True, authority, paths.certificate("etcd-client"), paths.key("etcd-client")
    )
    return Component("etcd", _command(paths, "etcd", arguments), health, (authority, certificate, key))


def _api_server(paths: SandboxPaths, ports: Mapping[str, int]) -> Component:
    files = {
        "etcd-cafile": paths.certificate("etcd-ca"),
        "etcd-certfile": paths.certificate("etcd-client"),
        "etcd-keyfile": paths.key("etcd-client"),
        "tls-cert-file": paths.certificate("server"),
        "tls-private-key-file": paths.key("server"),
        "client-ca-file": paths.certificate("ca"),
        # By which it reads from the kubelets of nodes that are not simulated.
        "kubelet-client-certificate": paths.certificate("kubelet-client"),
        "kubelet-client-key": paths.key("kubelet-client"),
        "service-account-key-file": paths.certificate(SERVICE_ACCOUNT_KEY),
        "service-account-signing-key-file": paths.key(SERVICE_ACCOUNT_KEY),
        "audit-policy-file": paths.config("audit-policy.json"),
    }
    arguments = {
        **files,
        "etcd-servers": f"https://127.0.0.1:{ports[ETCD_CLIENT]}",
        "bind-address": "127.0.0.1",
        "advertise-address": "127.0.0.1",
        "secure-port": ports[API_SERVER],
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-cluster-ip-range": SERVICE_CIDR,
        # The address is a loopback one, which no Endpoints object may hold.
        "endpoint-reconciler-type": "none",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        # It would taint every new node until the controller manager has seen that it is Ready, and they all are.
        "disable-admission-plugins": "TaintNodesByCondition",
        "allow-privileged": "true",
        "kubelet-preferred-address-types": "InternalIP,ExternalIP,Hostname",
        "audit-log-path": paths.audit_log,
        "audit-log-maxsize": 1000,
        "audit-log-maxbackup": 1,
        "profiling": "false",
    }
    health = _https_health(paths, ports[API_SERVER], "/readyz")
    return Component(API_SERVER, _command(paths, API_SERVER, arguments), health, tuple(files.values()))


def _controller_manager(paths: SandboxPaths, ports: Mapping[str, int]) -> Component:
    files = {
        **_kubeconfigs(paths, CONTROLLER_MANAGER),
        **_serving(paths),
        "service-account-private-key-file": paths.key(SERVICE_ACCOUNT_KEY),
        "root-ca-file": paths.certificate("ca"),
        "cluster-signing-cert-file": paths.certificate("ca"),
        "cluster-signing-key-file": paths.key("ca"),
    }
    arguments = {
        **files,
        "bind-address": "127.0.0.1",
        "secure-port": ports[CONTROLLER_MANAGER],
        "use-service-account-credentials": "true",
        # It would write to every node whenever the cluster grows, to tell kubelets how long to cache Secrets.
        "controllers": "*,-ttl-controller",
        "leader-elect": "false",
        "node-monitor-period": "10s",
        "node-monitor-grace-period": f"{GRACE_SECONDS}s",
        "kube-api-qps": 400,
        "kube-api-burst": 800,
    }
    health = _https_health(paths, ports[CONTROLLER_MANAGER], "/healthz")
    command = _command(paths, CONTROLLER_MANAGER, arguments)
    return Component(CONTROLLER_MANAGER, command, health, tuple(files.values()))


def _scheduler(paths: SandboxPaths, ports: Mapping[str, int]) -> Component:
    files = {**_kubeconfigs(paths, SCHEDULER), **_serving(paths)}
    arguments = {
        **files,
        "bind-address": "127.0.0.1",
        "secure-port": ports[SCHEDULER],
        "leader-elect": "false",
        "kube-api-qps": 400,
        "kube-api-burst": 800,
    }
    health = _https_health(paths, ports[SCHEDULER], "/healthz")
    return Component(SCHEDULER, _command(paths, SCHEDULER, arguments), health, tuple(files.values()))


def _kwok(paths: SandboxPaths, ports: Mapping[str, int]) -> Component:
    files = {"kubeconfig": paths.component_kubeconfig(KWOK), "config": paths.config("kwok-stages.yaml")}
    arguments = {
        **files,
        "manage-nodes-with-annotation-selector": NODE_ANNOTATION,
        # With leases, a kwok that replaces a killed one could not touch its nodes until the leases expire.
        "node-lease-duration-seconds": 0,
        "cidr": POD_CIDR,
        "server-address": f"127.0.0.1:{ports[KWOK]}",
    }
    health = HealthCheck(ports[KWOK], "/healthz", tls=False)
    return Component(KWOK, _command(paths, KWOK, arguments), health, tuple(files.values()))


def _kubeconfigs(paths: SandboxPaths, name: str) -> dict[str, Path]:
    kubeconfig = paths.component_kubeconfig(name)
    flags = ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
    return dict.fromkeys(flags, kubeconfig)


def _serving(paths: SandboxPaths) -> dict[str, Path]:
    return {"tls-cert-file": paths.certificate("server"), "tls-private-key-file": paths.key("server")}


def _https_health(paths: SandboxPaths, port: int, path: str) -> HealthCheck:
    return HealthCheck(port, path, True, paths.certificate("ca"), paths.certificate("sandbox"), paths.key("sandbox"))


def _command(paths: SandboxPaths, name: str, arguments: Mapping[str, object]) -> tuple[str, ...]:
    return (str(paths.program(name)), *(f"--{flag}={value}" for flag, value in arguments.items()))


def order() -> Sequence[str]:
    """Names of all components in the order of starting."""
    return [name for wave in WAVES for name in wave]
