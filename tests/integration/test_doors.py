# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that a door gives the same result in Ansible's own process as its module in one of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from module_runs import HERE, MODULE, PlaybookRunner
from sample_manifests import config_map, deployment, namespace_object, secret
from sandbox_access import Kubectl, Sandbox

TOKEN = "hvs.very-secret-token"
VALUE = "very-secret-value"
RUNS_AS_MODULE = ("environment", "async")


def manifests(*items: Any, **more: Any) -> dict[str, Any]:
    return {"gpu_cluster.hardening.manifests": {"manifests": list(items), **more}}


def calls(namespace: str) -> dict[str, dict[str, Any]]:
    """The calls, by name, in the order in which they are made: one changes what the next one finds."""
    nobody = {"host": "http://127.0.0.1:1", "api_key": TOKEN, "retry_timeout": 0}
    warned = namespace_object(namespace, **{"pod-security.kubernetes.io/warn": "restricted"})
    first, second = config_map(namespace, "a", {"k": "1"}), config_map(namespace, "a", {"k": "2", "day": "x"})
    dated = {**second, "metadata": {**second["metadata"], "annotations": {"day": "{{ '2026-11-28' }}"}}}
    return {
        "success": manifests(warned),
        "predicted": {**manifests(first, secret(namespace, "s", password=VALUE)), "check_mode": True, "diff": True},
        "change": {**manifests(first, secret(namespace, "s", password=VALUE)), "diff": True},
        "nothing to do": {**manifests(first), "diff": True},
        "changed without diff": manifests(dated),
        "warning of the server": manifests(deployment(namespace, "unsafe", 0)),
        "refused by the server": manifests(config_map(namespace, "Big"), config_map(namespace, "_")),
        "wrong data": manifests({**first, "data": {"k": 1}}),
        "wrong manifest": manifests({"kind": "ConfigMap"}),
        "unknown option": manifests(secret(namespace, "s", password=VALUE), stat="absent"),
        "no option": {"gpu_cluster.hardening.manifests": None},
        "wrong choice": manifests(first, state="gone"),
        "wrong type": manifests(first, wait_timeout="soon"),
        "unreachable, with a token": {"gpu_cluster.hardening.cluster_info": nobody},
        "loop": {**manifests("{{ item }}"), "loop": [first, {"kind": "x"}, second], "loop_control": {"label": "x"}},
        "relative path": {"gpu_cluster.hardening.cluster_info": {"kubeconfig": "kube/config"}},
        "no such file": {"gpu_cluster.hardening.cluster_info": {"kubeconfig": "kube/none"}},
        "delegated": {**manifests(first), "delegate_to": "localhost"},
        "environment": {
            "gpu_cluster.hardening.cluster_info": {"kubeconfig": "{{ omit }}"},
            "environment": {"KUBECONFIG": "kube/config"},
        },
        "async": {"gpu_cluster.hardening.cluster_info": {}, "async": 60, "poll": 1},
        "nodes predicted": {"gpu_cluster.hardening.gpu_nodes": {}, "check_mode": True, "diff": True},
        "nodes": {"gpu_cluster.hardening.gpu_nodes_info": {}},
        "layer predicted": {
            "gpu_cluster.hardening.layer": {"name": "doors", "manifests": [first, secret(namespace, "t", k=VALUE)]},
            "check_mode": True,
            "diff": True,
        },
        "layer refused": {"gpu_cluster.hardening.layer": {"name": "No Name", "manifests": []}},
        "layers": {"gpu_cluster.hardening.layer_info": {"names": ["none"]}},
        "components": {"gpu_cluster.hardening.gpu_components_info": {}},
        "operators": {"gpu_cluster.hardening.external_secrets_info": {}},
        "rules": {
            "gpu_cluster.hardening.falco_rules_info": {"rules": [{"name": "r.yaml", "content": "- macro: m"}]},
        },
        "registry": {
            "gpu_cluster.hardening.image_digests_info": {
                "images": ["127.0.0.1:1/a:b"],
                "timeout": 1,
                "registries": [{"name": "127.0.0.1:1", "username": "u", "password": TOKEN, "plain_http": True}],
            }
        },
        "vault": {
            "gpu_cluster.hardening.vault_secrets": {
                "url": "http://127.0.0.1:1",
                "token": TOKEN,
                "retry_timeout": 0,
                "values": {"ml/a": {"k": VALUE}},
            }
        },
        "vault access": {
            "gpu_cluster.hardening.vault_access": {"url": "http://127.0.0.1:1", "token": TOKEN, "retry_timeout": 0}
        },
        "removal": {**manifests(first, state="absent"), "diff": True},
    }


@dataclass(frozen=True)
class Answers:
    """What one way gave."""

    results: Mapping[str, Any]
    output: str


