# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports stay as long as they can."""

from __future__ import annotations

import socket

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.ports import (
    CANDIDATES,
    assign_ports,
    is_free,
)


def test_remembered_ports_are_kept_when_ours_or_free() -> None:
    ports = assign_ports(["a", "b"], {"a": 1, "b": 2}, lambda name: name == "a", lambda port: port == 2)
    assert ports == {"a": 1, "b": 2}


def test_a_port_that_somebody_else_has_taken_is_replaced() -> None:
    ports = assign_ports(["a", "b"], {"a": 1, "b": 2}, lambda _name: False, lambda port: port != 1)
    assert ports["a"] in CANDIDATES
    assert ports["b"] == 2


def test_all_ports_differ() -> None:
    ports = assign_ports("abcdef", {"a": 7, "b": 7}, lambda _name: False, lambda _port: True)
    assert len(set(ports.values())) == 6


def test_no_free_port_is_an_error() -> None:
    with pytest.raises(HardeningError, match="No free loopback port"):
        assign_ports(["a"], {}, lambda _name: False, lambda _port: False)


def test_a_port_with_a_listener_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)
