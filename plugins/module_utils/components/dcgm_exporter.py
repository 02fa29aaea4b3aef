# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the settings of dcgm-exporter come to: its file of counters, its rights, and who may scrape it. Pure.

Source of the file's format: etc/default-counters.csv of NVIDIA/dcgm-exporter.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import (
    REQUIRED,
    Entry,
    did_you_mean,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.dcgm_fields import FIELDS, VERSION
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.placement import (
    read_node_selector,
    read_tolerations,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.peers import read_prometheus

PROFILING = "DCGM_FI_PROF_"
"""Fields with this prefix are read by the profiling part of the driver, which wants SYS_ADMIN."""
TYPES = ("gauge", "counter", "label")
SETTINGS = frozenset(
    {
        "counters",
        "counters_csv",
        "image_tag",
        "profiling",
        "profiling_counters",
        "toolkit_accepts_envvar",
        "node_selector",
        "taints",
        "prometheus",
    }
)
_COUNTER = {"field": REQUIRED, "type": "gauge", "help": REQUIRED}
_FIELD = re.compile(r"DCGM_(FI|EXP)_[A-Z0-9_]+")
_TAG = re.compile(r"[0-9.]+-([0-9.]+)(-|$)")
"""A tag of the exporter: the version of DCGM, its own, and what the image is built on."""
OPENED = (
    "dcgm_exporter_profiling is true: the exporter gets the capability SYS_ADMIN, which is close to root on the node. "
    "Only DCGM_FI_PROF_* counters need it."
)

Counter = tuple[str, str, str]


def plan(settings: Mapping[str, object]) -> Json:
    """Check the settings and derive what the templates need.

    Args:
        settings: the keys of :data:`SETTINGS`; each is the variable ``dcgm_exporter_<key>``, and ``image_tag`` the tag
            of ``dcgm_exporter_image``, which says what fields there are.

    Returns:
        ``csv`` (the file of counters), ``sys_admin``, ``prometheus`` (a peer of a NetworkPolicy), ``node_selector``,
        ``tolerations`` and ``warnings``.

    Raises:
        HardeningError: with every problem.
    """
    problems: list[str] = []
    keys = {name: Entry(f"dcgm_exporter_{name}", settings[name], problems) for name in sorted(SETTINGS)}
    accepts_envvar = keys["toolkit_accepts_envvar"].flag()
    profiling = keys["profiling"].flag()
    # What a user has as the exporter's own file counts instead of the list.
    given = keys["counters_csv"] if keys["counters_csv"].value else keys["counters"]
    counters = _read_csv(given) if given is keys["counters_csv"] else _read_counters(given)
    for field in sorted(field for field, _kind, _help in counters if field.startswith(PROFILING) and not profiling):
        given.refuse(f"{field} needs the capability SYS_ADMIN; set dcgm_exporter_profiling: true for that")
    extra = _read_counters(keys["profiling_counters"])
    counters += extra if profiling else []
    if not counters and not problems:
        given.refuse("must not be empty")
    _refuse_repeated(given, counters)
    unknown = _read_unknown(given, counters, keys["image_tag"].text())
    prometheus = read_prometheus(keys["prometheus"])
    placed = {
        "node_selector": read_node_selector(keys["node_selector"]),
        "tolerations": read_tolerations(keys["taints"]),
    }
    if problems:
        raise HardeningError(join_failures("The settings of dcgm-exporter are wrong", problems))
    profiles = any(field.startswith(PROFILING) for field, _kind, _help in counters)
    return {
        "csv": _csv(counters),
        # The toolkit gives GPUs only to containers with this capability where it refuses the variable.
        "sys_admin": profiles or not accepts_envvar,
        "prometheus": prometheus,
        **placed,
        "warnings": [*([OPENED] if profiles else []), *unknown],
    }


def _read_counters(entry: Entry) -> list[Counter]:
    counters = []
    for item in entry.items():
        keys = item.keys(_COUNTER)
        field, text = keys["field"].text(), keys["help"].text()
        if isinstance(keys["field"].value, str) and not _FIELD.fullmatch(field):
            keys["field"].refuse(f"{field!r} is no field of DCGM, such as DCGM_FI_DEV_GPU_UTIL")
        if "\n" in text or "\r" in text:
            keys["help"].refuse("must be one line")
        counters.append((field, keys["type"].choice(TYPES), text))
    return counters


def _read_csv(entry: Entry) -> list[Counter]:
    """A file as the exporter reads it: comments begin with #, and each other line has field, type and help."""
    counters = []
    for number, line in enumerate(entry.text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        at = Entry(f"{entry.path} line {number}", line, entry.problems)
        columns = [column.strip(" ") for column in next(csv.reader([line]), [])]
        if len(columns) != 3:
            at.refuse(f"has {len(columns)} columns, and must have 3: field, type, help; a help with a comma is quoted")
            continue
        field, kind, text = columns
        if not _FIELD.fullmatch(field):
            at.refuse(f"{field!r} is no field of DCGM, such as DCGM_FI_DEV_GPU_UTIL")
        counters.append((field, Entry(at.path, kind, entry.problems).choice(TYPES), text))
    return counters


def _read_unknown(given: Entry, counters: Sequence[Counter], tag: str) -> list[str]:
    """Fields that the exporter has not, with which it does not start on any node. Of other versions it is not known."""
    found = _TAG.match(tag)
    known_version = found is not None and found[1] == VERSION
    warnings = []
    for field in sorted({field for field, _kind, _help in counters if _FIELD.fullmatch(field)} - FIELDS):
        guess = did_you_mean(field, FIELDS)
        if known_version:
            given.refuse(f"{field} is no field of dcgm-exporter {VERSION}, which would not start{guess}")
        else:
            warnings.append(
                f"{field} is no field of dcgm-exporter {VERSION}{guess}. If {tag or 'this version'} has none either, "
                "the exporter does not start."
            )
    return warnings


def _refuse_repeated(entry: Entry, counters: Sequence[Counter]) -> None:
    fields = [field for field, _kind, _help in counters]
    for field in sorted({field for field in fields if field and fields.count(field) > 1}):
        entry.refuse(f"{field} is given twice, here or in dcgm_exporter_profiling_counters")


def _csv(counters: Sequence[Counter]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(counters)
    return text.getvalue()
