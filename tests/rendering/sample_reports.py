# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports as the checks make them, for the tests of every format: none, green, red, waived, long, hostile, unknown."""

from __future__ import annotations

import copy
import hashlib
from collections import Counter
from typing import Any

Json = dict[str, Any]
SEVERITIES = ("critical", "high", "medium", "low")
HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">'\"&]]>{{ 1 + 1 }}`|\\|"
    "[link](https://evil.example)@everyone\x00\x1b[31m\u202eevil\ud800\uffff"
)


def reference(kind: str, name: str, namespace: str | None = None, api_version: str = "v1") -> Json:
    return {"api_version": api_version, "kind": kind, "namespace": namespace, "name": name}


def waiver() -> Json:
    return {"reason": "The operator's driver container needs it", "owner": "gpu-platform", "expires": "2027-01-31"}


def finding(check_id: str, message: str, where: Json | None = None, field: str | None = None, **more: Any) -> Json:
    key = f"{check_id} {where} {field}".encode("utf-8", "surrogatepass")
    base = {"message": message, "object": where, "field": field, "value": None, "waiver": None}
    return {**base, "fingerprint": hashlib.sha256(key).hexdigest(), **more}


def check(check_id: str, title: str, layer: str, severity: str, status: str = "pass", **more: Any) -> Json:
    base = {
        "why": "A pod that breaks out of its container is root on a machine whose GPUs hold other people's models.",
        "remedy": {"text": "Set the level of the namespace.", "role": "pod_security", "variable": None, "tag": None},
        "references": {"cis": ["5.2.1"], "attack": ["T1611"]},
        "detail": None,
        "findings": [],
    }
    return {"id": check_id, "title": title, "layer": layer, "severity": severity, "status": status, **base, **more}


def remedy(text: str, role: str | None, variable: str | None = None, tag: str | None = None) -> Json:
    return {"text": text, "role": role, "variable": variable, "tag": tag}


def report(name: str = "metal-1", checks: tuple[Json, ...] = (), **more: Any) -> Json:
    """With its counts, and nothing beside the checks."""
    statuses = Counter(one["status"] for one in checks)
    found = Counter(
        one["severity"]
        for one in checks
        if one["status"] == "fail"
        for item in one["findings"]
        if item["waiver"] is None
    )
    base = {
        "schema_version": "1.0",
        "tool": {"name": "gpu_cluster.hardening", "version": "0.1.0"},
        "cluster": {"name": name, "server": "https://10.0.0.10:6443", "version": "v1.37.2", "uid": f"uid-of-{name}"},
        "taken_at": "2026-11-29T01:00:00Z",
        "source": "api",
        "requests": 212,
        "summary": {
            "status": "fail" if found["critical"] + found["high"] else "pass",
            "fail_on": "high",
            "checks": {key: statuses[key] for key in ("fail", "pass", "waived", "not_applicable", "unknown")},
            "findings": {key: found[key] for key in SEVERITIES},
        },
        "checks": list(checks),
        "waivers": [],
        "layers": [],
        "floors": [],
        "matrix": {"groups": [], "cells": []},
        "probes": [],
    }
    return {**copy.deepcopy(base), **more}


