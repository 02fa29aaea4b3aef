# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words that all formats share."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.wording import (
    date_and_time,
    object_name,
    one_line,
    port_names,
    visible,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\nof two lines", "plain\ttext\nof two lines"),
        ("Grüße, 你好, 🚀", "Grüße, 你好, 🚀"),
        ("a\u202etxt.exe", "a<U+202E>txt.exe"),
        ("zero\u200bwidth", "zero<U+200B>width"),
        ("\x00\x1b[31mred\x7f", "<U+0000><U+001B>[31mred<U+007F>"),
        ("half \ud83d", "half <U+D83D>"),
    ],
)
def test_nothing_in_a_text_hides(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_line_is_one_line() -> None:
    assert one_line("two\n  lines\t") == "two lines"


@pytest.mark.parametrize(
    ("ports", "names"),
    [
        ([(443, None, "TCP")], ["443"]),
        ([("*", None, "TCP"), ("*", None, "TCP")], ["all"]),
        ([("*", None, "TCP"), ("*", None, "UDP"), ("*", None, "SCTP")], ["all"]),
        ([("*", None, "TCP"), ("*", None, "UDP")], ["all", "all/UDP"]),
        ([(53, None, "UDP"), (53, None, "TCP"), (8000, 8100, "TCP")], ["53/UDP", "53", "8000-8100"]),
        ([("grpc", None, "SCTP")], ["grpc/SCTP"]),
    ],
)
def test_ports_are_short(ports: list[tuple[Any, Any, Any]], names: list[str]) -> None:
    assert port_names({"port": port, "end_port": end, "protocol": protocol} for port, end, protocol in ports) == names


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-29T01:00:00Z", "29 Nov 2026, 01:00 UTC"),
        ("2026-11-29T01:00:00+05:30", "28 Nov 2026, 19:30 UTC"),
        ("yesterday", "yesterday"),
        (None, ""),
    ],
)
def test_times_are_in_utc(text: str | None, shown: str) -> None:
    assert date_and_time(text) == shown


def test_the_cluster_itself_has_a_name() -> None:
    assert object_name(None) == "the cluster"
    assert object_name({"api_version": "v1", "kind": "Node", "namespace": None, "name": "gpu-1"}) == "Node gpu-1"
