# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports as a playbook writes them, and as an API server takes them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.formats import FORMATS, render
from module_runs import PlaybookRunner
from sample_reports import REPORTS, previous, red
from sandbox_access import CHECKOUT, Kubectl

CRDS = CHECKOUT / "tests" / "data" / "reports" / "openreports-0.2.1-crds.yaml.gz"


def test_playbook_writes_every_format(play: PlaybookRunner, tmp_path: Path) -> None:
    """Of the hostile report, whose texts are templates, too; without what Ansible itself refuses, half a character."""
    hostile = json.loads(json.dumps(REPORTS["hostile"]).replace("\\ud800", ""))
    (tmp_path / "given.json").write_text(json.dumps({"now": hostile, "before": previous()}), encoding="utf-8")
    write = {
        "ansible.builtin.copy": {
            "content": "{{ given.now | gpu_cluster.hardening.report(item, previous=[given.before]) }}",
            "dest": f"{tmp_path}/written.{{{{ item }}}}",
            "mode": "0600",
        },
        "vars": {"given": f"{{{{ lookup('ansible.builtin.file', '{tmp_path}/given.json') | from_json }}}}"},
        "loop": list(FORMATS),
    }

    done = play([write])

    assert done.returncode == 0, done.stdout + done.stderr
    for name in FORMATS:
        text = (tmp_path / f"written.{name}").read_text(encoding="utf-8")
        assert text == render(hostile, name, previous()), name


def test_playbook_says_what_is_no_report(play: PlaybookRunner) -> None:
    done = play([{"ansible.builtin.debug": {"msg": "{{ {'schema_version': '2.0'} | gpu_cluster.hardening.report }}"}}])

    assert done.returncode != 0
    assert "a report of version 2.0; this collection reads 1.0" in done.stdout


@pytest.fixture
def openreports(kubectl: Kubectl) -> Any:
    """Their definitions, for one test."""
    definitions = list(yaml.safe_load_all(gzip.decompress(CRDS.read_bytes())))
    names = [f"crd/{one['metadata']['name']}" for one in definitions]
    kubectl("apply", stdin={"apiVersion": "v1", "kind": "List", "items": definitions})
    kubectl("wait", "--for=condition=Established", *names)
    yield names
    kubectl("delete", *names)


@pytest.mark.usefixtures("openreports")
def test_api_server_takes_the_objects_of_openreports(kubectl: Kubectl, namespace: str) -> None:
    report = red()
    for check in report["checks"]:
        for finding in check["findings"]:
            if finding["object"] and finding["object"]["namespace"]:
                finding["object"]["namespace"] = namespace
    text = render(report, "openreports")

    kubectl("apply", "--server-side", "--validate=strict", stdin=json.loads(text))

    (kept,) = kubectl("get", "reports.openreports.io", "-n", namespace)["items"]
    (of_cluster,) = kubectl("get", "clusterreports.openreports.io")["items"]
    wanted = json.loads(text)["items"]
    assert [kept["results"], of_cluster["results"]] == [wanted[1]["results"], wanted[0]["results"]]
    assert kept["summary"] == {"error": 0, "fail": 4, "pass": 0, "skip": 2, "warn": 0}
