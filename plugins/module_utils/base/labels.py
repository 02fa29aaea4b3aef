# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The grammar of names, labels and values of taints, so that a typing error is found before any request.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
Each function returns what is wrong, or None.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
QUALIFIED_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
TAINT_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def label_key_problem(key: object) -> str | None:
    """A label (or annotation, or taint) key: an optional DNS subdomain and a slash, then a name of at most 63."""
    if not isinstance(key, str) or not key:
        return f"key {key!r} is not a string; quote it"
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > 253 or not DNS_SUBDOMAIN.fullmatch(prefix)):
        return f"key {key!r}: the part before / must be a lower-case DNS name of at most 253 characters"
    if len(name) > 63 or not QUALIFIED_NAME.fullmatch(name):
        return f"key {key!r}: the name must be 1 to 63 of A-Z a-z 0-9 - _ . with a letter or digit at both ends"
    return None


def label_value_problem(key: str, value: object) -> str | None:
    """A label (or taint) value: empty, or at most 63 letters, digits, '-', '_' and '.'."""
    if not isinstance(value, str):
        return f"value of {key!r} is {value!r}, not a string; quote it"
    if value and (len(value) > 63 or not QUALIFIED_NAME.fullmatch(value)):
        return (
            f"value {value!r} of {key!r} must be empty, or at most 63 letters, digits, '-', '_' or '.', "
            "with a letter or digit at both ends"
        )
    return None


def label_problems(labels: Mapping[object, object]) -> list[str]:
    """What is wrong with a map of labels."""
    found = [label_key_problem(key) or label_value_problem(str(key), value) for key, value in labels.items()]
    return [problem for problem in found if problem]


def dns_label_problem(name: object, what: str = "name") -> str | None:
    """A DNS label (RFC 1123), as namespaces are named: at most 63 lower-case letters, digits and '-'."""
    if not isinstance(name, str) or len(name) > 63 or not DNS_LABEL.fullmatch(name):
        return f"{what} {name!r} must be 1 to 63 lower-case letters, digits or '-', with a letter or digit at both ends"
    return None


def dns_subdomain_problem(name: object, what: str = "name") -> str | None:
    """A DNS subdomain (RFC 1123), as most objects are named: at most 253 characters, labels joined by dots."""
    if not isinstance(name, str) or len(name) > 253 or not DNS_SUBDOMAIN.fullmatch(name):
        return (
            f"{what} {name!r} must be at most 253 lower-case letters, digits, '-' or '.', "
            "with a letter or digit at both ends"
        )
    return None
