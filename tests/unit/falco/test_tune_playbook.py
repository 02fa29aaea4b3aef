# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook tune_falco, run over a saved log: a file of proposals that the role takes as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.site import site_rules

CHECKOUT = Path(__file__).resolve().parents[3]
ALERT = {
    "rule": "Package Installed in ML Container",
    "priority": "Notice",
    "tags": ["ml", "ml_likely"],
    "time": "2026-11-28T10:00:00.000000000Z",
    "output_fields": {
        "container.image.repository": "registry.internal/notebook",
        "proc.name": "pip",
        "proc.pname": "bash",
        "proc.cmdline": "pip install --index-url http://pypi.internal/simple lightning",
    },
}


def test_a_log_becomes_a_file_of_proposals(tmp_path: Path) -> None:
    (tmp_path / "falco.log").write_text(f"Loading rules\n{json.dumps(ALERT)}\n{json.dumps(ALERT)}\n", encoding="utf-8")
    (tmp_path / "hosts.yml").write_text("gpu_clusters: {hosts: {metal: {}}}\n", encoding="utf-8")
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            *("-i", tmp_path / "hosts.yml", "-e", json.dumps({"tune_falco_files": [str(tmp_path / "falco.log")]})),
            CHECKOUT / "playbooks" / "tune_falco.yml",
        ],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".build" / "collections"), "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    written = tmp_path / "falco-exceptions-metal.yml"
    assert written.stat().st_mode & 0o777 == 0o600
    text = written.read_text(encoding="utf-8")
    assert "# 2 times from 2026-11-28T10:00" in text
    proposed = yaml.safe_load(text)["falco_exceptions"]
    assert proposed[0]["values"] == [["registry.internal/notebook", ALERT["output_fields"]["proc.cmdline"]]]
    assert site_rules({"exceptions": proposed})[-1]["rule"] == ALERT["rule"]
