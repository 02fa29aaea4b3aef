# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the rule files in the values of Falco's Helm chart: ``customRules`` maps their names to their texts."""

from __future__ import annotations

try:
    import yaml

    HAVE_YAML = True
except ImportError:
    HAVE_YAML = False

_KEY = "customRules"


def custom_rules(name: str, content: str) -> list[tuple[str, str]]:
    """The rule files in a file of Helm values, in the order of their names, as Falco loads them.

    Args:
        name: of the file.
        content: its text.

    Returns:
        Name and text of each; the file itself if it is no such file.
    """
    if _KEY not in content or not HAVE_YAML:
        return [(name, content)]
    try:
        root = yaml.compose(content, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return [(name, content)]  # noted when it is read as a rule file
    if not isinstance(root, yaml.MappingNode):
        return [(name, content)]
    for key, value in root.value:
        if key.value == _KEY and isinstance(value, yaml.MappingNode):
            texts = {one.value: text.value for one, text in value.value if isinstance(text, yaml.ScalarNode)}
            return [(f"{name}:{file}", text) for file, text in sorted(texts.items())]
    return [(name, content)]
