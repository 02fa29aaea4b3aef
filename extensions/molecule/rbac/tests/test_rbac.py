# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of the stages can do what they need and no more, as the server says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Read = Callable[..., Any]
ACCOUNTS = [("ml-training", "ml-trainer"), ("ml-serving", "model-server"), ("ml-monitoring", "ml-monitor")]


@pytest.mark.parametrize(("namespace", "account"), ACCOUNTS)
def test_no_account_can_read_secrets(kubectl: Read, namespace: str, account: str) -> None:
    """Not even those of its own namespace."""
    who = f"--as=system:serviceaccount:{namespace}:{account}"
    assert kubectl("auth", "can-i", "list", "secrets", f"--namespace={namespace}", who).stdout.strip() == "no"


@pytest.mark.parametrize(("namespace", "account"), ACCOUNTS)
def test_no_token_is_mounted_by_itself(read: Read, namespace: str, account: str) -> None:
    """Neither of the stage's account nor of the default one."""
    for name in (account, "default"):
        assert read("serviceaccount", name, f"--namespace={namespace}")["automountServiceAccountToken"] is False
