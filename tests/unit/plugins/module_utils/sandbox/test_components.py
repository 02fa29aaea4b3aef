# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and command lines of the components."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.components import (
    PORT_OWNERS,
    components,
    order,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.configuration import kubeconfig
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.paths import SandboxPaths
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.pki import ensure_certificates
from cryptography import x509

PORTS = {name: 20000 + number for number, name in enumerate(PORT_OWNERS)}


@pytest.fixture
def paths(tmp_path: Path) -> SandboxPaths:
    made = SandboxPaths(tmp_path)
    made.make()
    ensure_certificates(made)
    return made


def test_certificates_are_issued_once(paths: SandboxPaths) -> None:
    before = paths.certificate("ca").read_bytes()
    assert not ensure_certificates(paths)
    assert paths.certificate("ca").read_bytes() == before


@pytest.mark.parametrize("damage", ["", "not a certificate"])
def test_damaged_certificates_are_issued_anew(paths: SandboxPaths, damage: str) -> None:
    paths.certificate("kwok").write_text(damage)
    assert ensure_certificates(paths)
    assert not ensure_certificates(paths)


def test_each_certificate_is_signed_by_its_authority(paths: SandboxPaths) -> None:
    def load(name: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate(paths.certificate(name).read_bytes())

    load("admin").verify_directly_issued_by(load("ca"))
    load("etcd-client").verify_directly_issued_by(load("etcd-ca"))
    with pytest.raises(ValueError, match=r".+"):
        load("admin").verify_directly_issued_by(load("etcd-ca"))


def test_every_listener_is_on_loopback(paths: SandboxPaths) -> None:
    for component in components(paths, PORTS, Path("/binary")).values():
        text = " ".join(component.command)
        assert "0.0.0.0" not in text
        assert "127.0.0.1" in text


def test_all_components_have_a_place_in_the_order(paths: SandboxPaths) -> None:
    assert set(order()) == set(components(paths, PORTS, Path("/binary"))) == set(PORT_OWNERS.values())


def test_a_digest_changes_with_binary_arguments_and_files(paths: SandboxPaths) -> None:
    known = components(paths, PORTS, Path("/binary"))
    before = known["etcd"].digest()
    assert components(paths, PORTS, Path("/binary"))["etcd"].digest() == before
    assert components(paths, PORTS, Path("/other"))["etcd"].digest() != before
    assert components(paths, {**PORTS, "etcd-client": 1}, Path("/binary"))["etcd"].digest() != before
    paths.certificate("etcd").write_text("other")
    assert known["etcd"].digest() != before


def test_a_kubeconfig_needs_no_other_file(paths: SandboxPaths) -> None:
    document = json.loads(kubeconfig(paths, "https://127.0.0.1:1", "admin"))
    assert document["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:1"
    assert str(paths.directory) not in json.dumps(document)
