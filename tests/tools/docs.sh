#!/usr/bin/env bash
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Builds the site of the docs in .build/docs/html; one warning of Sphinx or antsibull-docs is a failure.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$PWD/.build/docs
venv=$folder/venv
source=$folder/source

stamp=$folder/requirements-$(cksum < requirements/docs.txt | cut -d' ' -f1)
if [[ ! -e $stamp ]]; then
  echo "Installing Sphinx and antsibull-docs into $venv ..."
  rm -rf "$venv" "$folder"/requirements-*
  .venv/bin/python -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement requirements/docs.txt
  touch "$stamp"
fi

# The pages keep their places, so that their links to each other and to files are true here, too.
rm -rf "$source" "$folder/html"
mkdir -p "$source"
git ls-files -z -- '*.md' docs roles playbooks inventories/example plugins/module_utils requirements.txt LICENSE tests/cases |
  tar --null -T - -cf - | tar -xf - -C "$source"
cp docs/site/conf.py docs/site/index.md "$source"
rm -rf "$source/docs/site"

export PATH=$venv/bin:$PATH
mkdir -p "$source/reference"
antsibull-docs collection --use-current --fail-on-error --no-add-antsibull-docs-version --no-breadcrumbs \
  --squash-hierarchy --dest-dir "$source/reference" gpu_cluster.hardening
# The theme has a table of contents of its own, and says so in red of a second one.
find "$source/reference" -name '*.rst' -exec sed -i '/^\.\. contents::/,/^$/d' {} +
sphinx-build --quiet --fail-on-warning --keep-going --jobs 2 --builder html --doctree-dir "$folder/doctrees" \
  "$source" "$folder/html"
echo "The site is $folder/html/index.html."
