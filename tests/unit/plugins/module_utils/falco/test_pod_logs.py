# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The logs of pods are read once, whole and bounded, whatever the pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco import pod_logs
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.pod_logs import Wanted, read_pod_logs


class Server:
    """Answers as the API server does: sinceTime counts in seconds, limitBytes may cut a line."""

    def __init__(self, logs: dict[str, list[str] | ApiError]) -> None:
        self.logs, self.requests = logs, 0

    def pages(self, _path: str, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        assert query == {"labelSelector": "a=b"}
        for name in self.logs:
            yield {"items": [{"metadata": {"name": name}}]}

    def map(self, function: Callable[[str], Any], items: Iterable[str]) -> list[Any]:
        return [function(item) for item in items]

    def text(self, path: str, query: Mapping[str, str]) -> str:
        self.requests += 1
        log = self.logs[path.split("/")[-2]]
        if isinstance(log, ApiError):
            raise log
        since = query.get("sinceTime", "")[:19]
        text = "".join(f"{line}\n" for line in log if line[:19] >= since)
        return text[: int(query["limitBytes"])]


def wanted(most: int = 1 << 20) -> Wanted:
    return Wanted("falco", "a=b", "falco", 60, most)


def log(*seconds: int) -> list[str]:
    return [f"2026-11-28T10:00:{second:02}.{number:09}Z line {number}" for number, second in enumerate(seconds)]


@pytest.mark.parametrize("page", [90, 100, 150, 400, 1 << 20])
def test_every_line_is_read_once_whatever_the_size_of_a_page(page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_logs, "PAGE_BYTES", page)
    server = Server({"one": log(*range(10), 10, 10, 10, 11, *range(12, 30)), "two": log(1, 2)})
    one, two = read_pod_logs(server, wanted())  # type: ignore[arg-type]
    assert list(one.lines) == [f"line {number}" for number in range(32)]
    assert list(two.lines) == ["line 0", "line 1"]
    assert not (one.cut or two.cut or one.problem or two.problem)


def test_no_more_is_read_than_wanted_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_logs, "PAGE_BYTES", 200)
    server = Server({"one": log(*range(50))})
    (one,) = read_pod_logs(server, wanted(most=60))  # type: ignore[arg-type]
    assert one.cut
    assert 0 < len(one.lines) <= 10
    assert server.requests < 6


def test_a_pod_whose_log_cannot_be_read_does_not_stop_the_others() -> None:
    refused = ApiError(400, "BadRequest", "container falco is waiting to start")
    one, two = read_pod_logs(Server({"one": refused, "two": log(1)}), wanted())  # type: ignore[arg-type]
    assert (one.problem, one.lines) == ("container falco is waiting to start", ())
    assert two.lines == ("line 0",)
