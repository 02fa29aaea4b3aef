# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of alerts: the defaults, with what the user changed. No I/O."""

from __future__ import annotations

import re

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.alerts.promql import duration_problem
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import Entry, describe

_SEVERITY = re.compile(r"[A-Za-z0-9][-\w]*")


def read_settings(entry: Entry, defaults: object) -> dict[str, Json]:
    """Every setting of every alert.

    Args:
        entry: what the user changes, by alert and setting.
        defaults: all settings by alert. ``<name>_percent`` is a percentage.

    Returns:
        All settings by alert, with ``enabled``. Percentages are ratios, as text for PromQL.
    """
    known = defaults if isinstance(defaults, dict) else {}
    alerts = entry.keys({name: {} for name in known})
    return {name: _read_alert(alerts[name], known[name]) for name in known}


def _read_alert(entry: Entry, defaults: Json) -> Json:
    return {name: _read_setting(name, value) for name, value in entry.keys({"enabled": True, **defaults}).items()}


def _read_setting(name: str, entry: Entry) -> object:
    if name == "enabled":
        return entry.flag()
    if name == "ignored_xids":
        return [_read_xid(item) for item in entry.items()]
    if name.endswith("_percent"):
        return _read_percent(entry)
    text = entry.text()
    if name == "for":
        entry.refuse(duration_problem(text) if isinstance(entry.value, str) else None)
    elif isinstance(entry.value, str) and not _SEVERITY.fullmatch(text):
        entry.refuse(f"{text!r} is no severity; write for instance warning or critical")
    return text


def _read_percent(entry: Entry) -> str:
    value = entry.number()
    if not entry.given:
        return "0"
    if value is None or not 0 <= value <= 100:
        entry.refuse(f"must be a number from 0 to 100, not {describe(entry.value)}")
        return "0"
    return f"{value / 100:.10g}"


def _read_xid(entry: Entry) -> str:
    if (entry.whole_number() or 0) < 1:
        entry.refuse(f"must be the number of an XID, not {describe(entry.value)}")
    return str(entry.value)
