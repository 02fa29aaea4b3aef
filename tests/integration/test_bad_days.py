# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that bad days cost time only: the next run finishes an interrupted one, and an absent server is awaited.

The 429s, 503s and resets come from a proxy of ours (fault_proxy.py); what it lets through reaches the real server.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from audit_log import AuditLog
from fault_proxy import AWAY, BUSY, CUT_OFF, RESET, Plan, faulty_server
from module_runs import ModuleRunner, PlaybookRunner, result_of
from sample_manifests import config_map
from sandbox_access import Kubectl, Sandbox
from waiting import wait_for


def many(namespace: str, count: int) -> list[dict[str, object]]:
    return [config_map(namespace, f"m{number}") for number in range(count)]


def held(kubectl: Kubectl, namespace: str) -> int:
    """How many of the ConfigMaps of :func:`many` the server holds."""
    return sum(name.startswith("m") for name in kubectl.names("configmap", namespace))


def await_first_writes(audit: AuditLog) -> None:
    wait_for(lambda: len(audit.so_far().writes) >= 10, "the run writes", seconds=120, pause=0.01)


def test_a_run_that_was_killed_is_finished_by_the_next(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, audit: AuditLog
) -> None:
    wanted = many(namespace, 500)
    process = run_module.start("manifests", manifests=wanted, concurrency=1)
    await_first_writes(audit)
    process.kill()
    process.communicate()
    done = held(kubectl, namespace)
    assert 0 < done < 500, "it was not killed half-way"
    result = run_module("manifests", manifests=wanted)
    assert result["counts"] == {"created": 500 - done, "unchanged": done}
    assert held(kubectl, namespace) == 500
    audit.mark()
    assert run_module("manifests", manifests=wanted)["changed"] is False
    assert audit.requests().writes == []


def test_a_removal_that_was_killed_is_finished_by_the_next(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, audit: AuditLog
) -> None:
    wanted = many(namespace, 300)
    run_module("manifests", manifests=wanted)
    audit.mark()
    process = run_module.start("manifests", manifests=wanted, state="absent", concurrency=1)
    await_first_writes(audit)
    process.kill()
    process.communicate()
    left = held(kubectl, namespace)
    assert 0 < left < 300, "it was not killed half-way"
    result = run_module("manifests", manifests=wanted, state="absent")
    assert result["counts"] == {"deleted": left, "unchanged": 300 - left}
    assert held(kubectl, namespace) == 0


def test_a_server_that_restarts_makes_a_run_slower_only(
    sandbox: Sandbox, run_module: ModuleRunner, namespace: str, kubectl: Kubectl, audit: AuditLog
) -> None:
    wanted = many(namespace, 500)
    process = run_module.start("manifests", manifests=wanted, concurrency=1, retry_timeout=120)
    try:
        await_first_writes(audit)
        sandbox.kill("kube-apiserver")
        assert process.poll() is None, "the run was over before the server was killed"
    finally:
        sandbox.bring("started")
    code, result = result_of(process)
    assert code == 0, result.get("msg")
    assert result["counts"] == {"created": 500}
    assert held(kubectl, namespace) == 500


def every(step: int, fault: str) -> Plan:
    return lambda number: fault if number % step == 1 else None


def in_turn(number: int) -> str | None:
    """A quarter of all requests fails, each time in another way."""
    return (BUSY, AWAY, RESET, CUT_OFF)[number // 4 % 4] if number % 4 == 3 else None


@pytest.mark.parametrize(
    ("plan", "faults"),
    [
        pytest.param(every(10, BUSY), {BUSY}, id="busy"),
        pytest.param(every(5, AWAY), {AWAY}, id="away"),
        pytest.param(every(5, RESET), {RESET}, id="reset"),
        pytest.param(every(5, CUT_OFF), {CUT_OFF}, id="cut off after the deed"),
        pytest.param(in_turn, {BUSY, AWAY, RESET, CUT_OFF}, id="all in turn"),
    ],
)
def test_faults_for_a_while_make_a_run_slower_only(
    run_module: ModuleRunner,
    namespace: str,
    kubectl: Kubectl,
    kubeconfig: Path,
    tmp_path: Path,
    plan: Plan,
    faults: set[str],
) -> None:
    wanted = many(namespace, 40)
    with faulty_server(kubeconfig, tmp_path, plan) as faulty:
        connection = {"kubeconfig": None, "host": faulty.address}
        result = run_module("manifests", manifests=wanted, **connection)
        assert result["counts"] == {"created": 40}
        assert held(kubectl, namespace) == 40
        gone = run_module("manifests", manifests=wanted, state="absent", **connection)
        assert gone["counts"] == {"deleted": 40}
        assert held(kubectl, namespace) == 0
        assert set(faulty.faults) == faults


@pytest.mark.parametrize("fault", [BUSY, AWAY, RESET])
def test_a_server_that_stays_broken_is_reported_in_the_end(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, kubeconfig: Path, tmp_path: Path, fault: str
) -> None:
    with faulty_server(kubeconfig, tmp_path, lambda _number: fault) as faulty:
        connection = {"kubeconfig": None, "host": faulty.address, "retry_timeout": 2}
        failed = run_module.failing("manifests", manifests=many(namespace, 5), **connection)
        assert faulty.faults[fault] > 1, "it gave up at once"
    assert faulty.address in failed["msg"]
    assert held(kubectl, namespace) == 0


def test_ctrl_c_ends_a_playbook_without_a_traceback(
    play: PlaybookRunner, run_module: ModuleRunner, namespace: str, kubectl: Kubectl, audit: AuditLog
) -> None:
    wanted = many(namespace, 500)
    process = play.start([{"gpu_cluster.hardening.manifests": {"manifests": wanted, "concurrency": 1}}])
    await_first_writes(audit)
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Traceback" not in stdout + stderr
    stopped = held(kubectl, namespace)
    assert stopped < 500, "it was not stopped"
    result = run_module("manifests", manifests=wanted)
    assert sum(result["counts"].values()) == 500
    assert held(kubectl, namespace) == 500


def test_ctrl_c_ends_a_module_in_its_wait(run_module: ModuleRunner, namespace: str, kubectl: Kubectl) -> None:
    stuck = config_map(namespace, "m0", finalizers=["hardening.example/hold"])
    run_module("manifests", manifests=[stuck])
    process = run_module.start("manifests", manifests=[stuck], state="absent", wait_timeout=3600)
    wait_for(
        lambda: kubectl.get("configmap", "m0", namespace)["metadata"].get("deletionTimestamp"),
        "the run removes",
    )
    process.send_signal(signal.SIGINT)
    _stdout, stderr = process.communicate(timeout=60)
    assert process.returncode != 0
    patch = '{"metadata": {"finalizers": null}}'
    kubectl("patch", "configmap", "m0", "-n", namespace, "--type=merge", "-p", patch)
    assert "Exception ignored" not in stderr
