# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles of images: the programs and ports that they used in a trial, and rules for what is outside. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import REQUIRED, Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.alerts import Alert
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.pinned import read_repository

TRIAL = "ml_trial"
"""The tag of the rules of a trial that only note what happens."""
KEYS = {"image": REQUIRED, "programs": REQUIRED, "listening_ports": []}
_PROGRAM = re.compile(r"""[^\s()"'=,/\\]+""")
_OUTPUT = (
    "(command=%proc.cmdline process=%proc.name exepath=%proc.exepath parent=%proc.pname port=%fd.sport"
    " container=%container.name container_id=%container.id"
    " image=%container.image.repository:%container.image.tag pod=%k8s.pod.name namespace=%k8s.ns.name)"
)


def profiles_of(alerts: Iterable[Alert]) -> list[dict[str, Any]]:
    """What each image did in a trial, in the form of the role's variable ``falco_image_profiles``.

    Programs whose names Falco's conditions cannot hold are left out.
    """
    programs: dict[str, set[str]] = {}
    ports: dict[str, set[int]] = {}
    for alert in alerts:
        image = alert.text("container.image.repository")
        if TRIAL not in alert.tags or not image:
            continue
        port = alert.text("fd.sport")
        if port.isdigit():
            ports.setdefault(image, set()).add(int(port))
        elif _PROGRAM.fullmatch(alert.text("proc.name")):
            programs.setdefault(image, set()).add(alert.text("proc.name"))
    return [
        {
            "image": image,
            "programs": sorted(programs.get(image, ())),
            "listening_ports": sorted(ports.get(image, ())),
        }
        for image in sorted({*programs, *ports})
    ]


def profile_rules(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The items of a rules file for profiles. What is wrong is noted at the entries."""
    items: list[dict[str, Any]] = []
    for entry in entries:
        keys = entry.keys(KEYS)
        image = read_repository(keys["image"])
        programs = [_program(one) for one in keys["programs"].items()]
        ports = [_port(one) for one in keys["listening_ports"].items()]
        of_image = f'ml_container and container.image.repository = "{image}" and not ml_runtime_process'
        listed = ", ".join(f'"{program}"' for program in programs)
        items += [
            _rule(
                f"Program outside Profile of {image}",
                f"ml_spawned and {of_image} and not proc.name in ({listed})",
                "A program starts that the profile of its image does not have",
            ),
            _rule(
                f"Port outside Profile of {image}",
                "evt.type = listen and evt.failed=false and fd.typechar in (4, 6) and fd.sport > 0 and"
                f" fd.sport < 32768 and {of_image} and not fd.sport in ({', '.join(map(str, ports or [0]))})",
                "A port is opened that the profile of the image does not have",
            ),
        ]
    return [{"required_engine_version": "0.57.0"}, *items] if items else []


def _rule(name: str, condition: str, says: str) -> dict[str, Any]:
    return {
        "rule": name,
        "desc": f"{says}. Profiles are in falco_image_profiles.",
        "condition": condition,
        "output": f"{says} {_OUTPUT}",
        "priority": "WARNING",
        "tags": ["ml", "ml_likely", "ml_profile", "container"],
    }


def _program(entry: Entry) -> str:
    text = entry.text()
    if isinstance(entry.value, str) and not _PROGRAM.fullmatch(text):
        entry.refuse(f"{text!r} is no name of a program without its folder")
    return text[:15]  # the kernel keeps no more of it


def _port(entry: Entry) -> int:
    if isinstance(entry.value, bool) or not isinstance(entry.value, int) or not 0 < entry.value < 65536:
        entry.refuse(f"{entry.value!r} is no port, a number from 1 to 65535")
        return 0
    return entry.value
