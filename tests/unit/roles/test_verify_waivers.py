# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The waivers that the role verify ships can be read, have no end, and are about checks that there are."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.index import CHECKS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.report import NEVER
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.waivers import read_waivers

FILE = Path(__file__).resolve().parents[3] / "roles" / "verify" / "vars" / "main.yml"
WAIVERS = read_waivers(yaml.safe_load(FILE.read_text(encoding="utf-8"))["__verify_shipped_waivers"])


def test_each_is_about_a_check_and_no_more_than_some_objects() -> None:
    unknown = [one for one in WAIVERS if not any(fnmatchcase(check.id, one.id) for check in CHECKS)]
    assert unknown == []
    assert [one for one in WAIVERS if not {"namespace", "name"} & one.scope.keys()] == []


def test_they_have_no_end_as_nobody_at_the_site_chose_them() -> None:
    assert {one.expires for one in WAIVERS} == {NEVER}
