# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person is to read is short, and holds all that was seen."""

from __future__ import annotations

import ipaddress
from pathlib import PurePosixPath

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.profile_bounds import (
    MOST,
    few_folders,
    few_networks,
)


@pytest.mark.parametrize(
    ("folders", "few"),
    [
        ([], []),
        (["/srv/a", "/var/log"], ["/srv/a", "/var/log"]),
        (["/srv/a/b", "/srv/a"], ["/srv/a"]),
        (["/tmp/tmpab12/x", "/tmp", "/dev/shm/y", "/run/z"], ["/dev/shm", "/run", "/tmp"]),
        (["/tmpfs/x"], ["/tmpfs/x"]),
        ([f"/root/.triton/cache/{name}" for name in "abcde"], ["/root/.triton/cache"]),
        ([f"/root/.triton/cache/{name}" for name in "abcd"], [f"/root/.triton/cache/{name}" for name in "abcd"]),
        ([f"/c/{name}/{name}/d" for name in "abcde"], ["/c"]),
        (["relative", ""], []),
        (["/"], ["/"]),
    ],
)
def test_folders_beside_each_other_become_the_one_above(folders: list[str], few: list[str]) -> None:
    assert few_folders(folders) == few


def test_there_are_never_more_folders_than_can_be_read() -> None:
    written = [f"/a{top}/b{below}/c" for top in range(8) for below in range(3)]
    few = few_folders(written)
    assert few == [f"/a{top}" for top in range(8)]
    assert few_folders(f"/a{top}" for top in range(MOST + 1)) == ["/"]
    assert all(any(PurePosixPath(path).is_relative_to(folder) for folder in few) for path in written)


@pytest.mark.parametrize(
    ("addresses", "few"),
    [
        (["10.0.0.1", "10.0.0.9"], ["10.0.0.0/24"]),
        (["10.0.0.1", "2001:db8::1", "2001:db8::2"], ["10.0.0.0/24", "2001:db8::/64"]),
        ([f"10.0.{third}.1" for third in range(MOST)], [f"10.0.{third}.0/24" for third in range(MOST)]),
        ([f"10.0.{third}.1" for third in range(MOST + 1)], ["10.0.0.0/16"]),
        ([f"10.{second}.0.1" for second in range(MOST + 1)], ["10.0.0.0/8"]),
        (["", "no address"], []),
    ],
)
def test_networks_are_as_wide_as_makes_them_few(addresses: list[str], few: list[str]) -> None:
    assert few_networks(addresses) == few
    networks = [ipaddress.ip_network(network) for network in few]
    assert all(any(ipaddress.ip_address(one) in network for network in networks) for one in addresses if "1" in one)
