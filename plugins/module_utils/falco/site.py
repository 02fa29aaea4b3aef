# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns what a site says of its images, hosts and networks into a Falco rules file. Pure.

The file is loaded after ``roles/falco/files/ml_rules.yaml`` and replaces the lists and macros that are marked "site"
there. Its defaults make the very lists and macros of that file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import read_network
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import REQUIRED, Entry, suggest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.profiles import profile_rules
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.pinned import read_repository

Item = dict[str, Any]
NEVER = "(evt.num = 0)"
KEYS: dict[str, object] = {
    "approved_images": [],
    "gpu_stack_images": [],
    "model_fetcher_images": [],
    "training_images": [],
    "training_stages": [],
    "serving_images": [],
    "serving_stages": [],
    "stages": [],
    "approved_hosts": [],
    "internal_domains": [],
    "model_hubs": [],
    "model_paths": [],
    "credential_paths": [],
    "server_programs": [],
    "listening_ports": [],
    "known_commands": [],
    "internal_networks": [],
    "image_profiles": [],
    "disabled_rules": [],
    "exceptions": [],
}
"""What a site may say, with what it says if it does not."""
_EXCEPTION = {"rule": REQUIRED, "name": REQUIRED, "values": REQUIRED}
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*(:[0-9]{{1,5}})?")
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})+")
_SUFFIX = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_PROGRAM_LENGTH = 15
_HIGHEST_PORT = 65535
_BEFORE, _AFTER = r"[^:]*(:[^/][^:]*)*", r"([/?# ][^:]*(:[^/][^:]*)*)?"
"""What may stand before and after the only URL of a command line: all but another URL."""
_PRIVATE = "10[.][0-9.]+|172[.](1[6-9]|2[0-9]|3[01])[.][0-9.]+|192[.]168[.][0-9.]+|127[.][0-9.]+"
_OTHER_ROOTS = ("/proc/*/root", "/proc/*/cwd")
_COMMON_FOLDERS = ("/", "/etc", "/home", "/mnt", "/opt", "/root", "/run", "/srv", "/tmp", "/usr", "/var", "/var/run")


def site_rules(value: object) -> list[Item]:
    """The items of the rules file.

    Args:
        value: a mapping with any of the keys of ``plugins/filter/falco_site_rules.yml``.

    Raises:
        HardeningError: with everything that is wrong.
    """
    root = Entry("falco_site_rules", value)
    # Problems name the role's variables, which is what the user wrote.
    keys = {name: replace(entry, path=f"falco_{name}") for name, entry in root.keys(KEYS).items()}
    namespaces = {stage["name"].text(): stage["namespace"].text() for stage in _stages(keys["stages"])}
    items = [
        _list("ml_approved_images", _read(keys["approved_images"], read_repository)),
        _list("ml_gpu_stack_images", _read(keys["gpu_stack_images"], read_repository)),
        _list("ml_model_fetcher_images", _read(keys["model_fetcher_images"], read_repository)),
        _list("ml_training_images", _read(keys["training_images"], read_repository)),
        _list("ml_training_namespaces", _namespaces(keys["training_stages"], namespaces)),
        _list("ml_serving_images", _read(keys["serving_images"], read_repository)),
        _list("ml_serving_namespaces", _namespaces(keys["serving_stages"], namespaces)),
        _list("ml_model_paths", _read(keys["model_paths"], _path)),
        _list("ml_credential_paths", by_any_root(credentials := by_both_names(_read(keys["credential_paths"], _path)))),
        _list("ml_credential_parents", parents(credentials)),
        _list("ml_server_programs", _read(keys["server_programs"], _program)),
        _list("ml_listening_ports", [_port(item) for item in keys["listening_ports"].items()]),
        _list("ml_internal_networks", _read(keys["internal_networks"], _network)),
        _macro("ml_approved_url_only", approved_url_only(hosts := _read(keys["approved_hosts"], _host))),
        _macro("ml_internal_url_only", internal_url_only(_read(keys["internal_domains"], _suffix))),
        _macro("ml_approved_reference", approved_reference(hosts)),
        _macro("ml_hub_elsewhere", hub_elsewhere(hosts)),
        _macro("ml_approved_index", approved_index(hosts)),
        _list("ml_known_commands", [line for item in keys["known_commands"].items() for line in _commands(item)]),
        _macro("ml_hub_in_command", hub_in_command(hubs := _read(keys["model_hubs"], _domain))),
        _macro("ml_hub_in_request", hub_in_request(hubs)),
        *profile_rules(keys["image_profiles"].items()),
        *(_disabled(name) for name in keys["disabled_rules"].texts()),
        *(_exception(entry) for entry in keys["exceptions"].items()),
    ]
    if root.problems:
        raise HardeningError(join_failures("The variables of Falco are wrong", root.problems))
    return items