def answers_of(play: PlaybookRunner, namespace: str, way: str) -> Answers:
    told = play.home / "told.json"
    asked = calls(namespace)
    names = {name: f"told_{number}" for number, name in enumerate(asked)}
    tasks = [
        {"name": name, **task, "register": names[name], "ignore_errors": True, "no_log": False}
        for name, task in asked.items()
    ]
    lookups = ", ".join(f"'{name}': {variable}" for name, variable in names.items())
    tasks.append({"ansible.builtin.copy": {"content": f"{{{{ {{{lookups}}} | to_json }}}}", "dest": str(told)}})
    done = play(tasks, "-vvvv", interpreter=way)
    assert done.returncode == 0, done.stdout + done.stderr
    return Answers(json.loads(told.read_text().replace(namespace, "NAMESPACE")), done.stdout + done.stderr)


@pytest.fixture(scope="module")
def both(
    sandbox: Sandbox, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Answers, Answers]]:
    """The answers of the same calls: as modules, and here."""
    home = tmp_path_factory.mktemp("doors")
    (home / "kube").mkdir()
    shutil.copy(sandbox.kubeconfig, home / "kube" / "config")
    play = PlaybookRunner(home, sandbox.kubeconfig)
    namespaces = [f"test-{uuid.uuid4().hex[:10]}" for _way in (MODULE, HERE)]
    yield answers_of(play, namespaces[0], MODULE), answers_of(play, namespaces[1], HERE)
    kubectl("delete", "namespace", *namespaces, "--wait=false", "--ignore-not-found")


@pytest.mark.parametrize("name", calls(""))
def test_the_result_is_the_same(both: tuple[Answers, Answers], name: str) -> None:
    as_module, here = (_without_chance(answers.results[name]) for answers in both)
    assert here == as_module


def _without_chance(result: Mapping[str, Any]) -> Any:
    """A result without what no two runs have in common, and without Ansible's own note that it parsed a module."""
    chance = {"ansible_job_id", "results_file", "started", "stdout", "stderr", "stdout_lines", "stderr_lines"}
    return {key: value for key, value in result.items() if key not in chance and not key.startswith("_ansible_")}


def test_what_is_said_is_what_happened(both: tuple[Answers, Answers]) -> None:
    for answers in both:
        results = answers.results
        assert results["change"]["changed"] and not results["nothing to do"]["changed"]
        assert len(results["refused by the server"]["failures"]) == 2
        assert any("restricted" in text for text in results["warning of the server"]["warnings"])
        assert "Unsupported parameters" in results["unknown option"]["msg"]
        assert [item["changed"] for item in results["loop"]["results"] if not item.get("failed")] == [True, True]


def test_no_secret_is_shown(both: tuple[Answers, Answers]) -> None:
    for answers in both:
        assert TOKEN not in answers.output and VALUE not in answers.output
        assert TOKEN not in json.dumps(answers.results) and VALUE not in json.dumps(answers.results)


def test_modules_are_started_only_where_they_must_be(both: tuple[Answers, Answers]) -> None:
    as_module, here = (answers.output.count("Using module file") for answers in both)
    loop_items = 3
    assert (as_module - here) == len(calls("")) + loop_items - 1 - len(RUNS_AS_MODULE)


def test_warnings_are_shown_alike(both: tuple[Answers, Answers]) -> None:
    as_module, here = ([line for line in answers.output.splitlines() if "[WARNING]" in line] for answers in both)
    assert here == as_module


@pytest.fixture
def deaf_server() -> Iterator[str]:
    """Address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_nothing_of_a_run_that_is_stopped_goes_on(play: PlaybookRunner, deaf_server: str) -> None:
    process = play.start([{"gpu_cluster.hardening.cluster_info": {"host": deaf_server, "api_key": TOKEN}}])
    _wait_until(lambda: len(_members(process.pid)) > 1)
    workers = _members(process.pid)
    os.kill(process.pid, signal.SIGTERM)
    process.communicate(timeout=60)
    _wait_until(lambda: not any(_lives(worker) for worker in workers))


def test_the_timeout_of_a_task_ends_it(play: PlaybookRunner, deaf_server: str) -> None:
    asked = {"host": deaf_server, "api_key": TOKEN, "request_timeout": 20, "retry_timeout": 0}
    begin = time.monotonic()
    done = play([{"gpu_cluster.hardening.cluster_info": asked, "timeout": 2}])
    assert done.returncode == 2 and "2" in done.stdout and time.monotonic() - begin < 20


def test_no_key_of_a_kubeconfig_stays_behind(play: PlaybookRunner, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = play([{"gpu_cluster.hardening.cluster_info": {}}] * 2, environment={"TMPDIR": str(temporary)})
    assert done.returncode == 0, done.stdout
    left = [path for path in (*temporary.rglob("*"), *tmp_path.glob(".ansible/tmp/*")) if path.is_file()]
    assert left == []


def _wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _members(pid: int) -> set[int]:
    """A process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {pid}.union(*(_members(int(child)) for child in children))


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
