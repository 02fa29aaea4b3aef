# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that only the very file that was meant is ever used, wherever it comes from, and that it is fetched once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.pinned_file import Pinned, read_pinned

CONTENT = b"kind: CustomResourceDefinition\n"
SUM = hashlib.sha256(CONTENT).hexdigest()


class Site(HTTPServer):
    """A web server that counts."""

    asked: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked += 1
        found = self.path.startswith("/bundle.yaml")
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(CONTENT if found else b"no")

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Site(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def refusal(file: Pinned, cache: Path) -> str:
    with pytest.raises(HardeningError) as caught:
        read_pinned(file, cache)
    return caught.value.message


def test_a_download_is_fetched_once(site: Site, tmp_path: Path) -> None:
    file = Pinned(f"{site.url}/bundle.yaml", SUM, allow_http=True)
    assert [read_pinned(file, tmp_path / "cache") for _time in range(2)] == [CONTENT, CONTENT]
    assert site.asked == 1
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [SUM]


def test_a_broken_copy_is_fetched_again(site: Site, tmp_path: Path) -> None:
    (tmp_path / SUM).write_bytes(b"kind: Cust")
    assert read_pinned(Pinned(f"{site.url}/bundle.yaml", SUM, allow_http=True), tmp_path) == CONTENT
    assert site.asked == 1
    assert (tmp_path / SUM).read_bytes() == CONTENT


def test_a_folder_that_cannot_be_written_to_is_no_obstacle(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert read_pinned(Pinned(f"{site.url}/bundle.yaml", SUM, allow_http=True), tmp_path / "file" / "cache") == CONTENT


def test_another_file_is_refused_and_not_kept(site: Site, tmp_path: Path) -> None:
    message = refusal(Pinned(f"{site.url}/bundle.yaml?token=t0ken", "0" * 64, allow_http=True), tmp_path)
    assert f"{site.url}/bundle.yaml has the SHA-256 {SUM}, and {'0' * 64} is expected" in message
    assert "t0ken" not in message
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_this_machine_is_held_to_the_same_sum(tmp_path: Path) -> None:
    path = tmp_path / "bundle.yaml"
    path.write_bytes(CONTENT)
    assert read_pinned(Pinned(str(path), SUM), tmp_path) == CONTENT
    assert f"{path} has the SHA-256 {SUM}, and {'1' * 64} is expected" in refusal(Pinned(str(path), "1" * 64), tmp_path)


@pytest.mark.parametrize(
    ("source", "sha256", "problem"),
    [
        ("http://127.0.0.1:1/x", SUM, "The address http://127.0.0.1:1/x has no TLS; use https."),
        ("ftp://127.0.0.1/x", SUM, "The address ftp://127.0.0.1/x cannot be fetched; use https, or an absolute path."),
        ("https://127.0.0.1:1/x", SUM, "https://127.0.0.1:1/x cannot be fetched: "),
        ("https://me:pw@127.0.0.1:1/x", SUM, "https://127.0.0.1:1/x cannot be fetched: "),
        ("bundle.yaml", SUM, "The path 'bundle.yaml' is not absolute"),
        ("/nowhere/bundle.yaml", SUM, "The file /nowhere/bundle.yaml cannot be read: No such file or directory."),
        ("/nowhere/bundle.yaml", "abc", "The SHA-256 of /nowhere/bundle.yaml must be 64 of 0-9 a-f"),
        ("/nowhere/bundle.yaml", SUM.upper(), "must be 64 of 0-9 a-f"),
    ],
)
def test_bad_sources_are_refused(source: str, sha256: str, problem: str, tmp_path: Path) -> None:
    assert problem in refusal(Pinned(source, sha256), tmp_path)


def test_a_page_that_is_not_there_is_no_file(site: Site, tmp_path: Path) -> None:
    message = refusal(Pinned(f"{site.url}/none", SUM, allow_http=True), tmp_path)
    assert f"{site.url}/none cannot be fetched: the server answers 404. Check the address and the proxy" in message
