# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes parts of PromQL: whatever a user's name holds, it stays inside its quotes and matches only itself.

Source: https://prometheus.io/docs/prometheus/latest/querying/basics/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

DURATION = re.compile(r"(?=[0-9])([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?")
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_REGEX_SIGNS = re.compile(r"([\\.+*?()|\[\]{}^$])")
_LOWER_THEN_UPPER = re.compile(r"([a-z0-9])([A-Z])")
_NO_LABEL_NAME = re.compile(r"[^a-zA-Z0-9_]")


def string(text: str) -> str:
    """A string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def escape(text: str) -> str:
    """A regular expression (RE2) that matches exactly this text."""
    return _REGEX_SIGNS.sub(r"\\\1", text)


def any_of(names: Iterable[str]) -> str:
    """A string literal with a regular expression that matches each of the names; without any, only an empty label."""
    return string("|".join(escape(name) for name in sorted(set(names))))


def matchers(labels: Mapping[str, str]) -> str:
    """Matchers that ask for exactly these labels, without the braces around them."""
    return ", ".join(f"{name}={string(value)}" for name, value in labels.items())


def kube_label(key: str) -> str:
    """The name that kube-state-metrics gives to a Kubernetes label: ``node-type`` is ``label_node_type``.

    Source: kube-state-metrics, internal/store/utils.go.
    """
    snake = _LOWER_THEN_UPPER.sub(r"\1_\2", key).lower()
    return f"label_{_NO_LABEL_NAME.sub('_', snake)}"


def duration_problem(text: str, positive: bool = False) -> str | None:
    """What is wrong with a duration of Prometheus, such as ``5m`` or ``1h30m``."""
    if text != "0" and not DURATION.fullmatch(text):
        return f"{text!r} is no duration; write for instance 30s, 5m or 1h30m"
    if positive and not re.search("[1-9]", text):
        return f"{text!r} must be longer than nothing"
    return None
