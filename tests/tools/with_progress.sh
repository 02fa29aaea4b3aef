#!/usr/bin/env bash
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs a command that may build the sandbox's control plane, and says once a minute how far that is:
# with_progress.sh BUILD_LOG COMMAND...
set -euo pipefail
log=$1
shift
rm -f "$log"

# Reads from a pipe that only this script writes to: the end of the command ends it, too, at once.
say_progress() {
  local minutes=0
  until read -rt 60 || (( $? <= 128 )); do
    minutes=$(( minutes + 1 ))
    if [[ -s $log ]]; then
      echo "... $minutes min: $(wc -l < "$log") Go packages so far, now $(tail -n 1 "$log"); 5 to 11 min on 2 cores"
    else
      echo "... $minutes min"
    fi
  done
}
exec 3> >(say_progress)
"$@" 3>&-
