# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves how challenges of registries are read, and which is answered."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.challenges import (
    Challenge,
    choose,
    parse_challenges,
)

HUB = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull"'


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            [HUB],
            [
                Challenge(
                    "bearer",
                    {
                        "realm": "https://auth.docker.io/token",
                        "service": "registry.docker.io",
                        "scope": "repository:a/b:pull",
                    },
                )
            ],
        ),
        (['Basic realm="Registry Realm"'], [Challenge("basic", {"realm": "Registry Realm"})]),
        (["BASIC Realm=x"], [Challenge("basic", {"realm": "x"})]),
        (['Bearer realm="a", scope="r:x:pull,push"'], [Challenge("bearer", {"realm": "a", "scope": "r:x:pull,push"})]),
        (['Bearer realm="a\\"b"'], [Challenge("bearer", {"realm": 'a"b'})]),
        (
            ['Basic realm="a", Bearer realm="b",service=c'],
            [Challenge("basic", {"realm": "a"}), Challenge("bearer", {"realm": "b", "service": "c"})],
        ),
        (["Negotiate", "Basic realm=a"], [Challenge("negotiate", {}), Challenge("basic", {"realm": "a"})]),
        (["Negotiate, Basic realm=a"], [Challenge("negotiate", {}), Challenge("basic", {"realm": "a"})]),
        ([""], []),
        (['"'], []),
        ([], []),
    ],
)
def test_challenges_are_read_from_all_headers(headers: list[str], expected: list[Challenge]) -> None:
    assert parse_challenges(headers) == expected


@pytest.mark.parametrize(
    ("headers", "scheme"),
    [
        (['Basic realm="a"', HUB], "bearer"),
        (['Bearer service="no realm"', 'Basic realm="a"'], "basic"),
        (['Bearer service="no realm"'], None),
        (["Negotiate"], None),
    ],
)
def test_a_token_goes_before_the_password(headers: list[str], scheme: str | None) -> None:
    chosen = choose(parse_challenges(headers))
    assert (chosen.scheme if chosen else None) == scheme


def test_a_header_of_any_length_is_read_in_linear_time() -> None:
    header = "Bearer " + 'realm="a", ' * 50_000
    assert parse_challenges([header]) == [Challenge("bearer", {"realm": "a"})]
