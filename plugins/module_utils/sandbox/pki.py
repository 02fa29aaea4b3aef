# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox's certificates: a CA for the API server and one for etcd, with a key pair for each component."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.paths import SandboxPaths, write_atomically

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    IMPORT_ERROR: str | None = None
except ImportError as missing:
    IMPORT_ERROR = str(missing)

VALIDITY = timedelta(days=3650)
RENEW_BEFORE = timedelta(days=30)
SERVER_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
SERVER_ADDRESSES = ("127.0.0.1", "10.96.0.1")


@dataclass(frozen=True)
class CertificateRequest:
    """A certificate to issue. Servers name hosts; others are clients only."""

    name: str
    authority: str
    common_name: str
    organization: str = ""
    server: bool = False


CERTIFICATES = (
    CertificateRequest("server", "ca", "kube-apiserver", server=True),
    CertificateRequest("admin", "ca", "kubernetes-admin", "system:masters"),
    CertificateRequest("sandbox", "ca", "sandbox", "system:masters"),
    CertificateRequest("kwok", "ca", "sandbox:kwok", "system:masters"),
    CertificateRequest("kubelet-client", "ca", "kube-apiserver-kubelet-client", "system:masters"),
    CertificateRequest("kube-controller-manager", "ca", "system:kube-controller-manager"),
    CertificateRequest("kube-scheduler", "ca", "system:kube-scheduler"),
    CertificateRequest("etcd", "etcd-ca", "etcd", server=True),
    CertificateRequest("etcd-client", "etcd-ca", "kube-apiserver"),
)
AUTHORITIES = ("ca", "etcd-ca")
SERVICE_ACCOUNT_KEY = "service-accounts"


def ensure_certificates(paths: SandboxPaths) -> bool:
    """Issue everything anew unless everything is there and valid for another month. True if issued.

    Raises:
        HardeningError: the Python package ``cryptography`` is missing.
    """
    if IMPORT_ERROR is not None:
        raise HardeningError(
            f"The Python package cryptography cannot be imported ({IMPORT_ERROR}). ansible-core brings it: "
            "run the playbook with the Python that has ansible-core (ansible_playbook_python)."
        )
    if _complete(paths):
        return False
    authorities = {name: _new_authority(paths, name) for name in AUTHORITIES}
    for request in CERTIFICATES:
        _issue(paths, request, *authorities[request.authority])
    signing_key = ec.generate_private_key(ec.SECP256R1())
    _write_key(paths.key(SERVICE_ACCOUNT_KEY), signing_key)
    public = signing_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    write_atomically(paths.certificate(SERVICE_ACCOUNT_KEY), public.decode())
    return True


def _complete(paths: SandboxPaths) -> bool:
    names = [*AUTHORITIES, *(request.name for request in CERTIFICATES)]
    files = [path for name in (*names, SERVICE_ACCOUNT_KEY) for path in (paths.certificate(name), paths.key(name))]
    if not all(path.is_file() for path in files):
        return False
    limit = datetime.now(UTC) + RENEW_BEFORE
    try:
        return all(
            x509.load_pem_x509_certificate(paths.certificate(name).read_bytes()).not_valid_after_utc > limit
            for name in names
        )
    except ValueError:
        return False  # not a certificate


def _new_authority(paths: SandboxPaths, name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"sandbox-{name}")])
    usage = _key_usage(signs_certificates=True)
    certificate = (
        _builder(subject, subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_pair(paths, name, certificate, key)
    return certificate, key


def _issue(
    paths: SandboxPaths,
    request: CertificateRequest,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, request.common_name)]
    if request.organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, request.organization))
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if request.server else [])]
    builder = (
        _builder(x509.Name(attributes), authority.subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
    )
    if request.server:
        builder = builder.add_extension(_alternative_names(SERVER_NAMES, SERVER_ADDRESSES), critical=False)
    _write_pair(paths, request.name, builder.sign(authority_key, hashes.SHA256()), key)


def _builder(subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + VALIDITY)
    )


def _key_usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_names(names: Sequence[str], addresses: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName(
        [
            *(x509.DNSName(name) for name in names),
            *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses),
        ]
    )


def _write_pair(paths: SandboxPaths, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    write_atomically(paths.certificate(name), certificate.public_bytes(serialization.Encoding.PEM).decode())
    _write_key(paths.key(name), key)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_atomically(path, pem.decode())
