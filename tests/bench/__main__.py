# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the collection against what people use today, and writes docs/benchmarks.md and docs/benchmarks.json.

Everything runs against one sandbox of its own, which is removed at the end, also after a failure.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "integration"))  # the sandbox, kubectl, the audit log

from cases import measure_all
from cluster import BenchCluster
from measure import say
from peers import KubernetesCore
from report import write
from sandbox_access import CHECKOUT


def main() -> None:
    """Measure all cases, then write the report."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the sandbox is removed then, too
    peer = KubernetesCore.installed()
    cluster = BenchCluster.at(CHECKOUT / ".build" / "bench-sandbox")
    try:
        rows = measure_all(cluster, peer)
    finally:
        say("removing the sandbox")
        cluster.remove()
    print(write(rows, CHECKOUT / "docs", peer.version))


if __name__ == "__main__":
    main()
