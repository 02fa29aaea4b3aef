# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves which proxy is taken, which not, and that its password is nowhere to be seen."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.proxies import find_proxy, goes_direct
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError


@pytest.mark.parametrize(
    ("server", "given", "environment", "url"),
    [
        ("https://lab", "", {}, None),
        ("https://lab", "", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://lab", "", {"https_proxy": "p:1"}, "http://p:1"),
        ("https://lab", "", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://lab", "", {"HTTP_PROXY": "http://p:1"}, "http://p:1"),
        ("https://lab", "", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "lab"}, None),
        ("https://127.0.0.1:6443", "", {"HTTPS_PROXY": "http://p:1"}, None),
        ("https://lab", "http://q:2", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, "http://q:2"),
        ("https://lab", "socks5://q:2", {}, "socks5h://q:2"),
        ("https://lab", "http://[fd00::1]:3128/", {}, "http://[fd00::1]:3128"),
    ],
)
def test_proxies_are_chosen_as_client_go_does(
    server: str, given: str, environment: dict[str, str], url: str | None
) -> None:
    proxy = find_proxy(server, given, environment)
    assert (proxy.url if proxy else None) == url


@pytest.mark.parametrize(
    ("excluded", "direct"),
    [
        ("", False),
        ("other, LAB.example.org", True),
        ("example.org", True),
        (".example.org", True),
        ("*.example.org", True),
        ("ample.org", False),
        ("lab.example.org:6443", True),
        ("lab.example.org:443", False),
        ("10.0.0.0/8", False),
    ],
)
def test_names_are_excluded_with_what_is_below_them(excluded: str, direct: bool) -> None:
    assert goes_direct("https://lab.example.org:6443", excluded) is direct


@pytest.mark.parametrize(
    ("excluded", "direct"),
    [("10.0.0.0/8", True), ("10.1.2.3", True), ("10.1.2.3:6443", True), ("10.1.2.3:1", False), ("0.1.2.3", False)],
)
def test_addresses_are_excluded_by_network(excluded: str, direct: bool) -> None:
    assert goes_direct("https://10.1.2.3:6443", excluded) is direct


def test_user_and_password_of_a_proxy_are_a_header_and_not_seen() -> None:
    proxy = find_proxy("https://lab", "http://ann:p%40ss@proxy:3128", {})
    assert proxy is not None
    assert (proxy.url, proxy.authorization) == ("http://proxy:3128", "Basic YW5uOnBAc3M=")
    assert "p@ss" not in repr(proxy)


@pytest.mark.parametrize("given", ["ftp://ann:secret@proxy", "http://", "socks9://x"])
def test_what_is_no_proxy_is_refused_without_showing_it(given: str) -> None:
    with pytest.raises(HardeningError, match=r"proxy-url of the kubeconfig must be .* socks5") as caught:
        find_proxy("https://lab", given, {})
    assert "secret" not in str(caught.value)
