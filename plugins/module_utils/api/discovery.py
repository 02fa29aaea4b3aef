# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kinds the API server serves, and under which path. Kept in memory for one module run, never on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError


@dataclass(frozen=True)
class Resource:
    """A kind as the server serves it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def group(self) -> str:
        """API group, empty for the core group."""
        return self.api_version.rpartition("/")[0]

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """URL path of the collection in a namespace (or of the whole cluster), or of one object in it."""
        path = version_path(self.api_version)
        if self.namespaced and namespace:
            path += f"/namespaces/{namespace}"
        path += f"/{self.plural}"
        return f"{path}/{name}" if name else path


def version_path(api_version: str) -> str:
    """URL path of a group version: ``v1`` is /api/v1, ``apps/v1`` is /apis/apps/v1."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


class Discovery:
    """Looks kinds up, one request for each group version that is asked for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._versions: dict[str, dict[str, Resource]] = {}

    def load(self, api_versions: set[str]) -> None:
        """Read several group versions at once."""
        missing = sorted(api_versions - self._versions.keys())
        self._versions.update(zip(missing, self._client.map(self._read, missing), strict=True))

    def find(self, api_version: str, kind: str) -> Resource | None:
        """The resource of a kind, or None where the server does not serve it."""
        self.load({api_version})
        return self._versions[api_version].get(kind)

    def forget(self, api_versions: set[str]) -> None:
        """Read these group versions again when they are next asked for: a CRD may have added to them."""
        for api_version in api_versions:
            self._versions.pop(api_version, None)

    def hint(self, api_version: str, kind: str) -> str:
        """What to write instead of a kind that is not served: the versions that do serve it, if any."""
        group = api_version.rpartition("/")[0]
        if not group:
            return "Check the spelling of kind and apiVersion."
        try:
            served = self._client.get(f"/apis/{group}").body
        except ApiError:
            return f"The server has no API group {group!r}. Install what provides it, or check the spelling."
        others = [str(version["groupVersion"]) for version in served.get("versions", [])]
        offering = [version for version in others if version != api_version and self.find(version, kind)]
        if offering:
            return f"It is served as {', '.join(offering)}."
        return f"The server's versions of {group} are {', '.join(others)}; none has {kind}."

    def _read(self, api_version: str) -> dict[str, Resource]:
        try:
            document = self._client.get(version_path(api_version)).body
        except ApiError as error:
            if error.status == 404:
                return {}
            raise
        return _resources(api_version, document)


def _resources(api_version: str, document: dict[str, Any]) -> dict[str, Resource]:
    """Index an APIResourceList by kind, without subresources."""
    return {
        entry["kind"]: Resource(api_version, entry["kind"], entry["name"], bool(entry["namespaced"]))
        for entry in document.get("resources", [])
        if "/" not in entry["name"]
    }
