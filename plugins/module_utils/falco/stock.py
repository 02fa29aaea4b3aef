# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of Falco's own rules, macros and lists, and the conditions of the macros that other rules use most.

The image of Falco 0.44 brings the stable rules 5.1.0 (falcosecurity/rules); the others a site may load beside them.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco import (
    stock_incubating,
    stock_sandbox,
    stock_stable,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.rule_set import KnownNames

_CONDITIONS = {
    "spawned_process": "(evt.type in (execve, execveat))",
    "container": "(container.id != host)",
    "open_read": "(evt.type in (open, openat, openat2) and evt.is_open_read=true and fd.typechar='f' and fd.num>=0)",
    "open_write": "(evt.type in (open, openat, openat2) and evt.is_open_write=true and fd.typechar='f' and fd.num>=0)",
    "never_true": "(evt.num=0)",
    "proc_name_exists": '(not proc.name in ("<NA>", "N/A"))',
    "outbound": (
        "(((evt.type = connect or (evt.type in (sendto, sendmsg) and fd.l4proto != tcp and fd.connected=false and"
        " fd.name_changed=true)) and (fd.typechar = 4 or fd.typechar = 6) and (fd.ip != '0.0.0.0' and"
        " fd.net != '127.0.0.0/8' and not fd.snet in ('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16')) and"
        " (evt.rawres >= 0 or evt.res = EINPROGRESS)))"
    ),
}
SETS = {"stable": stock_stable, "incubating": stock_incubating, "sandbox": stock_sandbox}
"""The files that Falco's project publishes. Only the first is in Falco's image."""


def stock_names(sets: Iterable[str]) -> KnownNames:
    """What some of these files define.

    Args:
        sets: names of ``SETS``, in any order.
    """
    chosen = [SETS[name] for name in sets]
    rules, macros, lists = (
        dict(entry.rsplit(":", 1) for text in texts for entry in split(text))
        for texts, split in (
            ([one.RULES for one in chosen], _lines),
            ([one.MACROS for one in chosen], str.split),
            ([one.LISTS for one in chosen], str.split),
        )
    )
    digests = (
        entry.rpartition(":")[2]
        for one in chosen
        for entry in (*_lines(one.RULES), *one.MACROS.split(), *one.LISTS.split())
    )
    return KnownNames(
        rules=frozenset(rules),
        macros={name: _CONDITIONS.get(name, "") for name in macros},
        lists=frozenset(lists),
        digests=frozenset(digests),
    )


def _lines(text: str) -> list[str]:
    return text.strip().splitlines()


STOCK = stock_names(["stable"])
"""What the rules in Falco's image define."""
