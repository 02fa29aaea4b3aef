# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Vault, and a client of the tests' own, over plain HTTP, that shares no code with what it tests."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server_programs import listening, server_program
from token_server import Pair, make_pair
from vault_audit import VaultAudit
from waiting import wait_for

LISTENING = re.compile(r"^listening on (\S+)$", re.MULTILINE)
Json = dict[str, Any]


@contextmanager
def running_vault(folder: Path) -> Iterator[VaultServer]:
    """Run a Vault on loopback, initialized and unsealed, that keeps everything in ``folder``."""
    server = VaultServer(folder, make_pair(folder, "vault"))
    server.start()
    try:
        server.initialize()
        yield server
    finally:
        server.stop()


class VaultError(AssertionError):
    """Vault refused a request; ``status`` is that of HTTP."""

    def __init__(self, method: str, path: str, status: int, text: str) -> None:
        super().__init__(f"{method} {path}: {status} {text}")
        self.status = status
        self.text = text


@dataclass
class VaultServer:
    """A Vault that can be sealed, stopped and started again at the same address.

    Attributes:
        folder: where its storage, its logs and its certificate are.
        pair: the certificate, which is its own CA, and its key.
        url: such as ``https://127.0.0.1:35123``.
        root_token: may do everything.
        unseal_key: the only one.
    """

    folder: Path
    pair: Pair
    url: str = ""
    root_token: str = field(default="", repr=False)
    unseal_key: str = field(default="", repr=False)
    process: subprocess.Popen[bytes] | None = None

    @property
    def ca_cert(self) -> Path:
        """What its certificate is checked with."""
        return self.pair.certificate

    @property
    def audit_log(self) -> Path:
        """Its audit log: one line when a request arrives and one when it is answered, before the client reads that."""
        return self.folder / "audit.log"

    @property
    def audit(self) -> VaultAudit:
        """What it is asked for from here on."""
        return VaultAudit(self.audit_log)

    def request(self, method: str, path: str, body: Json | None = None, token: str | None = None) -> Json:
        """Send one request that must succeed, as root unless with another ``token``; ``path`` is that after /v1/.

        Raises:
            VaultError: Vault refused it.
            urllib.error.URLError: it cannot be reached.
        """
        sent = self.root_token if token is None else token
        call = urllib.request.Request(
            f"{self.url}/v1/{path}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"} | ({"X-Vault-Token": sent} if sent else {}),
            method=method,
        )
        context = ssl.create_default_context(cafile=str(self.ca_cert))
        try:
            with urllib.request.urlopen(call, timeout=30, context=context) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            raise VaultError(method, path, error.code, error.read().decode()) from None
        return json.loads(text) if text else {}

    def enable_kv(self, mount: str, version: int = 2) -> None:
        """Mount a KV engine and wait until it can be written to, which takes version 2 a moment."""
        self.request("POST", f"sys/mounts/{mount}", {"type": "kv", "options": {"version": str(version)}})
        if version == 2:
            self._wait_while(400, f"{mount}/config", self.root_token)

    def put(self, mount: str, path: str, **values: str) -> None:
        """Write a secret of a KV engine of version 2, as a new version."""
        self.request("POST", f"{mount}/data/{path}", {"data": values})

    def get(self, mount: str, path: str) -> Json:
        """Its latest version: the values and ``metadata``."""
        return dict(self.request("GET", f"{mount}/data/{path}")["data"])

    def login(self, auth_mount: str, role: str, jwt: str) -> str:
        """The token that Vault gives for the token of a Kubernetes account."""
        answer = self.request("POST", f"auth/{auth_mount}/login", {"role": role, "jwt": jwt}, token="")
        return str(answer["auth"]["client_token"])

    def seal(self) -> None:
        """Seal it: from then on it answers 503."""
        self.request("PUT", "sys/seal")

    def unseal(self) -> None:
        """Unseal it, if it is sealed, and wait until it serves."""
        self.request("PUT", "sys/unseal", {"key": self.unseal_key}, token="")
        self._wait_while(503, "sys/health", "")

    def start(self) -> None:
        """Start it, at the address it had before. As every Vault it is sealed then."""
        log = self.folder / "vault.log"
        offset = log.stat().st_size if log.exists() else 0
        address = self.url.removeprefix("https://") or "127.0.0.1:0"
        command = [str(server_program("vault")), "-data", str(self.folder / "data"), "-listen", address]
        command += ["-certificate", str(self.pair.certificate), "-key", str(self.pair.key)]
        with log.open("ab") as output:
            # In a session of its own: Ctrl-C is for who started it, who still needs it to clean up.
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        self.url = f"https://{listening(self.process, log, LISTENING, offset)}"

    def stop(self) -> None:
        """End it; what it keeps stays."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=60)
            self.process = None

    def initialize(self) -> None:
        """Make the keys, which only this process and a file for its user know, unseal it and let it log requests."""
        keys = self.request("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1}, token="")
        self.root_token, self.unseal_key = keys["root_token"], keys["keys_base64"][0]
        with open(os.open(self.folder / "keys.json", os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
            json.dump({"root_token": self.root_token, "unseal_key": self.unseal_key}, file)
        self.unseal()
        self.request("PUT", "sys/audit/file", {"type": "file", "options": {"file_path": str(self.audit_log)}})

    def _wait_while(self, status: int, path: str, token: str) -> None:
        def answers() -> bool:
            try:
                self.request("GET", path, token=token)
            except VaultError as error:
                if error.status != status:
                    raise
                return False
            return True

        wait_for(answers, f"Vault serves {path}", pause=0.05)