PASSED = (
    check("GPU-POD-002", "Namespaces of stages enforce the level restricted", "pod_security", "high"),
    check("GPU-RBAC-001", "No account of a stage may read all Secrets", "rbac", "critical"),
    check("GPU-RBAC-004", "Tokens are mounted only where they are used", "rbac", "medium"),
    check("GPU-ADM-001", "Images are named by digest", "admission_policies", "medium"),
    check("GPU-NODE-001", "GPU nodes are tainted", "gpu_nodes", "medium"),
    check("GPU-ALERT-002", "Somebody is told of an unexpected GPU user", "gpu_alerts", "low"),
)
NOT_APPLICABLE = check(
    "GPU-DRA-001",
    "Only administrators may ask for admin access",
    "admission_policies",
    "high",
    "not_applicable",
    detail="the cluster serves no resource.k8s.io",
)
UNKNOWN = check(
    "GPU-NODE-007",
    "The kubelet refuses anonymous requests",
    "gpu_nodes",
    "high",
    "unknown",
    detail="nodes/proxy may not be read by this account",
    references={"cis": ["4.2.1"]},
)
FAILED = (
    check(
        "GPU-POD-005",
        "No pod outside the GPU stack mounts the container runtime's socket",
        "pod_security",
        "critical",
        "fail",
        why="Whoever speaks to the runtime starts any container, with any GPU, as root on the machine.",
        remedy=remedy(
            "Remove the mount, and enforce the level restricted where it is.",
            "pod_security",
            "pod_security_namespaces",
            "pod_security",
        ),
        findings=[
            finding(
                "GPU-POD-005",
                "The pod mounts the socket of containerd",
                reference("Pod", "build-agent-0", "ml-experiments"),
                "spec.volumes[1].hostPath.path",
                value="/run/containerd/containerd.sock",
            ),
            finding(
                "GPU-POD-005",
                "The pod mounts the socket of containerd",
                reference("DaemonSet", "node-debugger", "ops", "apps/v1"),
                "spec.template.spec.volumes[0].hostPath.path",
                value="/run/containerd/containerd.sock",
            ),
        ],
    ),
    check(
        "GPU-NET-001",
        "Every stage denies what it does not need",
        "network_policies",
        "high",
        "fail",
        why="DCGM's host engine (5555) and exporter (9400) have no authentication: who reaches them controls the GPUs.",
        remedy=remedy("Apply the layer.", "network_policies", "network_policies_stages", "network_policies"),
        references={"cis": ["5.3.2"], "aisvs": ["4.3.1"]},
        findings=[
            finding(
                "GPU-NET-001",
                "No policy denies by default",
                reference("Namespace", name),
                "NetworkPolicy",
            )
            for name in ("ml-experiments", "ml-serving", "notebooks-of-the-research-group-with-a-very-long-name", "ops")
        ],
    ),
    check(
        "GPU-FLOOR-001",
        "The NVIDIA driver has no known hole",
        "gpu_nodes",
        "high",
        "fail",
        why="CVE-2026-24187 lets code in a container read memory of the host.",
        remedy=remedy("Upgrade the driver to 580.159.03 or newer.", None),
        references={"aisvs": ["4.7.2"]},
        findings=[
            finding(
                "GPU-FLOOR-001",
                "The driver is older than 580.159.03",
                reference("Node", f"gpu-{number:02}"),
                "metadata.labels[nvidia.com/cuda.driver-version.full]",
                value="580.105.08",
            )
            for number in range(1, 4)
        ],
    ),
    check(
        "GPU-POD-001",
        "No pod outside the GPU stack is privileged",
        "pod_security",
        "high",
        "fail",
        findings=[
            finding(
                "GPU-POD-001",
                "The container is privileged",
                reference("Pod", "nvidia-driver-daemonset-x7k2p", "gpu-operator"),
                "spec.containers[0].securityContext.privileged",
                value="true",
                waiver=waiver(),
            ),
            finding(
                "GPU-POD-001",
                "The container is privileged",
                reference("Pod", "profiler", "ml-experiments"),
                "spec.containers[0].securityContext.privileged",
                value="true",
            ),
        ],
    ),
    check(
        "GPU-ADM-004",
        "Images are of registries that are named",
        "admission_policies",
        "medium",
        "fail",
        remedy=remedy("Name the registries.", "admission_policies", "admission_policies_registries", None),
        findings=[
            finding(
                "GPU-ADM-004",
                "The image is of Docker Hub",
                reference("Deployment", "notebook", "ml-experiments", "apps/v1"),
                "spec.template.spec.containers[0].image",
                value="docker.io/jupyter/base-notebook:latest",
            )
        ],
    ),
    check(
        "GPU-CLUSTER-002",
        "The API server keeps an audit log",
        "cluster",
        "low",
        "fail",
        remedy=remedy("Start the API server with --audit-log-path.", None),
        findings=[finding("GPU-CLUSTER-002", "No audit log is configured", None, "--audit-log-path")],
    ),
)
WAIVED = check(
    "GPU-FALCO-003",
    "Falco runs with the least it needs",
    "falco",
    "medium",
    "waived",
    findings=[
        finding(
            "GPU-FALCO-003",
            "The container is privileged",
            reference("DaemonSet", "falco", "falco", "apps/v1"),
            "spec.template.spec.containers[0].securityContext.privileged",
            value="true",
            waiver={**waiver(), "reason": "Kernels before 5.8 have no CAP_BPF"},
        )
    ],
)


