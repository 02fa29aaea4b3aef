# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets: not in the environment, and in files that nobody else can read."""

from __future__ import annotations

from typing import Any

import pytest
from admission_answers import Answers, Case, admitted, send
from pod_objects import WORKLOADS, Json, container, pod, workload
from sandbox_access import Kubectl

TOKEN = {"name": "REGISTRY_TOKEN", "valueFrom": {"secretKeyRef": {"name": "credentials", "key": "token"}}}
ALL_KEYS = [{"secretRef": {"name": "credentials"}}]
OWNER_ONLY, GROUP, EVERYBODY = 0o400, 0o440, 0o644


def in_env(name: str = "server", **changes: Any) -> Json:
    return container(name, env=[{"name": "MODE", "value": "fast"}, TOKEN], **changes)


def secret_volume(**secret: Any) -> list[Json]:
    return [{"name": "creds", "secret": {"secretName": "credentials", **secret}}]


def projected(mode: int | None, *sources: Json) -> list[Json]:
    volume: Json = {"sources": list(sources)}
    return [{"name": "creds", "projected": volume if mode is None else {**volume, "defaultMode": mode}}]


def items(*modes: int | None) -> list[Json]:
    return [
        {"key": f"k{number}", "path": f"k{number}", **({} if mode is None else {"mode": mode})}
        for number, mode in enumerate(modes)
    ]


def env_refused(item: Json, name: str = "server") -> Case:
    return Case(item, "secrets", (f"container {name}:", "REGISTRY_TOKEN", "mount the Secret as a volume"))


def volume_refused(name: str, volumes: list[Json]) -> Case:
    return Case(pod(name, volumes=volumes), "secrets", ("volume creds:", "defaultMode", "0400"))


SECRET = {"secret": {"name": "credentials"}}
CONFIG = {"configMap": {"name": "settings"}}
CASES = [
    admitted(pod("no-env", container(env=[], envFrom=[]))),
    admitted(pod("plain-env", container(env=[{"name": "MODE", "value": "fast"}]))),
    admitted(pod("env-of-config-map", container(envFrom=[{"configMapRef": {"name": "settings"}}]))),
    admitted(
        pod("env-of-field", container(env=[{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]))
    ),
    env_refused(pod("env-of-secret", in_env())),
    env_refused(
        pod(
            "optional-secret",
            container(
                "server",
                env=[
                    {**TOKEN, "valueFrom": {"secretKeyRef": {**TOKEN["valueFrom"]["secretKeyRef"], "optional": True}}}
                ],
            ),
        )
    ),
    env_refused(pod("env-in-init-container", initContainers=[in_env("fetch")]), "fetch"),
    env_refused(pod("env-in-sidecar", initContainers=[in_env("proxy", restartPolicy="Always")]), "proxy"),
    env_refused(pod("env-in-second-container", container(), in_env("second")), "second"),
    Case(pod("env-from-secret", container("server", envFrom=ALL_KEYS)), "secrets", ("container server: envFrom",)),
    Case(
        pod("env-from-with-prefix", container("server", envFrom=[{"prefix": "X_", **ALL_KEYS[0]}])),
        "secrets",
        ("container server: envFrom",),
    ),
    Case(
        pod("env-from-after-config", container("server", envFrom=[{"configMapRef": {"name": "a"}}, *ALL_KEYS])),
        "secrets",
        ("container server: envFrom",),
    ),
    Case(
        pod("env-from-in-init-container", initContainers=[container("fetch", envFrom=ALL_KEYS)]),
        "secrets",
        ("container fetch: envFrom",),
    ),
    admitted(pod("owner-only", volumes=secret_volume(defaultMode=OWNER_ONLY))),
    admitted(pod("no-mode-at-all", volumes=secret_volume(defaultMode=0))),
    admitted(pod("owner-only-items", volumes=secret_volume(defaultMode=OWNER_ONLY, items=items(OWNER_ONLY, None)))),
    volume_refused("default-mode-left-out", secret_volume()),
    volume_refused("readable-by-everybody", secret_volume(defaultMode=EVERYBODY)),
    volume_refused("readable-by-group", secret_volume(defaultMode=GROUP)),
    volume_refused("writable-by-owner", secret_volume(defaultMode=0o600)),
    volume_refused("executable", secret_volume(defaultMode=0o500)),
    volume_refused("readable-by-others-only", secret_volume(defaultMode=0o004)),
    volume_refused("wide-item", secret_volume(defaultMode=OWNER_ONLY, items=items(OWNER_ONLY, EVERYBODY))),
    volume_refused("narrow-items-wide-default", secret_volume(items=items(OWNER_ONLY))),
    volume_refused(
        "second-volume",
        [
            *secret_volume(defaultMode=OWNER_ONLY)[:0],
            {"name": "ok", "secret": {"secretName": "a", "defaultMode": OWNER_ONLY}},
            *secret_volume(),
        ],
    ),
    admitted(pod("projected-owner-only", volumes=projected(OWNER_ONLY, SECRET))),
    admitted(pod("projected-config-map", volumes=projected(None, CONFIG))),
    volume_refused("projected-default", projected(None, SECRET)),
    volume_refused("projected-wide", projected(EVERYBODY, CONFIG, SECRET)),
    volume_refused("projected-wide-item", projected(OWNER_ONLY, {"secret": {"name": "a", "items": items(EVERYBODY)}})),
    volume_refused(
        "projected-wide-item-of-second-secret",
        projected(OWNER_ONLY, SECRET, {"secret": {"name": "a", "items": items(OWNER_ONLY, EVERYBODY)}}),
    ),
    *(
        Case(pod(f"odd-variable-{number}", container("server", env=[{**TOKEN, "name": name}])), "secrets", (name,))
        for number, name in enumerate(("A.B-C", 'it\'s "so"', "{{ x }}", "${HOME}", "a\\nb", "-", "~"))
    ),
    Case(
        pod(
            "odd-key",
            container("server", env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a.b-1", "key": "_.-x"}}}]),
        ),
        "secrets",
        ("env A is from a Secret",),
    ),
    *(env_refused(workload(kind, f"env-{kind.lower()}", in_env())) for kind in WORKLOADS),
    *(
        Case(workload(kind, f"volume-{kind.lower()}", volumes=secret_volume()), "secrets", ("volume creds:",))
        for kind in WORKLOADS
    ),
    *(
        admitted(workload(kind, f"file-{kind.lower()}", volumes=secret_volume(defaultMode=OWNER_ONLY)))
        for kind in WORKLOADS
    ),
]


@pytest.fixture(scope="module")
def answers(strict: object, kubectl: Kubectl) -> Answers:
    return send(kubectl, CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_secret(answers: Answers, case: Case) -> None:
    answers.check(case)
