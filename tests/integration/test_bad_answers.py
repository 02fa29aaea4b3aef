# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that an answer which is not the API's is no success, that what passes is waited for, and what ends a run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fault_proxy import (
    DRIP,
    LEADER,
    LOGIN,
    MODIFIED,
    NO_PAUSE,
    NO_ROUTE,
    NOTHING,
    OTHER,
    PAGE,
    a_write,
    faulty_server,
)
from module_runs import ModuleRunner, PlaybookRunner
from sample_manifests import config_map
from sandbox_access import Kubectl

STRANGERS = [LOGIN, PAGE, NOTHING, OTHER, NO_ROUTE]


def many(namespace: str, count: int) -> list[dict[str, object]]:
    return [config_map(namespace, f"m{number}") for number in range(count)]


def held(kubectl: Kubectl, namespace: str) -> int:
    return sum(name.startswith("m") for name in kubectl.names("configmap", namespace))


@pytest.mark.parametrize("fault", STRANGERS)
@pytest.mark.parametrize("wait", [True, False])
def test_a_write_that_a_stranger_answers_is_not_done(
    run_module: ModuleRunner,
    namespace: str,
    kubectl: Kubectl,
    kubeconfig: Path,
    tmp_path: Path,
    fault: str,
    wait: bool,
) -> None:
    with faulty_server(kubeconfig, tmp_path, lambda _number: fault, choice=a_write) as faulty:
        connection = {"kubeconfig": None, "host": faulty.address}
        failed = run_module.failing("manifests", manifests=many(namespace, 2), wait=wait, **connection)
        assert faulty.faults[fault] == 2, "it was tried again, or not all were"
        path = f"PATCH {faulty.address}/api/v1/namespaces/{namespace}/configmaps/m0: the answer"
        assert path in failed["msg"]
    assert "is not the Kubernetes API's" in failed["msg"]
    assert "secret-state" not in failed["msg"]
    assert failed["changed"] is False
    assert held(kubectl, namespace) == 0


@pytest.mark.parametrize("fault", STRANGERS)
@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("first", [0, 1], ids=["from the first request", "from the second"])
def test_a_stranger_in_the_servers_place_is_an_error_and_no_absence(
    run_module: ModuleRunner,
    namespace: str,
    kubectl: Kubectl,
    kubeconfig: Path,
    tmp_path: Path,
    fault: str,
    state: str,
    first: int,
) -> None:
    kubectl("create", "configmap", "m0", "-n", namespace)
    with faulty_server(kubeconfig, tmp_path, lambda number: fault if number >= first else None) as faulty:
        connection = {"kubeconfig": None, "host": faulty.address}
        failed = run_module.failing("manifests", manifests=many(namespace, 4), state=state, **connection)
    assert "is not the Kubernetes API's" in failed["msg"]
    assert held(kubectl, namespace) == 1


@pytest.mark.parametrize(
    "module", ["gpu_nodes", "layer", "layer_info", "gpu_components_info", "nvidia_floors_info", "cluster_info"]
)
def test_no_module_takes_a_login_page_for_a_list(
    run_module: ModuleRunner, kubeconfig: Path, tmp_path: Path, module: str
) -> None:
    params: dict[str, Any] = {"layer": {"name": "one"}}.get(module, {})
    with faulty_server(kubeconfig, tmp_path, lambda _number: PAGE) as faulty:
        failed = run_module.failing(module, kubeconfig=None, host=faulty.address, **params)
    assert "is not the Kubernetes API's" in failed["msg"]


@pytest.mark.parametrize("fault", [LEADER, MODIFIED])
def test_refusals_that_pass_by_themselves_make_a_run_slower_only(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, kubeconfig: Path, tmp_path: Path, fault: str
) -> None:
    def every_third(number: int) -> str | None:
        return fault if number % 3 == 0 else None

    with faulty_server(kubeconfig, tmp_path, every_third, choice=lambda method, _path: method == "PATCH") as faulty:
        result = run_module("manifests", manifests=many(namespace, 10), kubeconfig=None, host=faulty.address)
        assert faulty.faults[fault] > 2
    assert result["counts"] == {"created": 10}
    assert held(kubectl, namespace) == 10


def test_a_cause_that_stays_is_said_after_a_while(
    run_module: ModuleRunner, namespace: str, kubeconfig: Path, tmp_path: Path
) -> None:
    with faulty_server(kubeconfig, tmp_path, lambda _number: MODIFIED, choice=a_write) as faulty:
        begin = time.monotonic()
        failed = run_module.failing("manifests", manifests=many(namespace, 3), kubeconfig=None, host=faulty.address)
    assert time.monotonic() - begin < 40
    assert "times in" in failed["msg"]
    assert "find out who" in failed["msg"]


def test_a_server_that_asks_for_no_pause_is_not_asked_thousands_of_times(
    run_module: ModuleRunner, namespace: str, kubeconfig: Path, tmp_path: Path
) -> None:
    with faulty_server(kubeconfig, tmp_path, lambda _number: NO_PAUSE, choice=a_write) as faulty:
        connection = {"kubeconfig": None, "host": faulty.address, "retry_timeout": 5}
        failed = run_module.failing("manifests", manifests=many(namespace, 20), **connection)
        assert faulty.faults[NO_PAUSE] < 200
    assert "answers 429" in failed["msg"]


def test_an_answer_that_drips_ends_with_the_request_timeout(
    run_module: ModuleRunner, namespace: str, kubeconfig: Path, tmp_path: Path
) -> None:
    with faulty_server(kubeconfig, tmp_path, lambda _number: DRIP) as faulty:
        connection = {"kubeconfig": None, "host": faulty.address, "retry_timeout": 1, "request_timeout": 2}
        begin = time.monotonic()
        failed = run_module.failing("manifests", manifests=many(namespace, 20), **connection)
    assert time.monotonic() - begin < 30
    assert "cannot be reached" in failed["msg"]


def settled(look: Callable[[], int]) -> int:
    """What is seen once nothing has changed for two seconds."""
    end = time.monotonic() + 60
    seen = look()
    while time.monotonic() < end:
        time.sleep(2)
        before, seen = seen, look()
        if before == seen:
            break
    return seen


def test_the_kill_of_ansible_playbook_ends_what_it_began(
    play: PlaybookRunner, run_module: ModuleRunner, namespace: str, kubectl: Kubectl
) -> None:
    wanted = many(namespace, 1500)
    process = play.start([{"gpu_cluster.hardening.manifests": {"manifests": wanted, "concurrency": 1}}])
    end = time.monotonic() + 120
    while held(kubectl, namespace) < 5:
        assert time.monotonic() < end, "the run writes nothing"
    os.kill(process.pid, signal.SIGKILL)
    killed = time.monotonic()
    process.wait()
    stopped = settled(lambda: held(kubectl, namespace))
    assert stopped < 1500, f"it went on to the end, {time.monotonic() - killed:.1f} s"
    assert sum(run_module("manifests", manifests=wanted)["counts"].values()) == 1500
    assert held(kubectl, namespace) == 1500
