# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who to be at a registry: what a user gives, or what ``docker login`` and ``podman login`` have stored.

Source: https://docs.docker.com/reference/cli/docker/login/ and containers-auth.json(5)
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.endpoints import Endpoint

_DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")
_DOCKER_HUB_KEY = "https://index.docker.io/v1/"
_IDENTITY = "<token>"
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
HELPER_SECONDS = 30.0


@dataclass(frozen=True)
class Credentials:
    """A user and a password, or a token that stands for both.

    Attributes:
        source: where they are from, for messages.
        username: empty if there is an identity token.
        password: of the user.
        identity_token: to be exchanged for a token of a repository.
    """

    source: str
    username: str = ""
    password: str = ""
    identity_token: str = ""

    def __repr__(self) -> str:
        return f"Credentials({self.source!r})"  # without what is secret

    @property
    def basic(self) -> str:
        """Value of an ``Authorization`` header; empty if there is no password."""
        if not self.username:
            return ""
        return f"Basic {base64.b64encode(f'{self.username}:{self.password}'.encode()).decode()}"


ANONYMOUS = Credentials("none")


@dataclass(frozen=True)
class DockerConfig:
    """The file that ``docker login`` writes.

    Attributes:
        path: where it is, for messages.
        content: parsed; empty if there is no such file.
    """

    path: str
    content: Mapping[str, Any]

    def helper(self, registry: str) -> str:
        """Name of the credential helper of a registry; empty if it has none."""
        helpers = self._mapping("credHelpers")
        for key in _keys(registry, ""):
            if helpers.get(key):
                return str(helpers[key])
        return str(self.content.get("credsStore") or "")

    def stored(self, registry: str, path: str) -> Credentials | None:
        """What the file itself has for a repository, or for the registry.

        Podman's keys may name a repository. Docker's are of a host, whatever stands before and behind it; so a key
        that fits only by its host comes last.

        Raises:
            HardeningError: there is an entry, but it cannot be read.
        """
        entries = self._mapping("auths")
        exact = [key for key in _keys(registry, path) if key in entries]
        names = set(_keys(registry, ""))
        same_host = [key for key in sorted(entries, key=_path_of) if _host_of(key) in names]
        for key in dict.fromkeys([*exact, *same_host]):
            entry = entries[key]
            if isinstance(entry, Mapping) and (found := self._entry(key, entry)):
                return found
        return None

    def _entry(self, key: str, entry: Mapping[str, Any]) -> Credentials | None:
        if entry.get("identitytoken"):
            return Credentials(self.path, identity_token=str(entry["identitytoken"]))
        if entry.get("username") and entry.get("password"):
            return Credentials(self.path, str(entry["username"]), str(entry["password"]))
        if not entry.get("auth"):
            return None
        try:
            username, colon, password = base64.b64decode(str(entry["auth"]), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            username = colon = ""
        if not username or not colon:
            raise HardeningError(
                f"{self.path}: auth of {key} is not the base64 of user:password; log in to that registry again"
            )
        return Credentials(self.path, username, password.rstrip("\0"))

    def _mapping(self, key: str) -> Mapping[str, Any]:
        value = self.content.get(key) or {}
        if not isinstance(value, Mapping):
            raise HardeningError(f"{self.path}: {key} must be an object")
        return value


def find_docker_config(path: str, environment: Mapping[str, str]) -> DockerConfig:
    """Read the configuration of Docker: the one given, or else where Docker keeps it.

    Raises:
        HardeningError: the file that was given does not exist, or it is not JSON.
    """
    folder = Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME") or Path.home()) / ".docker")
    file = Path(path) if path else folder / "config.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if path:
            raise HardeningError(f"docker_config: {path} does not exist") from None
        content = {}
    except OSError as error:
        raise HardeningError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        # Without the text of the error, as it may quote the file.
        raise HardeningError(f"{file} is not JSON, as the configuration of Docker must be") from None
    if not isinstance(content, dict):
        raise HardeningError(f"{file} is not a JSON object, as the configuration of Docker must be")
    return DockerConfig(str(file), content)


def credentials_for(endpoint: Endpoint, config: DockerConfig) -> Credentials:
    """Who to be at a registry: the user's own word, then a credential helper, then the file, then nobody.

    Raises:
        HardeningError: a helper is missing or fails, or the file is broken.
    """
    settings = endpoint.settings
    if settings.username:
        return Credentials("registries", settings.username, settings.password)
    helper = config.helper(endpoint.registry)
    found = ask_helper(helper, endpoint.registry, config.path) if helper else None
    return found or config.stored(endpoint.registry, endpoint.path) or ANONYMOUS


def ask_helper(helper: str, registry: str, config: str) -> Credentials | None:
    """Run ``docker-credential-<helper> get``; None if it knows the registry not.

    Raises:
        HardeningError: it is missing or fails. Its output is never shown.
    """
    program = f"docker-credential-{helper}"
    found = shutil.which(program) if _HELPER.fullmatch(helper) else None
    if found is None:
        raise HardeningError(f"{config} names the credential helper {program!r}, which is not on the PATH")
    server = _DOCKER_HUB_KEY if registry in _DOCKER_HUB else registry
    try:
        done = subprocess.run(
            [found, "get"], input=server, capture_output=True, text=True, timeout=HELPER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HardeningError(f"{program} did not answer for {server}: {type(error).__name__}") from None
    if done.returncode:
        if "credentials not found" in done.stdout + done.stderr:
            return None
        raise HardeningError(
            f"{program} failed for {server} with exit code {done.returncode}; try: echo {server} | {program} get"
        )
    try:
        answer = json.loads(done.stdout)
        username, secret = answer["Username"], answer["Secret"]
    except (ValueError, KeyError, TypeError):
        raise HardeningError(f"{program} answers something else than Username and Secret for {server}") from None
    if username == _IDENTITY:
        return Credentials(program, identity_token=secret)
    return Credentials(program, username, secret)


def _keys(registry: str, path: str) -> Iterator[str]:
    """What an entry for a repository may be called, the most exact first."""
    for name in _DOCKER_HUB if registry in _DOCKER_HUB else (registry,):
        parts = path.split("/") if path else []
        yield from ("/".join((name, *parts[:length])) for length in range(len(parts), 0, -1))
        yield name
    if registry in _DOCKER_HUB:
        yield _DOCKER_HUB_KEY


def _host_of(key: str) -> str:
    """``https://registry.example.com/v1/`` and ``registry.example.com/v1/`` are about ``registry.example.com``."""
    return key.rpartition("://")[2].partition("/")[0].rpartition("@")[2]


def _path_of(key: str) -> tuple[bool, str]:
    """By this the keys of one host are sorted: those of its API before those of a path of repositories."""
    path = key.rpartition("://")[2].partition("/")[2].strip("/")
    return path not in ("", "v1", "v2"), key