def matrix() -> Json:
    """Four stages, what they need, and two holes."""
    pods = {"ml-training": 12, "ml-serving": 6, "ml-experiments": 3, "gpu-monitoring": 4, "kube-system/dns": 2}
    groups: list[Json] = [
        {
            "name": name,
            "namespace": name.partition("/")[0],
            "pods": number,
            "labels": {"k8s-app": "kube-dns"} if "dns" in name else {},
            "kind": "pods",
        }
        for name, number in pods.items()
    ]
    others = (("nodes", "nodes"), ("api_server", "API server"), ("internet", "internet"))
    groups += [{"name": name, "namespace": None, "pods": 0, "labels": {}, "kind": kind} for kind, name in others]
    tcp = {"end_port": None, "protocol": "TCP"}
    dns = [{"port": 53, "end_port": None, "protocol": "UDP"}, {"port": 53, **tcp}]
    every = [{"port": "*", **tcp}]
    allowed: dict[tuple[str, str], list[Json]] = {
        ("ml-training", "ml-training"): [{"port": 29500, "end_port": 29600, "protocol": "TCP"}],
        ("ml-training", "internet"): [{"port": 443, **tcp}],
        ("ml-serving", "ml-serving"): [{"port": "grpc", **tcp}, {"port": 8000, **tcp}, {"port": 8001, **tcp}],
        ("gpu-monitoring", "ml-serving"): [{"port": 8002, **tcp}],
        ("gpu-monitoring", "nodes"): [{"port": 9400, **tcp}],
        ("gpu-monitoring", "API server"): [{"port": 6443, **tcp}],
        ("kube-system/dns", "API server"): [{"port": 6443, **tcp}],
        ("kube-system/dns", "internet"): dns,
        **{("ml-experiments", group["name"]): every for group in groups if group["name"] != "ml-training"},
        **{(name, "kube-system/dns"): dns for name in ("ml-training", "ml-serving", "gpu-monitoring")},
    }
    cells = [
        {
            "from": source["name"],
            "to": target["name"],
            "ports": allowed.get((source["name"], target["name"]), []),
            "allowed": (source["name"], target["name"]) in allowed,
            "egress_by": [] if source["name"] == "ml-experiments" else [f"{source['name']}/allow-egress"],
            "ingress_by": [f"{target['name']}/allow-ingress"] if target["kind"] == "pods" else [],
        }
        for source in groups
        if source["kind"] == "pods"
        for target in groups
    ]
    return {"groups": groups, "cells": cells}


def red(name: str = "metal-1", checks: tuple[Json, ...] = (), **more: Any) -> Json:
    """A cluster with everything that a report can tell."""
    drift = {
        "object": reference("NetworkPolicy", "default-deny", "ml-serving", "networking.k8s.io/v1"),
        "field": "spec.policyTypes",
        "message": "Egress is gone",
        "manager": "kubectl-edit",
        "when": "2026-11-27T16:40:00Z",
    }
    applied = {"revision": 4, "version": "0.1.0", "when": "2026-11-20T09:30:00Z", "holds": True, "drift": []}
    parts: Json = {
        "layers": [
            {"name": "pod_security", **applied},
            {"name": "network_policies", **applied, "holds": False, "drift": [drift]},
            {"name": "rbac", **applied, "revision": 2},
            {"name": "falco", "revision": None, "version": None, "when": None, "holds": None, "drift": []},
        ],
        "floors": [
            {
                "product": "GPU driver",
                "where": "3 nodes",
                "found": "580.105.08",
                "floor": "580.159.03",
                "ok": False,
                "cves": ["CVE-2026-24187", "CVE-2026-24197"],
                "note": None,
            },
            {
                "product": "DCGM exporter",
                "where": "DaemonSet gpu-monitoring/dcgm-exporter",
                "found": "4.5.3",
                "floor": "4.5.0",
                "ok": True,
                "cves": [],
                "note": None,
            },
            {
                "product": "Container Toolkit",
                "where": "nodes",
                "found": None,
                "floor": "1.17.8",
                "ok": None,
                "cves": ["CVE-2025-23266"],
                "note": "not with CDI",
            },
        ],
        "matrix": matrix(),
        "probes": [
            {
                "what": "a privileged pod",
                "object": reference("Pod", "probe-privileged", "ml-training"),
                "expected": "refused",
                "got": "refused",
                "message": 'pods "probe-privileged" is forbidden: violates PodSecurity "restricted:latest"',
            },
            {
                "what": "a pod with the host's network",
                "object": reference("Pod", "probe-host-network", "ml-experiments"),
                "expected": "refused",
                "got": "allowed",
                "message": None,
            },
        ],
        "waivers": [
            {"id": "GPU-POD-001", "scope": {"namespace": "gpu-operator"}, **waiver(), "used": 1, "expired": False},
            {
                "id": "GPU-NET-001",
                "scope": "namespace ml-experiments",
                "reason": "The move of the notebooks is planned",
                "owner": "research",
                "expires": "2026-10-31",
                "used": 0,
                "expired": True,
            },
        ],
    }
    return report(name, checks or (*FAILED, UNKNOWN, WAIVED, *PASSED, NOT_APPLICABLE), **{**parts, **more})


