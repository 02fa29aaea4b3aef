# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module's connection options and a kubeconfig say together: which server, as whom, in whose name."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.credentials import (
    Credentials,
    Fixed,
    Identity,
    Renewed,
    bearer,
    oidc_identity,
    token_file,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.exec_plugin import read_plugin, run_plugin
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.impersonation import (
    Impersonation,
    impersonation_of,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.kubeconfig import Choice, Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.proxies import Proxy, find_proxy
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.tls import KeyPair
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

IN_CLUSTER = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Server:
    """An API server and the way to it.

    Attributes:
        url: with the scheme, without a slash at its end.
        tls_name: name that its certificate must be for; empty for that of the address.
        verify: whether its certificate is checked.
        authorities: certificates (PEM) that it is checked against; empty for those that the system trusts.
    """

    url: str
    tls_name: str = ""
    verify: bool = True
    authorities: str = ""
    proxy: Proxy | None = None


@dataclass(frozen=True)
class Access:
    """All that is needed to talk to an API server."""

    server: Server
    credentials: Credentials
    impersonation: Impersonation = field(default_factory=Impersonation)


def access_by_options(params: Mapping[str, Any], environment: Mapping[str, str]) -> Access:
    """Access to ``host``, as whom the other options say.

    Raises:
        HardeningError: an option is wrong.
    """
    url = str(params["host"]).rstrip("/")
    if not url.startswith(("https://", "http://")):
        raise HardeningError(f"host must begin with https://, got {url}.")
    return _with_options(Server(_without_user(url)), Fixed(Identity()), {}, params, environment, "")


def access_by_kubeconfig(choice: Choice, params: Mapping[str, Any], environment: Mapping[str, str]) -> Access:
    """Access that a context of a kubeconfig stands for; options beside it override it.

    Raises:
        HardeningError: something in it is malformed, or a file that it names cannot be read.
    """
    cluster, user = choice.cluster, choice.user
    try:
        return _with_options(
            _server(cluster, user),
            _credentials(cluster, user) if user and not params.get("api_key") else Fixed(Identity()),
            user.body if user else {},
            params,
            environment,
            cluster.text("proxy-url"),
        )
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        # Without its text, which may quote what is secret.
        raise HardeningError(
            f"The context {choice.context!r} of the kubeconfig cannot be used: an entry has another form than "
            f"kubectl knows ({type(error).__name__})."
        ) from None


def access_in_cluster(params: Mapping[str, Any], environment: Mapping[str, str]) -> Access:
    """Access as the service account of the pod that this runs in.

    Raises:
        HardeningError: its token or certificate authority is missing.
    """
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment.get("KUBERNETES_SERVICE_PORT", "443")
    url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    authorities = _read(IN_CLUSTER / "ca.crt", "certificate authority of the service account").decode(errors="replace")
    credentials = token_file(IN_CLUSTER / "token", "the service account")
    return _with_options(Server(url, authorities=authorities), credentials, {}, params, environment, "")


def _with_options(
    server: Server,
    credentials: Credentials,
    user: Mapping[str, Any],
    params: Mapping[str, Any],
    environment: Mapping[str, str],
    proxy_url: str,
) -> Access:
    verify = server.verify and params.get("validate_certs") is not False
    authorities = server.authorities
    if params.get("ca_cert"):
        authorities = _option_file("ca_cert", params).decode(errors="replace")
    pair = None
    if params.get("client_cert"):
        # A key may stand in the file of its certificate.
        name = "client_key" if params.get("client_key") else "client_cert"
        pair = KeyPair(_option_file("client_cert", params), _option_file(name, params))
    elif params.get("client_key"):
        raise HardeningError("client_key is of use only with client_cert.")
    if params.get("api_key"):
        credentials = Fixed(Identity(bearer(str(params["api_key"]), "api_key"), pair or _pair_of(credentials)))
    elif pair is not None:
        credentials = Fixed(Identity(pair=pair))
    proxy = find_proxy(server.url, proxy_url, environment)
    return Access(
        Server(server.url, server.tls_name, verify, authorities, proxy), credentials, impersonation_of(user, params)
    )


def _pair_of(credentials: Credentials) -> KeyPair | None:
    """The certificate of a kubeconfig stays beside a token that is given for it, as with kubectl."""
    return credentials.value.pair if isinstance(credentials, Fixed) else None


def _server(cluster: Entry, user: Entry | None) -> Server:
    url = cluster.text("server").rstrip("/")
    if not url:
        raise HardeningError(f"The kubeconfig cannot be used: its cluster {cluster.name!r} has no server.")
    insecure = cluster.body.get("insecure-skip-tls-verify") is True
    authorities = _material(cluster, "certificate-authority").decode(errors="replace")
    if "://" not in url:
        # As client-go: what speaks of TLS means it.
        tls = insecure or authorities or (user and _pair(user))
        url = f"{'https' if tls else 'http'}://{url}"
    return Server(_without_user(url), cluster.text("tls-server-name"), not insecure, authorities)


def _without_user(url: str) -> str:
    if "@" in urlsplit(url).netloc:
        raise HardeningError(
            "The address of the API server must not hold a user or password. Put them into the user of the kubeconfig."
        )
    return url


def _credentials(cluster: Entry, user: Entry) -> Credentials:
    """As client-go chooses: a token before a plugin, a token file before the token that stands beside it."""
    owner = f"user {user.name!r}"
    pair = _pair(user)
    token, file = user.text("token"), user.path("tokenFile")
    plugin, provider = user.body.get("exec"), user.body.get("auth-provider")
    if file is not None:
        return token_file(file, owner, token, pair)
    if token:
        return Fixed(Identity(bearer(token, owner), pair))
    if plugin:
        known = dict(cluster.body)
        if plugin.get("provideClusterInfo"):
            authorities = _material(cluster, "certificate-authority")
            known["certificate-authority-data"] = base64.b64encode(authorities).decode()
        program = read_plugin(owner, plugin, user.folder, known)
        return Renewed(lambda: run_plugin(program))
    if provider:
        if provider.get("name") != "oidc":
            raise HardeningError(
                f"The kubeconfig's auth-provider {provider.get('name')!r} of {owner} is one that kubectl no longer "
                "knows either. Use an exec plugin."
            )
        return Fixed(oidc_identity(owner, provider.get("config") or {}))
    if user.text("username") or user.text("password"):
        login = base64.b64encode(f"{user.text('username')}:{user.text('password')}".encode()).decode()
        return Fixed(Identity(f"Basic {login}", pair))
    return Fixed(Identity(pair=pair))


def _pair(user: Entry) -> KeyPair | None:
    certificate, key = _material(user, "client-certificate"), _material(user, "client-key")
    if bool(certificate) != bool(key):
        raise HardeningError(
            f"The kubeconfig cannot be used: its user {user.name!r} has a client certificate or a key, but not both."
        )
    return KeyPair(certificate, key) if certificate else None


def _material(entry: Entry, key: str) -> bytes:
    """A certificate or key: what stands in the kubeconfig itself, else in the file that it names; empty for neither."""
    if entry.text(f"{key}-data"):
        try:
            return base64.b64decode(entry.text(f"{key}-data"), validate=True)
        except (binascii.Error, ValueError):
            raise HardeningError(
                f"The kubeconfig cannot be used: {key}-data of {entry.name!r} is not base64."
            ) from None
    path = entry.path(key)
    return _read(path, f"{key} of {entry.name!r}") if path else b""


def _option_file(option: str, params: Mapping[str, Any]) -> bytes:
    path = Path(params[option]).expanduser()
    if not path.is_file():
        raise HardeningError(f"{option}: there is no file {path}.")
    return _read(path, option)


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise HardeningError(f"{what}: {path} cannot be read: {error.strerror}.") from None
