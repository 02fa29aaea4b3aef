# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the rules as the role does, for any variables of the user."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible_runs import ansible_playbook
from sandbox_access import CHECKOUT, clean_environment

ROLES = CHECKOUT / "roles"


def render_rules(folder: Path, variables: Mapping[str, Any] | None = None) -> Path:
    """Render the rule file with the defaults of the roles and these variables."""
    rules = folder / "rules.yaml"
    template = ROLES / "gpu_alerts" / "templates" / "rules.yaml.j2"
    content = f"{{{{ lookup('ansible.builtin.template', '{template}') }}}}"
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars_files": [
            str(ROLES / path)
            for path in ("cluster/defaults/main.yml", "gpu_alerts/defaults/main.yml", "gpu_alerts/vars/main.yml")
        ],
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "tasks": [{"ansible.builtin.copy": {"content": content, "dest": str(rules), "mode": "0600"}}],
    }
    playbook = folder / "render.yml"
    playbook.write_text(yaml.safe_dump([play]), encoding="utf-8")
    done = ansible_playbook(
        *("-i", "localhost,", "-e", json.dumps(variables or {}), str(playbook)),
        environment=clean_environment(folder),
        cwd=folder,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return rules
