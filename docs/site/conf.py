# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of Sphinx for the site that `make docs` builds: our pages, and what antsibull-docs writes."""

from __future__ import annotations

from typing import Any

project = "gpu_cluster.hardening"
author = "The gpu_cluster.hardening authors"
copyright = "2026, the gpu_cluster.hardening authors"  # noqa: A001 - Sphinx's name
html_title = "GPU cluster hardening"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
root_doc = "index"
exclude_patterns = ["tests/**", "extensions/**", "roles/*/files/**", "roles/*/templates/**"]
html_theme = "furo"  # light and dark, as the reader's system says
html_show_sourcelink = False
pygments_style = "default"
pygments_dark_style = "monokai"
myst_heading_anchors = 4
myst_links_external_new_tab = False
# Blocks of Jinja in YAML and output of programs are shown as they are.
suppress_warnings = ["misc.highlighting_failure"]
default_role = "any"

OURS = "ansible_collections.gpu_cluster.hardening."
OF_ANSIBLE = {"action_plugins", "common_return_values", "ansible_configuration_settings"}


def leave_other_docs(_app: Any, _env: Any, node: Any, content: Any) -> Any:
    """Pages of Ansible and other collections are named, not linked: the build reads no network."""
    target = str(node.get("reftarget", ""))
    elsewhere = target in OF_ANSIBLE or (target.startswith("ansible_collections.") and not target.startswith(OURS))
    return content if elsewhere else None


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("missing-reference", leave_other_docs)