def approved_url_only(hosts: Sequence[str]) -> str:
    """Condition: the command line names one URL, and its host is one of these. ``*.`` stands for any subdomain."""
    if not hosts:
        return NEVER
    return f"(proc.cmdline regex '{_BEFORE}://({_host_patterns(hosts)})(:[0-9]+)?{_AFTER}')"


def internal_url_only(domains: Sequence[str]) -> str:
    """Condition: the command line names one URL, whose host has no dot, a private address, or one of these endings."""
    endings = "|".join(domain.replace(".", "[.]") for domain in domains)
    named = f"([-a-zA-Z0-9]+[.])+({endings})|" if domains else ""
    return f"(proc.cmdline regex '{_BEFORE}://({named}[a-zA-Z][-a-zA-Z0-9]*|{_PRIVATE})(:[0-9]+)?{_AFTER}')"


def approved_reference(hosts: Sequence[str]) -> str:
    """Condition: the first thing that an OCI client is told to fetch is at one of these hosts."""
    if not hosts:
        return NEVER
    before = "([^ ]+ )?[a-z]+ (-[^ ]+ ([.]*/[^ ]* |[^-/ ][^/ ]* )?)*([a-z]+://)?"
    return f"(proc.args regex '{before}({_host_patterns(hosts)})(:[0-9]+)?/.*')"


def hub_elsewhere(hosts: Sequence[str]) -> str:
    """Condition: clients of the Hugging Face hub are told to use another one, which is at none of these hosts."""
    told = 'proc.env[HF_ENDPOINT] != ""'
    if not hosts:
        return f"({told})"
    return f"({told} and not proc.env[HF_ENDPOINT] regex 'https?://({_host_patterns(hosts)})(:[0-9]+)?(/.*)?')"


def approved_index(hosts: Sequence[str]) -> str:
    """Condition: pip or uv takes packages from one of these hosts, by its environment, and from no other index."""
    if not hosts:
        return NEVER
    here = f"regex 'https?://({_host_patterns(hosts)})(:[0-9]+)?(/.*)?'"
    pip = f'proc.env[PIP_EXTRA_INDEX_URL] = "" and proc.env[PIP_INDEX_URL] {here}'
    uv = (
        'proc.env[UV_EXTRA_INDEX_URL] = "" and proc.env[UV_INDEX] = "" and '
        f"(proc.env[UV_DEFAULT_INDEX] {here} or proc.env[UV_INDEX_URL] {here})"
    )
    return (
        f'((proc.name != uv and not proc.args contains "uv " and {pip}) or '
        f'((proc.name = uv or proc.args contains "uv ") and {uv}))'
    )


def by_both_names(paths: Sequence[str]) -> list[str]:
    """Paths, those below /run and /var/run by both names: one is a link to the other."""
    found = (name for path in paths for name in (path, *_other_run(path)))
    return list(dict.fromkeys(found))


def _other_run(path: str) -> list[str]:
    if path.startswith("/run/"):
        return [f"/var{path}"]
    return [path.removeprefix("/var")] if path.startswith("/var/run/") else []


def by_any_root(paths: Sequence[str]) -> list[str]:
    """Paths, also as seen through the root and the working folder of a process."""
    return [name for path in paths for name in (path, *(f"{root}{path}" for root in _OTHER_ROOTS))]


def parents(paths: Sequence[str]) -> list[str]:
    """The folders above paths, without those right below the root that hold much else."""
    found = (str(above) for path in paths for above in PurePosixPath(path).parents)
    return list(dict.fromkeys(path for path in found if path not in _COMMON_FOLDERS))


def _host_patterns(hosts: Sequence[str]) -> str:
    return "|".join(_host_pattern(host) for host in hosts)


def _host_pattern(host: str) -> str:
    """A dot becomes [.], as a backslash in a Falco condition would have to be doubled."""
    anything, name = ("[-a-z0-9.]+[.]", host[2:]) if host.startswith("*.") else ("", host)
    return anything + name.replace(".", "[.]")


def hub_in_command(hubs: Sequence[str]) -> str:
    """Condition: the command line names one of these hosts, or one below it."""
    if not hubs:
        return NEVER
    names = "|".join(hub.replace(".", "[.]") for hub in hubs)
    return f"(tolower(proc.cmdline) regex '(.*[^-a-z0-9])?({names})([^-.a-z0-9].*)?')"


