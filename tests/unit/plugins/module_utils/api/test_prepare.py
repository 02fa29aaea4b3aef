# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that what is foretold of an object is what is then said to be done, also where nothing can be seen yet."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Resource
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import parse_manifests
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.prepare import Step, predict, result_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.server_side_apply import Rehearsal

ACCOUNTS = Resource("v1", "ServiceAccount", "serviceaccounts", True)


def account(name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "new"}, **more}


@pytest.mark.parametrize(("name", "action"), [("default", "configured"), ("trainer", "created")])
def test_the_default_account_of_a_new_namespace_is_there_before_it_is_applied(name: str, action: str) -> None:
    body = account(name, automountServiceAccountToken=False)
    (manifest,) = parse_manifests([body])
    foretold = [
        predict(Step(manifest, ACCOUNTS, None, Rehearsal(body, verified=False), needs_write=True)),
        predict(Step(manifest, ACCOUNTS, None, None, needs_write=True)),
    ]
    done = result_of(Step(manifest, ACCOUNTS, account(name) if name == "default" else None), body)
    assert [result.action for result in (*foretold, done)] == [action] * 3
    assert [result.before for result in (*foretold, done)] == [done.before] * 3
