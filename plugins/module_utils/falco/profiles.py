# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles of images: what they did in a trial, and rules for what is outside of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import read_network
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import OPTIONAL, REQUIRED, Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.alerts import Alert
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.profile_bounds import (
    few_folders,
    few_networks,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.pinned import read_repository

TRIAL = "ml_trial"
"""The tag of the rules of a trial that only note what happens."""
KEYS = {
    "image": REQUIRED,
    "programs": REQUIRED,
    "parents": OPTIONAL,
    "listening_ports": [],
    "written_folders": OPTIONAL,
    "networks": OPTIONAL,
}
"""Of a profile. What is optional and left out is not looked at; an empty list allows nothing."""
_PROGRAM = re.compile(r"""[^\s()"'=,/\\]+""")
_FOLDER = re.compile(r"""/([^\s()"'=,*?\[\]\\]*[^\s()"'=,*?\[\]\\/])?""")
_LOOPBACK = '"127.0.0.0/8", "::1/128"'
_OUTPUT = (
    "(command=%proc.cmdline process=%proc.name exepath=%proc.exepath parent=%proc.pname port=%fd.sport"
    " file=%fd.name container=%container.name container_id=%container.id"
    " image=%container.image.repository:%container.image.tag pod=%k8s.pod.name namespace=%k8s.ns.name)"
)


@dataclass
class _Seen:
    """What one image did."""

    programs: set[str] = field(default_factory=set)
    parents: set[str] = field(default_factory=set)
    ports: set[int] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)


def profiles_of(alerts: Iterable[Alert]) -> list[dict[str, Any]]:
    """What each image did in a trial, in the form of the role's variable ``falco_image_profiles``.

    Names of programs and folders that Falco's conditions cannot hold are left out, as is what nothing was noted of:
    a log may be older than the rule that notes it.
    """
    images: dict[str, _Seen] = {}
    for alert in alerts:
        image = alert.text("container.image.repository")
        if TRIAL in alert.tags and image:
            _note(alert, images.setdefault(image, _Seen()))
    return [_profile(image, images[image]) for image in sorted(images)]


def _note(alert: Alert, seen: _Seen) -> None:
    """Each rule of a trial is told by the field that only its output has."""
    if folder := alert.text("fd.directory"):
        seen.folders.add(folder)
    elif address := alert.text("fd.sip"):
        seen.addresses.add(address)
    elif (port := alert.text("fd.sport")).isdigit():
        seen.ports.add(int(port))
    elif _PROGRAM.fullmatch(alert.text("proc.name")):
        seen.programs.add(alert.text("proc.name"))
        if _PROGRAM.fullmatch(alert.text("proc.pname")):
            seen.parents.add(alert.text("proc.pname"))


def _profile(image: str, seen: _Seen) -> dict[str, Any]:
    noted = {
        "parents": sorted(seen.parents),
        "written_folders": [folder for folder in few_folders(seen.folders) if _FOLDER.fullmatch(folder)],
        "networks": few_networks(seen.addresses),
    }
    return {
        "image": image,
        "programs": sorted(seen.programs),
        "listening_ports": sorted(seen.ports),
        **{key: values for key, values in noted.items() if values},
    }


def profile_rules(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The items of a rules file for profiles. What is wrong is noted at the entries."""
    items = [item for entry in entries for item in _rules_of(entry)]
    return [{"required_engine_version": "0.57.0"}, *items] if items else []


def _rules_of(entry: Entry) -> list[dict[str, Any]]:
    keys = entry.keys(KEYS)
    image = read_repository(keys["image"])
    programs = _quoted(_program(one) for one in keys["programs"].items())
    parents = _quoted(_program(one) for one in keys["parents"].items())
    ports = [_port(one) for one in keys["listening_ports"].items()]
    folders = _quoted(_folder(one) for one in keys["written_folders"].items())
    networks = _quoted(str(read_network(one)) for one in keys["networks"].items())
    of_image = f'ml_container and container.image.repository = "{image}" and not ml_runtime_process'
    rules = {
        "programs": _rule(
            f"Program outside Profile of {image}",
            f"ml_spawned and {of_image} and not proc.name in ({programs})",
            "A program starts that the profile of its image does not have",
        ),
        "parents": _rule(
            f"Parent outside Profile of {image}",
            f"ml_spawned and {of_image} and proc.name in ({programs}) and"
            f" not proc.pname in ({parents}) and not proc.pname in (ml_starters)",
            "A program starts below one that the profile of its image does not have",
        ),
        "listening_ports": _rule(
            f"Port outside Profile of {image}",
            "evt.type = listen and evt.failed=false and fd.typechar in (4, 6) and fd.sport > 0 and"
            f" fd.sport < 32768 and {of_image} and not fd.sport in ({', '.join(map(str, ports or [0]))})",
            "A port is opened that the profile of the image does not have",
        ),
        "written_folders": _rule(
            f"File outside Profile of {image}",
            f"ml_file_written and {of_image}" + (f" and not fd.name pmatch ({folders})" if folders else ""),
            "A file is written outside of the folders that the profile of the image has",
        ),
        "networks": _rule(
            f"Network outside Profile of {image}",
            f"ml_sent and {of_image} and not fd.snet in ({', '.join(filter(None, [_LOOPBACK, networks]))})",
            "A network is used that the profile of the image does not have",
        ),
    }
    return [rule for key, rule in rules.items() if keys[key].given]


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


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


def _folder(entry: Entry) -> str:
    text = entry.text()
    if isinstance(entry.value, str) and not _FOLDER.fullmatch(text):
        entry.refuse(f"{text!r} is no absolute path without blanks, quotes, patterns, or a slash at its end")
    return text


def _port(entry: Entry) -> int:
    if isinstance(entry.value, bool) or not isinstance(entry.value, int) or not 0 < entry.value < 65536:
        entry.refuse(f"{entry.value!r} is no port, a number from 1 to 65535")
        return 0
    return entry.value
