# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that whatever is wrong with the way to the server is said clearly, and that nothing is changed."""

from __future__ import annotations

import base64
import copy
import datetime
import json
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from audit_log import AuditLog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from module_runs import ModuleRunner
from sample_manifests import config_map
from sandbox_access import Kubectl


def self_signed(days: int) -> tuple[bytes, bytes]:
    """A certificate of nobody's authority that ends in so many days, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stranger")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(encoding), private


class Kubeconfigs:
    """Writes copies of the administrator's kubeconfig that are wrong in one way."""

    def __init__(self, good: Path, folder: Path) -> None:
        self._good: dict[str, Any] = yaml.safe_load(good.read_text(encoding="utf-8"))
        self._folder = folder

    def text(self, text: str) -> str:
        path = self._folder / "kubeconfig"
        path.write_text(text, encoding="utf-8")
        return str(path)

    def with_cluster(self, **changes: Any) -> str:
        document = copy.deepcopy(self._good)
        document["clusters"][0]["cluster"].update(changes)
        return self.text(json.dumps(document))

    def with_user(self, **user: Any) -> str:
        document = copy.deepcopy(self._good)
        document["users"][0]["user"] = user
        return self.text(json.dumps(document))

    @property
    def server(self) -> str:
        return str(self._good["clusters"][0]["cluster"]["server"])


@pytest.fixture
def kubeconfigs(kubeconfig: Path, tmp_path: Path) -> Kubeconfigs:
    return Kubeconfigs(kubeconfig, tmp_path)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def encoded(pem: bytes) -> str:
    return base64.b64encode(pem).decode()


def unreachable(kubeconfigs: Kubeconfigs, _tmp: Path) -> dict[str, Any]:
    return {"kubeconfig": kubeconfigs.with_cluster(server=f"https://127.0.0.1:{closed_port()}"), "retry_timeout": 1}


def unknown_host(kubeconfigs: Kubeconfigs, _tmp: Path) -> dict[str, Any]:
    return {"kubeconfig": kubeconfigs.with_cluster(server="https://no-such-host.invalid:6443")}


def wrong_token(kubeconfigs: Kubeconfigs, _tmp: Path) -> dict[str, Any]:
    return {"kubeconfig": kubeconfigs.with_user(token="not-a-token")}


def wrong_api_key(kubeconfigs: Kubeconfigs, tmp: Path) -> dict[str, Any]:
    authority = tmp / "ca.crt"
    good = yaml.safe_load(Path(kubeconfigs.with_cluster()).read_text(encoding="utf-8"))
    authority.write_bytes(base64.b64decode(good["clusters"][0]["cluster"]["certificate-authority-data"]))
    return {"kubeconfig": None, "host": kubeconfigs.server, "api_key": "not-a-token", "ca_cert": str(authority)}


def expired_certificate(kubeconfigs: Kubeconfigs, _tmp: Path) -> dict[str, Any]:
    certificate, key = (encoded(pem) for pem in self_signed(days=-1))
    user = {"client-certificate-data": certificate, "client-key-data": key}
    return {"kubeconfig": kubeconfigs.with_user(**user)}


def stranger_certificate(kubeconfigs: Kubeconfigs, _tmp: Path) -> dict[str, Any]:
    certificate, key = (encoded(pem) for pem in self_signed(days=30))
    user = {"client-certificate-data": certificate, "client-key-data": key}
    return {"kubeconfig": kubeconfigs.with_user(**user)}


def wrong_authority(kubeconfigs: Kubeconfigs, _tmp: Path) -> dict[str, Any]:
    return {"kubeconfig": kubeconfigs.with_cluster(**{"certificate-authority-data": encoded(self_signed(30)[0])})}


def plain_http(kubeconfigs: Kubeconfigs, _tmp: Path) -> dict[str, Any]:
    return {"kubeconfig": kubeconfigs.with_cluster(server=kubeconfigs.server.replace("https:", "http:"))}


def host_without_scheme(kubeconfigs: Kubeconfigs, _tmp: Path) -> dict[str, Any]:
    return {"kubeconfig": None, "host": kubeconfigs.server.removeprefix("https://"), "api_key": "x"}


def host_over_http(kubeconfigs: Kubeconfigs, _tmp: Path) -> dict[str, Any]:
    return {"kubeconfig": None, "host": kubeconfigs.server.replace("https:", "http:"), "api_key": "x"}


def missing_context(_kubeconfigs: Kubeconfigs, _tmp: Path) -> dict[str, Any]:
    return {"context": "no-such-context"}


def not_yaml(kubeconfigs: Kubeconfigs, _tmp: Path) -> dict[str, Any]:
    return {"kubeconfig": kubeconfigs.text("{not: [yaml")}


def just_text(kubeconfigs: Kubeconfigs, _tmp: Path) -> dict[str, Any]:
    return {"kubeconfig": kubeconfigs.text("this is prose\n")}


def binary(_kubeconfigs: Kubeconfigs, tmp: Path) -> dict[str, Any]:
    (tmp / "binary").write_bytes(bytes(range(256)))
    return {"kubeconfig": str(tmp / "binary")}


def empty(kubeconfigs: Kubeconfigs, _tmp: Path) -> dict[str, Any]:
    return {"kubeconfig": kubeconfigs.text("")}


def no_such_file(_kubeconfigs: Kubeconfigs, tmp: Path) -> dict[str, Any]:
    return {"kubeconfig": str(tmp / "no-such-file")}


