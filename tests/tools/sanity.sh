#!/usr/bin/env bash
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs ansible-test sanity in a copy of this checkout, with a HOME of its own under .build.
#
# ansible-test wants to stand in .../ansible_collections/NAMESPACE/NAME under git, strips the environment to HOME and
# PATH, and downloads a bootstrap script for pip that not every network lets through.
set -euo pipefail
cd "$(dirname "$0")/../.."
checkout=$PWD
home=$checkout/.build/home
copy=$checkout/.build/sanity/ansible_collections/gpu_cluster/hardening
python=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')

# Settings of the user's pip (index, certificate, proxy), which the stripped environment would lose.
mkdir -p "$home/.config/pip" "$home/.ansible/test/cache"
{
  echo "[global]"
  .venv/bin/python -m pip config list 2>/dev/null |
    sed -nE "s/^(global|install|:env:)\.([a-z-]+)='(.*)'$/\2 = \3/p" | awk -F' = ' '!seen[$1]++'
  [[ -z ${SSL_CERT_FILE:-} || -n ${PIP_CERT:-} ]] || echo "cert = $SSL_CERT_FILE"
} > "$home/.config/pip/pip.conf"

# What the bootstrap script does, without a download. ensurepip runs as a process of its own, because it sets
# PIP_CONFIG_FILE for all that follows in its process.
for name in $(.venv/bin/python - <<'PYTHON'
import pathlib, re
import ansible_test._internal.python_requirements as requirements
text = pathlib.Path(requirements.__file__).read_text(encoding="utf-8")
versions = set(re.findall(r"['\"](\d+\.\d+(?:\.\d+)?)['\"]", text))
print(*sorted("get_pip_" + version.replace(".", "_") + ".py" for version in versions))
PYTHON
); do
  cat > "$home/.ansible/test/cache/$name" <<'PYTHON'
import subprocess
import sys

subprocess.run([sys.executable, "-m", "ensurepip", "--upgrade"], check=True, stdout=subprocess.DEVNULL)
packages = [argument for argument in sys.argv[1:] if not argument.startswith("--no-")]
sys.exit(subprocess.run([sys.executable, "-m", "pip", "install", *packages], check=False).returncode)
PYTHON
done

rm -rf "$copy"
mkdir -p "$copy"
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
  [[ -e $file ]] && printf '%s\0' "$file"
done | tar --null -T - -cf - | tar -xf - -C "$copy"
cd "$copy"
git init --quiet
git add .
HOME=$home PATH="$checkout/.venv/bin:$PATH" ansible-test sanity --venv --python "$python" --color no "$@"
