#!/usr/bin/env bash
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Asks those who publish collections: the importer of Galaxy and Automation Hub, and the linters of docs and changelog.
# All look at the tarball; one warning of theirs is a failure.
set -euo pipefail
cd "$(dirname "$0")/../.."
checkout=$PWD
folder=$checkout/.build/galaxy
collection=$folder/ansible_collections/gpu_cluster/hardening

rm -rf "$folder"
tests/tools/build.sh "$folder" > /dev/null
tarball=("$folder"/*.tar.gz)
mkdir -p "$collection"
tar -xf "${tarball[0]}" -C "$collection"

# ansible-lint is not run again: `make lint` does, with the same profile and fewer exceptions. The importer takes 15 s.
(cd "$folder" && GALAXY_IMPORTER_RUN_ANSIBLE_LINT=false "$checkout/.venv/bin/python" -m galaxy_importer.main "${tarball[0]}") \
  > "$folder/importer.log" 2>&1 || { cat "$folder/importer.log"; exit 1; }
if grep -E '^(WARNING|ERROR|CRITICAL)' "$folder/importer.log"; then exit 1; fi
tail -n 1 "$folder/importer.log"

ANSIBLE_COLLECTIONS_PATH=$folder "$checkout/.venv/bin/antsibull-docs" lint-collection-docs --plugin-docs "$collection"

"$checkout/.venv/bin/antsibull-changelog" lint
cp galaxy.yml "$collection"
(cd "$collection" && "$checkout/.venv/bin/antsibull-changelog" generate)
diff -u "$checkout/CHANGELOG.md" "$collection/CHANGELOG.md" || {
  echo "CHANGELOG.md is not what changelogs/changelog.yaml says: make changelog" >&2
  exit 1
}
echo "Galaxy takes the tarball; its docs and its changelog have no faults."