def a_folder(_kubeconfigs: Kubeconfigs, tmp: Path) -> dict[str, Any]:
    return {"kubeconfig": str(tmp)}


def not_even_named(_kubeconfigs: Kubeconfigs, _tmp: Path) -> dict[str, Any]:
    return {"kubeconfig": None}


def missing_authority_file(_kubeconfigs: Kubeconfigs, tmp: Path) -> dict[str, Any]:
    return {"ca_cert": str(tmp / "no-such-ca.crt")}


def authority_that_is_no_certificate(kubeconfigs: Kubeconfigs, tmp: Path) -> dict[str, Any]:
    return {"ca_cert": kubeconfigs.text("prose")}


def failing_exec_plugin(kubeconfigs: Kubeconfigs, _tmp: Path) -> dict[str, Any]:
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "no-such-login-command",
        "interactiveMode": "Never",
    }
    return {"kubeconfig": kubeconfigs.with_user(exec=plugin)}


def concurrency_of_none(_kubeconfigs: Kubeconfigs, _tmp: Path) -> dict[str, Any]:
    return {"concurrency": 0}


CASES: list[tuple[Any, tuple[str, ...]]] = [
    (unreachable, ("https://127.0.0.1:", "cannot be reached", "refused", "Check that it runs")),
    (unknown_host, ("no-such-host.invalid", "cannot be reached")),
    (wrong_token, ("does not accept the credentials", "expired")),
    (wrong_api_key, ("does not accept the credentials", "expired")),
    (expired_certificate, ("does not accept the credentials", "expired")),
    (stranger_certificate, ("does not accept the credentials",)),
    (wrong_authority, ("TLS", "certificate", "ca_cert")),
    (plain_http, ("must begin with https://",)),
    (host_without_scheme, ("host must begin with https://",)),
    (host_over_http, ("must begin with https://",)),
    (missing_context, ("no-such-context", "contexts in the file: ")),
    (not_yaml, ("is not YAML",)),
    (just_text, ("kubeconfig", "cannot be")),
    (binary, ("binary", "cannot be read")),
    (empty, ("kubeconfig", "cannot be used")),
    (no_such_file, ("no-such-file does not exist", "gpu_cluster_kubeconfig")),
    (a_folder, ("cannot be",)),
    (not_even_named, ("There is no kubeconfig", "KUBECONFIG")),
    (missing_authority_file, ("ca_cert: there is no file", "no-such-ca.crt")),
    (authority_that_is_no_certificate, ("ca_cert",)),
    (failing_exec_plugin, ("gives no credentials", "no-such-login-command")),
    (concurrency_of_none, ("concurrency must be at least 1",)),
]


@pytest.mark.parametrize(("spoil", "parts"), CASES, ids=[spoil.__name__ for spoil, _parts in CASES])
def test_a_spoiled_connection_is_explained(
    run_module: ModuleRunner,
    kubeconfigs: Kubeconfigs,
    tmp_path: Path,
    namespace: str,
    kubectl: Kubectl,
    audit: AuditLog,
    spoil: Any,
    parts: tuple[str, ...],
) -> None:
    params = spoil(kubeconfigs, tmp_path)
    audit.mark()
    failed = run_module.failing("manifests", manifests=[config_map(namespace, "one")], **params)
    for part in parts:
        assert part in failed["msg"]
    assert "Traceback" not in json.dumps(failed)
    assert "not-a-token" not in json.dumps(failed)
    assert audit.requests().writes == []
    assert kubectl.get("configmap", "one", namespace) is None


@pytest.mark.parametrize("check", [True, False])
def test_a_missing_right_is_named_with_verb_resource_and_user(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, kubeconfigs: Kubeconfigs, check: bool
) -> None:
    kubectl("create", "serviceaccount", "weak", "-n", namespace)
    kubectl("create", "role", "look", "-n", namespace, "--verb=get,list", "--resource=configmaps,secrets")
    kubectl("create", "rolebinding", "look", "-n", namespace, "--role=look", f"--serviceaccount={namespace}:weak")
    token = kubectl.run("create", "token", "weak", "-n", namespace).stdout
    weak = kubeconfigs.with_user(token=json.loads(token)["status"]["token"])
    wanted = [config_map(namespace, "one"), config_map(namespace, "two")]
    failed = run_module.failing("manifests", check=check, kubeconfig=weak, manifests=wanted)
    assert f'User "system:serviceaccount:{namespace}:weak" cannot patch resource "configmaps"' in failed["msg"]
    assert "grant that verb" in failed["msg"]
    assert [failure["reason"] for failure in failed["failures"]] == ["Forbidden", "Forbidden"]
    assert kubectl.get("configmap", "one", namespace) is None


def test_what_may_not_be_read_is_named(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, kubeconfigs: Kubeconfigs
) -> None:
    kubectl("create", "serviceaccount", "weak", "-n", namespace)
    token = kubectl.run("create", "token", "weak", "-n", namespace).stdout
    weak = kubeconfigs.with_user(token=json.loads(token)["status"]["token"])
    wanted = [config_map(namespace, f"m{number}") for number in range(4)]
    failed = run_module.failing("manifests", kubeconfig=weak, manifests=wanted)
    assert 'cannot get resource "configmaps"' in failed["msg"]
    assert f'in the namespace "{namespace}"' in failed["msg"]
