# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the collection against what people use today, and writes docs/benchmarks.md and docs/benchmarks.json.

``make bench`` measures all; ``make bench BENCH="whole_job fleet" MOST=1000`` these cases, on clusters of at most so
many GPU nodes. A part of the figures goes to .build/bench-home, as docs has those of one run.

Everything runs against one sandbox of its own, which is removed at the end, also after a failure.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "integration"))  # the sandbox, kubectl, the audit log

from cases import MANY, all_cases, measure_all
from cluster import BenchCluster
from measure import say
from report import write
from sandbox_access import CHECKOUT


def main() -> None:
    """Measure what is asked for, then write the report."""
    names = [case.name for case in all_cases()]
    parser = argparse.ArgumentParser(prog="tests/bench", description="Measure this collection against its peers.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"all of them, or any of: {', '.join(names)}")
    parser.add_argument("--most", type=int, default=MANY, help=f"GPU nodes of the largest cluster ({MANY})")
    asked = parser.parse_args()
    unknown = set(asked.cases) - set(names)
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}. There are {', '.join(names)}.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the sandbox is removed then, too
    cluster = BenchCluster.at(CHECKOUT / ".build" / "bench-sandbox")
    try:
        rows = measure_all(cluster, asked.cases or names, asked.most)
    finally:
        say("removing the sandbox")
        cluster.remove()
    is_whole = not asked.cases and asked.most >= MANY
    print(write(rows, CHECKOUT / "docs" if is_whole else cluster.home))


if __name__ == "__main__":
    main()