def green(name: str = "metal-1", **more: Any) -> Json:
    return report(name, (*PASSED, NOT_APPLICABLE), matrix=matrix(), **more)


def long() -> Json:
    """500 findings, in 50 checks."""
    return report(
        "many-nodes",
        tuple(
            check(
                f"GPU-LONG-{number:03}",
                f"Rule {number} holds everywhere",
                "pod_security" if number % 2 else "rbac",
                SEVERITIES[number % 4],
                "fail",
                findings=[
                    finding(f"GPU-LONG-{number:03}", f"Not so ({item})", reference("Pod", f"pod-{item}", "ml"))
                    for item in range(10)
                ],
            )
            for number in range(50)
        ),
    )


def hostile() -> Json:
    """Every text of it that a cluster can choose, and more, attacks whoever reads it."""
    where = {"api_version": HOSTILE, "kind": HOSTILE, "namespace": HOSTILE, "name": HOSTILE}
    layer = {"name": HOSTILE, "revision": 1, "version": HOSTILE, "when": HOSTILE, "holds": False}
    drift = {"object": where, "field": HOSTILE, "message": HOSTILE, "manager": HOSTILE, "when": HOSTILE}
    accepted = {"reason": HOSTILE, "owner": HOSTILE, "expires": HOSTILE}
    group = {"name": HOSTILE, "namespace": HOSTILE, "pods": 1, "labels": {HOSTILE: HOSTILE}, "kind": "pods"}
    port = {"port": HOSTILE, "end_port": None, "protocol": HOSTILE}
    floor = {"product": HOSTILE, "where": HOSTILE, "found": HOSTILE, "floor": HOSTILE, "note": HOSTILE}
    return report(
        HOSTILE,
        (
            check(
                HOSTILE,
                HOSTILE,
                HOSTILE,
                "critical",
                "fail",
                why=HOSTILE,
                remedy={"text": HOSTILE, "role": HOSTILE, "variable": HOSTILE, "tag": HOSTILE},
                references={"cis": [HOSTILE], HOSTILE: [HOSTILE]},
                findings=[
                    finding("open", HOSTILE, where, HOSTILE, value=HOSTILE),
                    finding("waived", HOSTILE, where, HOSTILE, value=HOSTILE, waiver=accepted),
                ],
            ),
            check("GPU-X-2", HOSTILE, "rbac", "low", "unknown", detail=HOSTILE),
        ),
        layers=[{**layer, "drift": [drift]}],
        floors=[{**floor, "ok": False, "cves": [HOSTILE]}],
        matrix={
            "groups": [group],
            "cells": [
                {
                    "from": HOSTILE,
                    "to": HOSTILE,
                    "ports": [port],
                    "allowed": True,
                    "egress_by": [HOSTILE],
                    "ingress_by": [HOSTILE],
                }
            ],
        },
        probes=[{"what": HOSTILE, "object": where, "expected": "refused", "got": "error", "message": HOSTILE}],
        waivers=[{"id": HOSTILE, "scope": HOSTILE, **accepted, "used": 1, "expired": True}],
    )


REPORTS: dict[str, Json] = {
    "empty": report(),
    "green": green(),
    "red": red(),
    "waived": report(checks=(WAIVED, *PASSED)),
    "long": long(),
    "hostile": hostile(),
    "unknown": report(checks=(UNKNOWN,), source="folder", requests=None)
    | {"cluster": {"name": "must-gather", "server": None, "version": None, "uid": None}},
}


def previous() -> Json:
    """What was found on ``red`` a day before: one finding that is gone since, and not yet three others."""
    gone = check(
        "GPU-RBAC-001",
        "No account of a stage may read all Secrets",
        "rbac",
        "critical",
        "fail",
        findings=[
            finding(
                "GPU-RBAC-001",
                "The account may list Secrets",
                reference("ClusterRoleBinding", "everyone-edits", None, "rbac.authorization.k8s.io/v1"),
                "roleRef",
            )
        ],
    )
    older = tuple(one for one in FAILED if one["id"] not in ("GPU-POD-005", "GPU-ADM-004"))
    return report("metal-1", (gone, *older), taken_at="2026-11-28T01:00:00Z")
