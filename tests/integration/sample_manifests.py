# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests that the tests apply, as short as they can be."""

from __future__ import annotations

from typing import Any


def config_map(namespace: str, name: str, data: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    """A ConfigMap; metadata may add labels or annotations."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "data": {"key": "value"} if data is None else data,
    }


def secret(namespace: str, name: str, **values: str) -> dict[str, Any]:
    """A Secret with plain-text values."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": values,
    }


def namespace_object(name: str, **labels: str) -> dict[str, Any]:
    """A Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def pod_template(app: str, **container: Any) -> dict[str, Any]:
    """A pod template of one container, selected by ``app``."""
    return {
        "metadata": {"labels": {"app": app}},
        "spec": {"containers": [{"name": "main", "image": "registry.example/app:1", **container}]},
    }


def deployment(namespace: str, name: str, replicas: int = 1, **container: Any) -> dict[str, Any]:
    """A Deployment of one container."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": pod_template(name, **container),
        },
    }


def daemon_set(namespace: str, name: str) -> dict[str, Any]:
    """A DaemonSet of one container."""
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": pod_template(name)},
    }


def job(namespace: str, name: str, **template_spec: Any) -> dict[str, Any]:
    """A Job of one pod."""
    template = pod_template(name)
    template["spec"].update({"restartPolicy": "Never", **template_spec})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"template": template},
    }


def crd(kind: str) -> dict[str, Any]:
    """A CustomResourceDefinition of a namespaced kind with one string field, ``spec.size``."""
    plural, group = f"{kind.lower()}s", "hardening.example"
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "string"}}}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def custom_resource(kind: str, namespace: str, name: str) -> dict[str, Any]:
    """An object of a kind that :func:`crd` defines."""
    return {
        "apiVersion": "hardening.example/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"size": "small"},
    }
