# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real registry, that of the CNCF Distribution project, and a client of the tests' own that pushes to it."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import os
import re
import ssl
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server_programs import listening, server_program

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
USER = "puller"
PASSWORD = "correct-horse"
HTPASSWD = f"{USER}:$2a$05$u5tnKF53guZQ584ZccWhgu61gx4vtn/zvV7371a2j/fWVSOk1nx.e\n"  # bcrypt of PASSWORD
LISTENING = re.compile(r"listening on [^:]+:(\d+)")


@contextmanager
def running_registry(folder: Path, **settings: Any) -> Iterator[Registry]:
    """Run a registry on loopback that keeps everything in memory.

    ``settings`` are more keys of its configuration: ``auth``, ``tls``.
    """
    tls = settings.pop("tls", None)
    configuration = {
        "version": 0.1,
        "log": {"formatter": "json"},
        "storage": {"inmemory": {}},
        "http": {"addr": "127.0.0.1:0", "secret": "test"} | ({"tls": tls} if tls else {}),
        **settings,
    }
    file = folder / "registry.json"  # JSON is YAML
    file.write_text(json.dumps(configuration), encoding="utf-8")
    log = folder / "registry.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [str(server_program("registry")), "serve", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield Registry(f"127.0.0.1:{listening(process, log, LISTENING)}", is_tls=tls is not None)
    finally:
        process.terminate()
        process.wait(timeout=30)


@dataclass(frozen=True)
class Registry:
    """A registry, by its address, and how to push to it."""

    name: str
    is_tls: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    def push_image(self, repository: str, tag: str, platform: str, docker: bool = False, content: str = "") -> Pushed:
        """Push an image of one platform."""
        manifest = self._image(repository, platform, docker, content)
        return self._push(repository, tag, manifest["mediaType"], manifest)

    def push_index(
        self, repository: str, tag: str, platforms: Sequence[str], docker: bool = False, content: str = ""
    ) -> Pushed:
        """Push an image of several platforms, and an attestation, which has none."""
        entries = []
        for platform in [*platforms, "unknown/unknown"]:
            manifest = self._image(repository, platform, docker, content)
            pushed = self._push(repository, "", manifest["mediaType"], manifest)
            system, architecture, *variant = platform.split("/")
            place = {"os": system, "architecture": architecture} | ({"variant": variant[0]} if variant else {})
            entries.append(
                {"mediaType": pushed.media_type, "digest": pushed.digest, "size": pushed.size, "platform": place}
            )
        media_type = DOCKER_LIST if docker else OCI_INDEX
        return self._push(
            repository, tag, media_type, {"schemaVersion": 2, "mediaType": media_type, "manifests": entries}
        )

    def push_files(self, repository: str, tag: str, files: Mapping[str, bytes], command: Sequence[str]) -> Pushed:
        """Push an image of these programs, by path, that a container runtime can run on this machine."""
        layer = layer_of(files)
        config = {
            "os": "linux",
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine],
            "config": {"Entrypoint": list(command), "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self._blob(repository, encoded(config), "application/vnd.oci.image.config.v1+json"),
            "layers": [self._blob(repository, layer, "application/vnd.oci.image.layer.v1.tar")],
        }
        return self._push(repository, tag, OCI_MANIFEST, manifest)

    def delete(self, repository: str, reference: str) -> None:
        """Take a manifest away."""
        self.send("DELETE", f"/v2/{repository}/manifests/{reference}", expected=202)

    def send(
        self, method: str, path: str, body: bytes = b"", kind: str = "", expected: int = 201
    ) -> http.client.HTTPResponse:
        """Send one request that must be answered as expected."""
        if self.is_tls:
            context = ssl._create_unverified_context()  # not what is tested
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(self.name, context=context, timeout=30)
        else:
            connection = http.client.HTTPConnection(self.name, timeout=30)
        connection.request(method, path, body, self.headers | ({"Content-Type": kind} if kind else {}))
        response = connection.getresponse()
        text = response.read()
        connection.close()
        assert response.status == expected, f"{method} {path}: {response.status} {text!r}"
        return response

    def _image(self, repository: str, platform: str, docker: bool, content: str) -> dict[str, Any]:
        system, architecture, *variant = platform.split("/")
        config = {"os": system, "architecture": architecture, "rootfs": {"type": "layers", "diff_ids": []}}
        config |= {"variant": variant[0]} if variant else {}
        config |= {"comment": content} if content else {}
        kinds = "application/vnd.docker.container.image.v1+json", "application/vnd.oci.image.config.v1+json"
        return {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST if docker else OCI_MANIFEST,
            "config": self._blob(repository, encoded(config), kinds[0] if docker else kinds[1]),
            "layers": [],
        }

    def _blob(self, repository: str, data: bytes, media_type: str) -> dict[str, Any]:
        location = self.send("POST", f"/v2/{repository}/blobs/uploads/", expected=202).headers["Location"]
        path = location.partition(self.name)[2] if "://" in location else location
        separator = "&" if "?" in path else "?"
        self.send("PUT", f"{path}{separator}digest={digest_of(data)}", data, "application/octet-stream")
        return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}

    def _push(self, repository: str, tag: str, media_type: str, document: Mapping[str, Any]) -> Pushed:
        data = encoded(document)
        digest = digest_of(data)
        self.send("PUT", f"/v2/{repository}/manifests/{tag or digest}", data, media_type)
        return Pushed(f"{self.name}/{repository}:{tag}", digest, media_type, len(data))


@dataclass(frozen=True)
class Pushed:
    """What was pushed."""

    image: str
    digest: str
    media_type: str
    size: int


def basic(user: str = USER, password: str = PASSWORD) -> str:
    """Value of an ``Authorization`` header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def plain(*names: str, **more: Any) -> list[dict[str, Any]]:
    """The option ``registries`` of the module for registries without TLS."""
    return [{"name": name, "plain_http": True, **more} for name in names]


def layer_of(files: Mapping[str, bytes]) -> bytes:
    """A tar of programs, the same bytes for the same files; a value of ``link:PATH`` is a symbolic link."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.mode = 0o755
            if content.startswith(b"link:"):
                entry.type, entry.linkname, content = tarfile.SYMTYPE, content[5:].decode(), b""
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return output.getvalue()


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def encoded(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, indent=1).encode()
