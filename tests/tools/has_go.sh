#!/usr/bin/env bash
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Succeeds if the Go on the PATH is recent enough to build the sandbox's control plane (1.26).
set -euo pipefail
version=$(go env GOVERSION 2>/dev/null) || exit 1
[[ $version =~ ^go1\.([0-9]+) ]] && (( BASH_REMATCH[1] >= 26 ))
