# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves where registries are asked."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.endpoints import (
    Endpoints,
    Settings,
    read_settings,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.references import parse_reference

SITE = [
    Settings("quay.io", mirror="mirror.example.com:5000/quay"),
    Settings("gcr.io", mirror="docker.io"),
    Settings("mirror.example.com:5000", plain_http=True),
    Settings("127.0.0.1:5000", plain_http=True),
]


@pytest.mark.parametrize(
    ("image", "registry", "base", "path"),
    [
        ("nvcr.io/nvidia/x:1", "nvcr.io", "https://nvcr.io", "nvidia/x"),
        ("docker.io/falcosecurity/falco:1", "docker.io", "https://registry-1.docker.io", "falcosecurity/falco"),
        ("127.0.0.1:5000/x:1", "127.0.0.1:5000", "http://127.0.0.1:5000", "x"),
        ("127.0.0.1:5001/x:1", "127.0.0.1:5001", "https://127.0.0.1:5001", "x"),
        ("quay.io/a/b:1", "mirror.example.com:5000", "http://mirror.example.com:5000", "quay/a/b"),
        ("gcr.io/a/b:1", "docker.io", "https://registry-1.docker.io", "a/b"),
    ],
)
def test_an_image_is_asked_for_where_its_registry_or_the_mirror_is(
    image: str, registry: str, base: str, path: str
) -> None:
    endpoint = Endpoints(SITE).of(parse_reference(image))
    assert (endpoint.registry, endpoint.base, endpoint.path) == (registry, base, path)


@pytest.mark.parametrize(
    ("url", "accepted"),
    [
        ("https://anywhere.example.com/token", True),
        ("http://127.0.0.1:5000/token", True),
        ("http://127.0.0.1/token", False),
        ("http://127.0.0.1:5000@evil.example.com/token", False),
        ("http://quay.io/token", False),
        ("ftp://127.0.0.1:5000/token", False),
        ("file:///etc/passwd", False),
        ("//127.0.0.1:5000/token", False),
    ],
)
def test_only_registries_named_for_it_are_asked_without_tls(url: str, accepted: bool) -> None:
    assert Endpoints(SITE).may_be_plain(url) is accepted


def test_options_that_are_not_given_take_their_defaults() -> None:
    given = {"name": "a.b", "mirror": None, "username": None, "password": None, "ca_cert": None, "plain_http": False}
    assert read_settings([given]) == [Settings("a.b")]


def test_a_password_is_not_in_what_python_prints_of_the_settings() -> None:
    assert "secret" not in repr(Settings("a.b", username="u", password="secret"))
