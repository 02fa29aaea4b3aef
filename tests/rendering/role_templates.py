# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the templates of a role as Ansible does, with its defaults and what a user sets."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages import model as stages
from ansible_runs import ansible_playbook

COLLECTION = Path(stages.__file__).parents[3]
Objects = dict[str, list[dict[str, Any]]]
"""The objects by the name of their template, without its suffixes."""
Render = Callable[[str, Mapping[str, Mapping[str, Any]]], dict[str, Objects]]


def render_in(folder: Path, role: str, cases: Mapping[str, Mapping[str, Any]]) -> dict[str, Objects]:
    """Render all templates of a role once for each case, a mapping of variables; answers by the name of the case."""
    facts = {case: f"case_{number}" for number, case in enumerate(cases)}
    plays = [_play(role, variables, facts[case]) for case, variables in cases.items()]
    together = ", ".join(f"{case!r}: {fact}" for case, fact in facts.items())
    # Facts are set by Ansible itself: only this task starts a module.
    written = {"content": f"{{{{ {{{together}}} | to_json }}}}", "dest": str(folder / "rendered.json")}
    plays[-1]["tasks"].append({"ansible.builtin.copy": written})
    (folder / "plays.yml").write_text(yaml.safe_dump(plays))
    done = ansible_playbook(
        *("-i", "localhost,", "plays.yml"),
        environment={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION.parents[2])},
        cwd=folder,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rendered: dict[str, str] = json.loads((folder / "rendered.json").read_text())
    return {case: json.loads(text) for case, text in rendered.items()}


def _play(role: str, variables: Mapping[str, Any], fact: str) -> dict[str, Any]:
    home = COLLECTION / "roles" / role
    rendered = {
        path.name.partition(".")[0]: f"{{{{ lookup('ansible.builtin.template', '{path}') | from_yaml_all | list }}}}"
        for path in sorted((home / "templates").glob("*.yaml.j2"))
    }
    return {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars_files": [
            str(COLLECTION / "roles/cluster/defaults/main.yml"),
            str(home / "defaults/main.yml"),
            str(home / "vars/main.yml"),
        ],
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "tasks": [
            {
                "ansible.builtin.set_fact": {fact: "{{ rendered | to_json }}"},
                # Variables of a task win over files of variables, as those of a user do over defaults.
                "vars": {"rendered": rendered, **variables},
            }
        ],
    }
