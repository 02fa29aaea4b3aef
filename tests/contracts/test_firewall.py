# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nft itself takes the rules of role host_firewall, in a network namespace where nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.firewall import TABLE, plan
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.places import FIREWALL_RULES

ROLE = Path(__file__).resolve().parents[2] / "roles" / "host_firewall" / "defaults" / "main.yml"
NFT = shutil.which("nft", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
SERVICES = yaml.safe_load(ROLE.read_text(encoding="utf-8"))["host_firewall_services"]
NETWORKS: list[dict[str, list[str]]] = [
    {"nodes": ["10.0.0.0/24"], "pods": ["10.244.0.0/16"], "monitoring": []},
    {"nodes": ["10.0.0.0/24", "10.0.0.0/16", "fd00::/64"], "pods": ["fd01::/64"], "monitoring": ["10.1.0.4/32"]},
]

pytestmark = pytest.mark.skipif(NFT is None or os.geteuid() != 0, reason="needs nft and root")


def rules(networks: dict[str, list[str]], control_plane: bool) -> str:
    facts: dict[str, Any] = {"nft": "/usr/sbin/nft", "ssh_ports": [22], "control_plane": control_plane}
    made = plan(facts, {"networks": networks, "services": SERVICES})
    return next(file.content for file in made.files if file.path == FIREWALL_RULES)


@pytest.mark.parametrize("networks", NETWORKS)
@pytest.mark.parametrize("control_plane", [True, False])
def test_rules_load_twice_and_are_one_table(
    tmp_path: Path, networks: dict[str, list[str]], control_plane: bool
) -> None:
    file = tmp_path / "firewall.nft"
    file.write_text(rules(networks, control_plane), encoding="utf-8")
    script = f"{NFT} --file {file} && {NFT} --file {file} && {NFT} list tables && {NFT} list chain inet {TABLE} guard"
    done = subprocess.run(["unshare", "--net", "sh", "-ec", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"table inet {TABLE}\n") == 1
    assert done.stdout.count("drop comment") == len([one for one in SERVICES if control_plane or one["name"] != "etcd"])
