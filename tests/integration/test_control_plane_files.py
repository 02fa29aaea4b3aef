# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real API server, started as role host_control_plane would have it, does what its files say."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts import control_plane
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.static_pods import command_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.components import (
    API_SERVER,
    ETCD_CLIENT,
    PORT_OWNERS,
    components,
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
from sandbox_access import CHECKOUT, Sandbox

KEY = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
ROLE = CHECKOUT / "roles" / "host_control_plane" / "defaults" / "main.yml"
PRIVILEGED_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "privileged"},
    "spec": {
        "containers": [{"name": "main", "image": "a@sha256:" + "0" * 64, "securityContext": {"privileged": True}}]
    },
}


@dataclass
class Server:
    """An API server with its etcd, and what it was started with."""

    paths: SandboxPaths
    ports: dict[str, int]
    binary: Path
    audit_log: Path
    encryption: Path
    processes: list[ProcessIdentity]

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.ports[API_SERVER]}"

    def kubectl(self, *words: str, given: object = None) -> subprocess.CompletedProcess[str]:
        command = [str(self.paths.program("kubectl")), f"--kubeconfig={self.paths.kubeconfig}", *words]
        text = None if given is None else json.dumps(given)
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)

    def stored(self, key: str) -> bytes:
        """What etcd has under a key, read by its own API."""
        context = ssl.create_default_context(cafile=str(self.paths.certificate("etcd-ca")))
        context.load_cert_chain(self.paths.certificate("etcd-client"), self.paths.key("etcd-client"))
        connection = http.client.HTTPSConnection("127.0.0.1", self.ports[ETCD_CLIENT], context=context, timeout=20)
        connection.request("POST", "/v3/kv/range", json.dumps({"key": base64.b64encode(key.encode()).decode()}))
        (found,) = json.loads(connection.getresponse().read())["kvs"]
        return base64.b64decode(found["value"])

    def start(self, name: str, command: tuple[str, ...]) -> None:
        known = components(self.paths, self.ports, self.binary)[name]
        environment = {"HOME": str(self.paths.home), "PATH": "/usr/bin:/bin"}
        spawn(command or known.command, self.paths.log(name), environment, self.processes.append)
        ends = time.monotonic() + 90
        while not is_healthy(known.health):
            assert time.monotonic() < ends, self.paths.log(name).read_text()[-3000:]
            time.sleep(0.2)

    def stop(self) -> None:
        stop(reversed(self.processes), 15)


def settings(**changes: Any) -> dict[str, Any]:
    """The role's defaults, as its task gives them to the plan."""
    defaults = yaml.safe_load(ROLE.read_text(encoding="utf-8"))
    names = {name.removeprefix("host_control_plane_"): value for name, value in defaults.items()}
    names["pod_security"] = {**names["pod_security"], "exempt_namespaces": names["exempt_namespaces"]}
    return {**names, "encryption_writes": True, **changes}


def command_with_files(server: Server, folder: Path, **changes: Any) -> tuple[str, ...]:
    """The sandbox's command of the API server after the role has changed it, with its files in a folder."""
    plain = components(server.paths, server.ports, server.binary)[API_SERVER].command
    ours = [word for word in plain[1:] if not word.startswith(("--audit-", "--profiling"))]
    pod = {"kind": "Pod", "metadata": {}, "spec": {"containers": [{"command": ["kube-apiserver", *ours]}]}}
    manifest = {"path": "kube-apiserver.yaml", "text": yaml.safe_dump(pod), "mode": "0600"}
    made = control_plane.plan({"kind": "static", "manifests": {"kube-apiserver": manifest}}, settings(**changes))
    *files, changed = made.files
    for file in files:
        (folder / Path(file.path).name).write_text(file.content, encoding="utf-8")
    words = command_of(yaml.safe_load(changed.content))[1:]
    moved = (w.replace(control_plane.FOLDER, str(folder)).replace(control_plane.LOG_FOLDER, str(folder)) for w in words)
    return (plain[0], *moved)


