#!/usr/bin/env bash
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs a command and says once a minute that it still runs: the first build of the control plane is silent for long.
set -euo pipefail
started=$SECONDS
( while sleep 60; do echo "... $(( (SECONDS - started) / 60 )) min; the first build of the control plane takes 5 to 11 on 2 cores"; done ) &
ticker=$!
trap 'kill "$ticker" 2>/dev/null || true' EXIT
"$@"