def hub_in_request(hubs: Sequence[str]) -> str:
    """Condition: a DNS request is for one of these hosts, or one below it; see the macro in the file."""
    return _any(
        [
            *(f"evt.buffer bcontains {_dns_name(hub).hex()}" for hub in hubs),
            *(f'evt.arg.data icontains ".{hub}.."' for hub in hubs),
        ]
    )


def _dns_name(name: str) -> bytes:
    """A host name as it stands in a DNS request: each label behind its length, and a zero."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def _any(checks: Iterable[str]) -> str:
    joined = " or ".join(checks)
    return f"({joined})" if joined else NEVER


def _list(name: str, items: Sequence[str | int]) -> Item:
    return {"list": name, "items": list(items), "override": {"items": "replace"}}


def _macro(name: str, condition: str) -> Item:
    return {"macro": name, "condition": condition, "override": {"condition": "replace"}}


def _disabled(name: str) -> Item:
    return {"rule": name, "enabled": False, "override": {"enabled": "replace"}}


def _exception(entry: Entry) -> Item:
    """What is wrong with names and values the linter says: it knows the rules."""
    keys = entry.keys(_EXCEPTION)
    values = [[part.value for part in row.items()] for row in keys["values"].items()]
    return {
        "rule": keys["rule"].text(),
        "exceptions": [{"name": keys["name"].text(), "values": values}],
        "override": {"exceptions": "append"},
    }


def _read(entry: Entry, read: Callable[[Entry], str]) -> list[str]:
    return [read(item) for item in entry.items()]


def _stages(entry: Entry) -> list[dict[str, Entry]]:
    """Only name and namespace: the role ``cluster`` has checked the rest."""
    return [
        {key: Entry(f"{stage.path}.{key}", value, stage.problems) for key, value in stage.value.items()}
        for stage in entry.items()
        if isinstance(stage.value, Mapping) and {"name", "namespace"} <= stage.value.keys()
    ]


def _namespaces(entry: Entry, namespaces: Mapping[str, str]) -> list[str]:
    """The namespaces of stages. A stage that is not there would switch rules off without a word."""
    for item in entry.items():
        if item.text() not in namespaces:
            item.refuse(f"no stage is called {item.text()!r}{suggest(item.text(), namespaces)}; name others, or none")
    return [namespaces[name] for name in entry.texts() if name in namespaces]


def _path(entry: Entry) -> str:
    text = entry.text()
    if isinstance(entry.value, str) and not re.fullmatch(r"/[^\s()\"'=,]+", text):
        entry.refuse(f"{text!r} is no absolute path without blanks, quotes, commas, '=' or parentheses")
    return text.rstrip("/")


def _program(entry: Entry) -> str:
    text = entry.text()
    if isinstance(entry.value, str) and not re.fullmatch(r"[^\s()\"'=,/]+", text):
        entry.refuse(f"{text!r} is no name of a program without its folder")
    return text[:_PROGRAM_LENGTH]  # the kernel keeps no more of it


def _network(entry: Entry) -> str:
    read_network(entry)
    return f'"{entry.text()}"'


def _commands(entry: Entry) -> list[str]:
    """A command line in both spellings: from glibc 2.38 on, system("x") is "sh -c -- x"."""
    text = entry.text()
    if isinstance(entry.value, str) and (not text.strip() or '"' in text or "\\" in text):
        entry.refuse(f"{text!r} is no command line without double quotes and backslashes")
    both = {text: None, text.replace("sh -c ", "sh -c -- ", 1) if "sh -c -- " not in text else text: None}
    return [f'"{line}"' for line in both]


def _port(entry: Entry) -> int:
    port = entry.value
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port <= _HIGHEST_PORT:
        entry.refuse(f"{port!r} is no port, a number from 1 to {_HIGHEST_PORT}")
        return 0
    return port


def _suffix(entry: Entry) -> str:
    text = entry.text()
    if isinstance(entry.value, str) and not _SUFFIX.fullmatch(text):
        entry.refuse(f"{text!r} is no ending of host names, such as internal or example.com")
    return text


def _host(entry: Entry) -> str:
    text = entry.text()
    if isinstance(entry.value, str) and not _HOST.fullmatch(text):
        entry.refuse(f"{text!r} is no host name, such as registry.internal, *.example.com or registry.internal:5000")
    return text


def _domain(entry: Entry) -> str:
    text = entry.text()
    if isinstance(entry.value, str) and not _DOMAIN.fullmatch(text):
        entry.refuse(f"{text!r} is no domain, such as huggingface.co")
        return "invalid.invalid"
    return text