@pytest.fixture(scope="module")
def server(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An API server of its own, first without encryption and then with all that the role gives it."""
    folder = tmp_path_factory.mktemp("control-plane")
    paths = SandboxPaths(folder / "sandbox")
    paths.make()
    ensure_certificates(paths)
    binary = SandboxPaths(sandbox.directory).program(API_SERVER).resolve()
    link_programs(paths, binary)
    ports = assign_ports(PORT_OWNERS, {}, lambda _name: False)
    write_files(paths, ports[API_SERVER])
    server = Server(paths, ports, binary, folder / "audit.log", folder / "encryption.yaml", [])
    try:
        server.start("etcd", ())
        server.start(API_SERVER, ())
        server.kubectl("create", "secret", "generic", "old", "--from-literal=a=written-in-plain")
        stop([server.processes.pop()], 15)
        server.start(API_SERVER, command_with_files(server, folder, encryption_key=KEY))
        yield server
    finally:
        server.stop()


def answer(server: Server, path: str) -> int:
    """The status that a stranger gets."""
    context = ssl.create_default_context(cafile=str(server.paths.certificate("ca")))
    try:
        with urllib.request.urlopen(server.address + path, context=context, timeout=20) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize(("path", "status"), [("/livez", 200), ("/readyz", 200), ("/version", 401), ("/api", 401)])
def test_strangers_may_ask_for_health_alone(server: Server, path: str, status: int) -> None:
    assert answer(server, path) == status


def test_new_secrets_are_encrypted_and_old_ones_once_they_are_written_anew(server: Server) -> None:
    server.kubectl("create", "secret", "generic", "new", "--from-literal=a=never-in-plain")
    assert b"never-in-plain" not in server.stored("/registry/secrets/default/new")
    assert b"written-in-plain" in server.stored("/registry/secrets/default/old")
    old = server.kubectl("get", "secret", "old", "--output=json").stdout
    server.kubectl("replace", "--filename=-", given=json.loads(old))
    assert server.stored("/registry/secrets/default/old").startswith(b"k8s:enc:secretbox:v1:")


@pytest.mark.parametrize(("namespace", "admitted"), [("default", False), ("kube-system", True), ("gpu-operator", True)])
def test_privileged_pods_run_where_gpu_components_do(server: Server, namespace: str, admitted: bool) -> None:
    server.kubectl("create", "namespace", namespace)
    server.kubectl("create", "serviceaccount", "default", f"--namespace={namespace}")
    done = server.kubectl("create", f"--namespace={namespace}", "--filename=-", given=PRIVILEGED_POD)
    assert (done.returncode == 0) == admitted, done.stderr
    assert admitted or 'violates PodSecurity "baseline:latest"' in done.stderr


def test_audit_log_has_who_asks_for_pods_with_their_bodies_and_secrets_without(server: Server) -> None:
    server.kubectl("create", "secret", "generic", "seen", "--from-literal=a=unseen-value")
    server.kubectl("create", "--namespace=kube-system", "--filename=-", "--dry-run=server", given=PRIVILEGED_POD)
    events = [json.loads(line) for line in server.audit_log.read_text(encoding="utf-8").splitlines()]
    by_resource: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        by_resource.setdefault(event.get("objectRef", {}).get("resource", ""), []).append(event)
    pods = [event for event in by_resource["pods"] if event["verb"] == "create"]
    assert all(event["requestObject"]["kind"] == "Pod" for event in pods if event["responseStatus"]["code"] == 201)
    assert {event["level"] for event in by_resource["secrets"]} == {"Metadata"}
    assert "unseen-value" not in server.audit_log.read_text(encoding="utf-8")


def test_events_of_one_namespace_are_limited(server: Server) -> None:
    server.kubectl("create", "namespace", "flooded")
    events = [
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"event-{number}", "namespace": "flooded"},
            "involvedObject": {"kind": "Pod", "name": "a", "namespace": "flooded"},
        }
        for number in range(200)
    ]
    done = server.kubectl("create", "--filename=-", given={"apiVersion": "v1", "kind": "List", "items": events})
    assert "TooManyRequests" in done.stderr or "limit reached" in done.stderr
