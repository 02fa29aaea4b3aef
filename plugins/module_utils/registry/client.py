# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads manifests from registries, and authenticates where one asks for it.

Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md and
https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.challenges import (
    Challenge,
    choose,
    parse_challenges,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.credentials import (
    ANONYMOUS,
    Credentials,
    DockerConfig,
    credentials_for,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.endpoints import Endpoint, Endpoints
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.errors import RegistryError, refusal
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.manifests import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    Manifest,
    ManifestError,
    config_platform,
    read_manifest,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.transport import Answer, Transport

_CLIENT_ID = "gpu_cluster.hardening"


class RegistryClient:
    """Asks registries. Safe to use from several threads."""

    def __init__(self, endpoints: Endpoints, transport: Transport, config: DockerConfig) -> None:
        self._endpoints = endpoints
        self._transport = transport
        self._config = config
        self._lock = threading.Lock()
        self._credentials: dict[tuple[str, str], Credentials] = {}
        self._authorizations: dict[tuple[str, str], str] = {}

    def manifest(self, endpoint: Endpoint, wanted: str) -> Manifest:
        """The index or manifest of a tag or digest, with its bytes checked.

        Raises:
            RegistryError: there is none, or the registry cannot be asked, or it answers something else.
        """
        answer = self._get(endpoint, f"manifests/{wanted}", ", ".join(INDEX_TYPES + MANIFEST_TYPES))
        if answer.status != 200:
            raise self._refusal(endpoint, answer, wanted)
        asserted = {
            "Docker-Content-Digest": answer.header("docker-content-digest"),
            "the reference": wanted if ":" in wanted else "",
        }
        try:
            return read_manifest(answer.body, answer.header("content-type"), asserted)
        except ManifestError as error:
            raise RegistryError("WrongContent", f"{endpoint.registry} is not to be trusted here: {error}") from None

    def platform(self, endpoint: Endpoint, manifest: Manifest) -> str:
        """The platform of an image without index, from its configuration; empty if that does not say.

        Raises:
            RegistryError: the configuration cannot be read.
        """
        digest = manifest.config_digest
        if not digest:
            return ""
        answer = self._get(endpoint, f"blobs/{digest}", "*/*")
        if answer.status != 200:
            raise self._refusal(endpoint, answer, digest)
        try:
            return config_platform(answer.body, digest)
        except ManifestError as error:
            raise RegistryError("WrongContent", f"{endpoint.registry} is not to be trusted here: {error}") from None

    def _get(self, endpoint: Endpoint, path: str, accept: str) -> Answer:
        url = f"{endpoint.base}/v2/{endpoint.path}/{path}"
        key = (endpoint.host, endpoint.path)
        known = self._authorizations.get(key, "")
        answer = self._transport.send(url, _headers(accept, known), endpoint.settings)
        # Another host that a redirect led to may ask for credentials, too; they are not for it.
        if answer.status != 401 or answer.is_elsewhere:
            return answer
        challenge = choose(parse_challenges(answer.headers.get("www-authenticate", [])))
        authorization = self._authorize(endpoint, challenge) if challenge else ""
        if not authorization:
            return answer
        self._authorizations[key] = authorization
        return self._transport.send(url, _headers(accept, authorization), endpoint.settings)

    def _authorize(self, endpoint: Endpoint, challenge: Challenge) -> str:
        """Value of the ``Authorization`` header that a challenge asks for; empty if there is nothing to say."""
        credentials = self._who(endpoint)
        if challenge.scheme == "basic":
            return credentials.basic
        realm = challenge.parameters["realm"]
        if not self._endpoints.may_be_plain(realm):
            raise RegistryError(
                "Unauthorized",
                f"{endpoint.registry} sends to {realm!r:.200} for a token, which is not https; nothing was sent there",
            )
        parameters = {"scope": challenge.parameters.get("scope") or f"repository:{endpoint.path}:pull"}
        if challenge.parameters.get("service"):
            parameters["service"] = challenge.parameters["service"]
        if credentials.identity_token:
            form = {"grant_type": "refresh_token", "refresh_token": credentials.identity_token}
            answer = self._transport.send(
                realm, _headers("*/*"), endpoint.settings, {**form, "client_id": _CLIENT_ID, **parameters}
            )
        else:
            separator = "&" if urlsplit(realm).query else "?"
            url = f"{realm}{separator}{urlencode(parameters)}"
            answer = self._transport.send(url, _headers("*/*", credentials.basic), endpoint.settings)
        return f"Bearer {_token(answer, endpoint, realm, credentials)}"

    def _who(self, endpoint: Endpoint) -> Credentials:
        # Under the lock, so that a helper, which may ask a person, is run once.
        with self._lock:
            key = (endpoint.registry, endpoint.path)
            if key not in self._credentials:
                self._credentials[key] = credentials_for(endpoint, self._config)
            return self._credentials[key]

    def _refusal(self, endpoint: Endpoint, answer: Answer, wanted: str) -> RegistryError:
        used = self._credentials.get((endpoint.registry, endpoint.path), ANONYMOUS)
        return refusal(answer.status, answer.body, endpoint.registry, endpoint.path, wanted, used.source)


def _headers(accept: str, authorization: str = "") -> Mapping[str, str]:
    return {"Accept": accept} | ({"Authorization": authorization} if authorization else {})


def _token(answer: Answer, endpoint: Endpoint, realm: str, credentials: Credentials) -> str:
    host = urlsplit(realm).netloc
    if answer.status in (400, 401, 403):
        who = "without credentials" if credentials is ANONYMOUS else f"with the credentials of {credentials.source}"
        raise RegistryError(
            "Unauthorized",
            f"{endpoint.registry} wants a token of {host}, which gives none {who} ({answer.status}); log in with "
            "docker login, or give username and password in registries",
            answer.status,
        )
    try:
        body = json.loads(answer.body)
        token = body.get("token") or body.get("access_token")
    except (ValueError, AttributeError, RecursionError):
        token = None
    if answer.status != 200 or not isinstance(token, str):
        what = f"{endpoint.registry} wants a token of {host}, which answers {answer.status} without one"
        raise RegistryError("NotARegistry" if answer.status < 429 else "Busy", what, answer.status)
    return token
