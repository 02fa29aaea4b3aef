# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Falco makes of YAML before it holds it against its schemas: what is empty becomes null.

Source: the conversion of YAML to JSON in userspace/falco/configuration.h of falcosecurity/falco 0.44.1, which fills a
sequence or mapping item by item and so leaves an empty one as it began.
"""

from __future__ import annotations


def as_falco_reads(value: object) -> object:
    """The value with null instead of every empty list and mapping, as plugins get their configuration."""
    if isinstance(value, dict):
        return {key: as_falco_reads(item) for key, item in value.items()} or None
    if isinstance(value, list):
        return [as_falco_reads(item) for item in value] or None
    return value
