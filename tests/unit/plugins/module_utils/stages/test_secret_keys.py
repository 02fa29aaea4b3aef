# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Secrets of a stage: defaults, and what is refused with which path."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.secret_keys import read_secrets

TOKEN = {"path": "ml/model-registry", "property": "access-token"}


def a_secret(**changes: object) -> dict[str, object]:
    """The smallest Secret, with changes; None takes a key away."""
    secret = {"name": "credentials", "data": {"token": TOKEN}, **changes}
    return {key: value for key, value in secret.items() if value is not None}


def problems(*secrets: object) -> list[str]:
    """What is wrong with Secrets."""
    entry = Entry("secrets", list(secrets))
    read_secrets(entry)
    return entry.problems


def test_the_smallest_secret_gets_every_default() -> None:
    assert read_secrets(Entry("secrets", [a_secret()])) == [
        {
            "name": "credentials",
            "data": [{"key": "token", "path": "ml/model-registry", "property": "access-token"}],
            "refresh_interval": "1h",
            "creation_policy": "Owner",
            "deletion_policy": "Retain",
            "template": {},
        }
    ]


def test_without_a_property_a_key_is_all_that_is_at_the_path() -> None:
    (secret,) = read_secrets(Entry("secrets", [a_secret(data={"all": {"path": "ml/all"}})]))
    assert secret["data"] == [{"key": "all", "path": "ml/all", "property": ""}]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": None}, "secrets[0]: name is missing"),
        ({"name": "Model_Token"}, "secrets[0].name: Secret 'Model_Token' must be at most 253"),
        ({"data": None}, "secrets[0]: data is missing"),
        ({"data": {}}, "secrets[0].data: names no key"),
        ({"data": ["token"]}, "secrets[0].data: must be a mapping, not a list"),
        ({"data": {"a key": TOKEN}}, "secrets[0].data.a key: a key of a Secret must be"),
        ({"data": {"..": TOKEN}}, "secrets[0].data...: a key of a Secret must be"),
        ({"data": {"token": {"property": "a"}}}, "secrets[0].data.token: path is missing"),
        ({"data": {"token": {"path": "/ml/a"}}}, "secrets[0].data.token.path: '/ml/a' begins or ends with a slash"),
        ({"data": {"token": {"path": "ml//a"}}}, "secrets[0].data.token.path: 'ml//a' begins or ends with a slash"),
        ({"data": {"token": {"path": "ml/*"}}}, "secrets[0].data.token.path: 'ml/*' has a part that is no plain name"),
        ({"data": {"token": {"path": "+/a"}}}, "secrets[0].data.token.path: '+/a' has a part that is no plain name"),
        ({"data": {"token": {"path": "a/../b"}}}, "secrets[0].data.token.path: 'a/../b' has a part that is no plain"),
        ({"data": {"token": {"path": 'a"}'}}}, "secrets[0].data.token.path: 'a\"}' has a part that is no plain name"),
        ({"data": {"token": {**TOKEN, "propertys": "x"}}}, "secrets[0].data.token: no key 'propertys' is known here"),
        ({"refresh_interval": "1 hour"}, "secrets[0].refresh_interval: '1 hour' is no duration"),
        ({"refresh_interval": 60}, "secrets[0].refresh_interval: must be a string, not 60"),
        ({"creation_policy": "owner"}, "secrets[0].creation_policy: 'owner' is not one of Owner"),
        ({"deletion_policy": "Remove"}, "secrets[0].deletion_policy: 'Remove' is not one of Retain"),
        (
            {"deletion_policy": "Delete", "creation_policy": "Merge"},
            "secrets[0].deletion_policy: Delete needs creation_policy Owner",
        ),
        ({"template": "{}"}, "secrets[0].template: must be a mapping, not '{}'"),
    ],
)
def test_refuses_a_wrong_secret(changes: dict[str, object], problem: str) -> None:
    (found,) = problems(a_secret(**changes))
    assert found.startswith(problem)


def test_a_name_is_there_once() -> None:
    assert problems(a_secret(), a_secret()) == [
        "secrets: credentials is there more than once; put its keys into one entry"
    ]
