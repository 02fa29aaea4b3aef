# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a registry is asked, and what its user says about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.references import HOST, PATH, Reference

REAL_HOSTS = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}
"""Registries whose API is at another host than their name."""


@dataclass(frozen=True)
class Settings:
    """What a user says about one registry.

    Attributes:
        name: as it stands in references.
        mirror: registry to ask in its stead, with a path if its copies are below one.
        plain_http: ask without TLS.
        ca_cert: path of a certificate authority to trust beside those of the system.
        username: empty to look into the configuration of Docker.
        password: of the user.
    """

    name: str
    mirror: str = ""
    plain_http: bool = False
    ca_cert: str = ""
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Settings({self.name!r})"  # without the password


@dataclass(frozen=True)
class Endpoint:
    """Where one repository is asked for.

    Attributes:
        settings: of the registry that is really asked.
        host: of its API.
        path: of the repository there.
    """

    settings: Settings
    host: str
    path: str

    @property
    def registry(self) -> str:
        """The registry that is really asked, as credentials call it."""
        return self.settings.name

    @property
    def base(self) -> str:
        """Address of the API."""
        return f"{'http' if self.settings.plain_http else 'https'}://{self.host}"


class Endpoints:
    """All registries that a user says something about."""

    def __init__(self, settings: Iterable[Settings]) -> None:
        self._settings = {entry.name: entry for entry in settings}

    def of(self, reference: Reference) -> Endpoint:
        """Where to ask for an image. Of a mirror, only what is said about the mirror itself counts."""
        settings = self._settings.get(reference.registry, Settings(reference.registry))
        path = reference.path
        if settings.mirror:
            host, _slash, prefix = settings.mirror.partition("/")
            settings = self._settings.get(host, Settings(host))
            path = f"{prefix}/{path}" if prefix else path
        return Endpoint(settings, REAL_HOSTS.get(settings.name, settings.name), path)

    def may_be_plain(self, url: str) -> bool:
        """Whether an address is one that may be asked without TLS, or has TLS."""
        parts = urlsplit(url)
        plain = {entry.name for entry in self._settings.values() if entry.plain_http}
        return parts.scheme == "https" or (parts.scheme == "http" and parts.netloc in plain)


def read_settings(entries: Iterable[Mapping[str, Any]]) -> list[Settings]:
    """The option ``registries`` of a module.

    Raises:
        HardeningError: with everything that is wrong.
    """
    problems = []
    found: dict[str, Settings] = {}
    for entry in entries:
        given = {name: value for name, value in entry.items() if value is not None}
        settings = Settings(**given)
        problem = _problem(settings)
        if settings.name in found:
            problem = "is there twice; put all that is said about a registry into one entry"
        if problem:
            problems.append(f"{settings.name}: {problem}")
        found[settings.name] = settings
    if problems:
        raise HardeningError(join_failures("registries", problems))
    return list(found.values())


def _problem(settings: Settings) -> str:
    if not HOST.fullmatch(settings.name):
        return "is no registry, such as registry.example.com:5000; leave out https:// and any path"
    host, slash, path = settings.mirror.partition("/")
    if settings.mirror and (not HOST.fullmatch(host) or (slash and not PATH.fullmatch(path))):
        return f"the mirror {settings.mirror!r} is no registry, such as registry.example.com:5000 or .../mirror"
    if settings.mirror and (settings.username or settings.plain_http or settings.ca_cert):
        return f"it is never asked, as {settings.mirror} is; say the rest about {host} in an entry of its own"
    if bool(settings.username) != bool(settings.password):
        return "username and password must be given together"
    return ""
