# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Prometheus: it loads the rules, scrapes exporters in its own way, and raises what it should."""

from __future__ import annotations

import json
import subprocess
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from alerts.cluster_series import Cluster, Series, always
from alerts.programs import Programs
from alerts.rule_rendering import render_rules
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.sandbox.ports import assign_ports
from waiting import wait_for

ALERTS = (
    "UnexpectedGPUUsage",
    "UnexpectedGPUAllocation",
    "GPUBusyWithoutPod",
    "GPUMiningPattern",
    "GPUMemoryExhaustion",
    "GPUXidErrors",
    "DCGMExporterMissingOnGPUNode",
    "GPUDevicePluginMissingOnGPUNode",
    "FalcoMissingOnGPUNode",
    "FalcoCriticalEvent",
    "FalcoEventsLost",
    "GPUMetricsAbsent",
    "GPUPodAccountsUnknown",
)
JOBS = {
    "dcgm": {"namespace": "dcgm-exporter", "pod": "dcgm-exporter-11111", "container": "dcgm-exporter"},
    "kube": {"namespace": "monitoring", "pod": "kube-state-metrics-0", "container": "kube-state-metrics"},
}


@contextmanager
def exporters(found: Series) -> Iterator[int]:
    """Serves series as the exporters do, before any scrape adds to them. Yields the port."""
    pages: dict[str, list[str]] = {"/dcgm": [], "/kube": []}
    for name, values in found.items():
        metric, _brace, labels = name.partition("{")
        own = [label for label in labels[:-1].split(", ") if not label.startswith(("job=", "instance="))]
        if metric != "up":
            page = pages["/kube" if metric.startswith("kube_") else "/dcgm"]
            page.append(f"{metric}{{{','.join(own)}}} {values.partition('+')[0]}\n")

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write("".join(pages[self.path]).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


class Server:
    """A Prometheus that listens on a loopback port."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self._port = port
        self._process = process
        self._log = log

    def get(self, path: str) -> Any:
        """The data that its API answers with."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/api/v1/{path}", timeout=10) as answer:
            return json.load(answer)["data"]

    def firing(self) -> dict[str, dict[str, Any]]:
        """The alerts that fire, by name and pod or GPU."""
        return {
            f"{alert['labels']['alertname']} {alert['labels'].get('pod') or alert['labels'].get('Hostname', '')}": alert
            for alert in self.get("alerts")["alerts"]
            if alert["state"] == "firing"
        }

    def wait_for(self, what: str, seen: Any) -> None:
        """Wait until ``seen()`` is true; not a matter of speed, as the deadline is far off."""

        def look() -> Any:
            assert self._process.poll() is None, self._log.read_text()
            with suppress(OSError):
                return seen()
            return None

        wait_for(look, lambda: f"{what}: {self.firing()}\n{self._log.read_text()}", seconds=90)


@contextmanager
def prometheus(programs: Programs, folder: Path, rules: Path, scrapes: list[Mapping[str, Any]]) -> Iterator[Server]:
    """Runs Prometheus with a configuration of its own."""
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": scrapes,
    }
    (folder / "prometheus.yml").write_text(json.dumps(configuration), encoding="utf-8")
    port = assign_ports(["prometheus"], {}, lambda _name: False)["prometheus"]
    log = folder / "prometheus.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                str(programs.prometheus),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            cwd=folder,
            stdout=output,
            stderr=output,
        )
    try:
        server = Server(port, process, log)
        server.wait_for("it starts", lambda: server.get("status/runtimeinfo"))
        yield server
    finally:
        process.terminate()
        process.wait(30)


def test_it_loads_every_rule(programs: Programs, rules: Path, tmp_path: Path) -> None:
    def evaluated() -> list[dict[str, Any]]:
        found = [rule for group in server.get("rules")["groups"] for rule in group["rules"]]
        return found if all(rule["health"] != "unknown" for rule in found) else []

    with prometheus(programs, tmp_path, rules, []) as server:
        server.wait_for("it evaluates the rules", evaluated)
        loaded = evaluated()
    assert {rule["name"] for rule in loaded if rule["type"] == "alerting"} == set(ALERTS)
    assert [rule for rule in loaded if rule["health"] != "ok"] == []


@pytest.mark.parametrize("honor_labels", [True, False])
def test_it_tells_a_miner_and_a_bypass_from_training(honor_labels: bool, programs: Programs, tmp_path: Path) -> None:
    now = {alert: {"for": "0s"} for alert in ALERTS}
    rules = render_rules(tmp_path, {"gpu_alerts_settings": now, "gpu_alerts_gap": "10s"})
    cluster, pod = Cluster("static"), {"namespace": "ml-training", "pod": "xmr-0"}
    found = cluster.healthy() | cluster.pod("ml-training", "xmr-0", "default", "gpu-2")
    found |= cluster.gpu("DEV_GPU_UTIL", always(99), "gpu-2", **pod)
    found |= cluster.gpu("DEV_GPU_UTIL", always(42), "gpu-1", gpu="3")
    expected = {"UnexpectedGPUUsage xmr-0", "UnexpectedGPUAllocation xmr-0", "GPUBusyWithoutPod gpu-1"}
    with exporters(found) as port:
        scrapes = [
            {
                "job_name": job,
                "honor_labels": honor_labels,
                "metrics_path": f"/{job}",
                "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": labels}],
            }
            for job, labels in JOBS.items()
        ]
        with prometheus(programs, tmp_path, rules, scrapes) as server:
            server.wait_for("exactly these alerts", lambda: set(server.firing()) == expected)
            firing = server.firing()
    usage = firing["UnexpectedGPUUsage xmr-0"]
    assert usage["labels"] == {
        "alertname": "UnexpectedGPUUsage",
        "severity": "critical",
        "Hostname": "gpu-2",
        "gpu": "0",
        "UUID": "GPU-gpu-2-0",
        **pod,
    }
    assert usage["annotations"]["summary"] == "Pod ml-training/xmr-0 uses a GPU and should not"
    assert usage["annotations"]["description"].startswith("GPU 0 of gpu-2 is at 99%.")
    assert firing["GPUBusyWithoutPod gpu-1"]["annotations"]["summary"] == "GPU 3 of gpu-1 is busy, and no pod holds it"
