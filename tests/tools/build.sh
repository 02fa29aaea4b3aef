#!/usr/bin/env bash
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Builds the collection's tarball from what is named here, as git knows it: build.sh FOLDER.
# A checkout also has what users made: inventories, locks of images, kubeconfigs.
set -euo pipefail
mkdir -p "$1"
target=$(cd "$1" && pwd -P)
cd "$(dirname "$0")/../.."
named=(galaxy.yml LICENSE README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md requirements.txt bindep.txt
  changelogs docs extensions/eda extensions/patterns inventories/example meta playbooks plugins roles)

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z -- "${named[@]}" | tar --null -T - -cf - | tar -xf - -C "$copy"
"$PWD/.venv/bin/ansible-galaxy" collection build "$copy" --force --output-path "$target"
