# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check mode run knows what the layers before a layer would make."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.filter.not_planned import not_planned

RUNTIME_CLASS = {"kind": "RuntimeClass", "name": "nvidia", "hint": "Make it."}
SECRET = {"kind": "Secret", "namespace": "ml", "name": "token"}


@pytest.mark.parametrize(
    ("objects", "left"),
    [
        ([], [RUNTIME_CLASS, SECRET]),
        ([{"kind": "RuntimeClass", "namespace": None, "name": "nvidia", "action": "created"}], [SECRET]),
        ([{"kind": "RuntimeClass", "namespace": None, "name": "nvidia", "action": "deleted"}], [RUNTIME_CLASS, SECRET]),
        ([{"kind": "ExternalSecret", "namespace": "ml", "name": "token", "action": "created"}], [RUNTIME_CLASS]),
        (
            [{"kind": "ExternalSecret", "namespace": "other", "name": "token", "action": "created"}],
            [RUNTIME_CLASS, SECRET],
        ),
    ],
)
def test_what_an_earlier_layer_would_make_is_not_required(
    objects: list[dict[str, object]], left: list[dict[str, object]]
) -> None:
    assert not_planned([RUNTIME_CLASS, SECRET], [{"objects": objects}, {"skipped": True}]) == left
