# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the settings of the External Secrets Operator come to: where it runs, with which rights, and what it reads.

Source of its arguments: cmd/controller/root.go of external-secrets/external-secrets v2.9.0.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.durations import canonical
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.external_secrets.settings import (
    NAME,
    POD_LABELS,
    Settings,
    StageVault,
    read_settings,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.external_secrets.webhook import plan_webhook
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.vaults import ReadFile

STORE = "vault-backend"
API = "external-secrets.io/v1"
ALPHA = "external-secrets.io/v1alpha1"
GENERATORS_API = "generators.external-secrets.io/v1alpha1"
WIDE = (
    "external_secrets_mode is cluster: the operator can read the Secrets of all namespaces, as it cannot be told to "
    "watch some of them only. Mode scoped needs no such right."
)
PLAIN = "external_secrets_vault_allow_http is true: Secrets may travel without TLS."
LISTS = "The External Secrets Operator watches the Secrets of this namespace to put back what others change."
TALKS = "The External Secrets Operator talks to the API server, so it has a token for it."


def plan(given: Mapping[str, Any], read_file: ReadFile) -> Json:
    """Check the settings and derive what the templates need.

    Args:
        given: see :func:`external_secrets_settings.read_settings`.
        read_file: reads the file of a CA.

    Returns:
        ``mode``; ``kinds`` whose CustomResourceDefinitions are needed; ``operators`` to run, each with ``namespace``,
        ``args`` and ``egress``; ``stages`` with their store, its ``vault`` and their Secrets; the name of the
        ``account`` that logs in; ``pod_labels``; ``api_server`` (rules, or empty); ``scrapers``; ``push_secrets``;
        ``generators`` (their resources); ``webhook``, see :func:`external_secrets_webhook.plan_webhook`;
        ``own_namespace``: whether something runs in a namespace that is not that of a stage; ``admission``: what the
        role admission_policies lets pass, ``exemptions``, ``users`` and ``registries``; ``warnings``.

    Raises:
        HardeningError: with every problem.
    """
    settings = read_settings(given, read_file)
    return {
        "mode": settings.mode,
        "kinds": _kinds(settings),
        "operators": _operators(settings),
        "stages": [_stage(item, settings) for item in settings.served],
        "account": settings.account,
        "pod_labels": POD_LABELS,
        "api_server": settings.api_server,
        "scrapers": settings.scrapers,
        "push_secrets": settings.push_secrets,
        "generators": [f"{generator.lower()}s" for generator in settings.generators],
        "webhook": plan_webhook(settings),
        "own_namespace": bool(settings.served) and (settings.mode == "cluster" or settings.webhook),
        "admission": _admission(settings),
        "warnings": _warnings(settings),
    }


def _kinds(settings: Settings) -> list[dict[str, str]]:
    """Of GeneratorState the operator always starts a controller, and it ends if the kind is not served.

    Its flag enable-generator-state only says whether an ExternalSecret may make such objects.
    """
    kinds = [(API, "ExternalSecret"), (API, "SecretStore"), (GENERATORS_API, "GeneratorState")]
    if settings.mode == "cluster":
        kinds.append((API, "ClusterSecretStore"))
    if settings.push_secrets:
        kinds.append((ALPHA, "PushSecret"))
    kinds += [(GENERATORS_API, generator) for generator in settings.generators]
    return [{"api_version": api_version, "kind": kind} for api_version, kind in kinds]


def _operators(settings: Settings) -> list[Json]:
    """One for each stage, or one for all."""
    if settings.mode == "adopt" or not settings.served:
        return []
    if settings.mode == "cluster":
        return [_operator(NAME, list(settings.served), settings)]
    return [_operator(item.stage["namespace"], [item], settings) for item in settings.served]


def _operator(namespace: str, served: list[StageVault], settings: Settings) -> Json:
    egress = [*settings.dns, *(rule for item in served for rule in item.vault.egress)]
    return {
        "namespace": namespace,
        "args": _arguments(namespace, settings),
        "egress": [rule for index, rule in enumerate(egress) if rule not in egress[:index]],
    }


def _arguments(namespace: str, settings: Settings) -> list[str]:
    cluster = settings.mode == "cluster"
    switches = {
        "cluster-store-reconciler": cluster,
        "cluster-external-secret-reconciler": False,
        "cluster-push-secret-reconciler": False,
        "push-secret-reconciler": settings.push_secrets,
        "generator-state": bool(settings.generators),
        "leader-election": settings.replicas > 1,
    }
    return [
        *([] if cluster else [f"--namespace={namespace}"]),
        *(f"--enable-{name}={'true' if on else 'false'}" for name, on in switches.items()),
        "--metrics-addr=:8080",
        "--live-addr=:8082",
        "--loglevel=info",
        "--zap-time-encoding=rfc3339",
        *settings.extra_args,
    ]


def _stage(item: StageVault, settings: Settings) -> Json:
    stage = item.stage
    provider = _provider(item, settings)
    certificates = item.vault.certificates
    fingerprint = json.dumps([provider, certificates.text if certificates else ""], sort_keys=True)
    return {
        "name": stage["name"],
        "namespace": stage["namespace"],
        "store": _store(stage, settings),
        "vault": provider,
        # A change of the store reaches an ExternalSecret only if that changes, too.
        "fingerprint": hashlib.sha256(fingerprint.encode()).hexdigest()[:16],
        "self_review": item.vault.self_review,
        "certificates": (
            {"kind": certificates.kind, "name": certificates.name, "key": certificates.key, "text": certificates.text}
            if certificates
            else None
        ),
        "config_maps": _config_maps(item),
        "secrets": [_secret(secret) for secret in stage["secrets"]],
    }


def _config_maps(item: StageVault) -> list[str]:
    """Those that the operator must read: the one with the CA, and those with templates."""
    certificates = item.vault.certificates
    names = {certificates.name} if certificates and certificates.kind == "ConfigMap" else set()
    for secret in item.stage["secrets"]:
        sources = secret["template"].get("templateFrom")
        for source in sources if isinstance(sources, list) else ():
            named = source.get("configMap") if isinstance(source, Mapping) else None
            names |= {str(named["name"])} if isinstance(named, Mapping) and "name" in named else set()
    return sorted(names)


def _provider(item: StageVault, settings: Settings) -> Json:
    """``spec.provider.vault`` of the store."""
    vault, namespace = item.vault, item.stage["namespace"]
    # A ClusterSecretStore is in no namespace, so its references must name one.
    place: Json = {"namespace": namespace} if settings.mode == "cluster" else {}
    certificates = vault.certificates
    provider: Json = {"server": vault.url, "path": vault.kv_mount, "version": "v2"}
    if vault.namespace:
        provider["namespace"] = vault.namespace
    if certificates:
        provider["caProvider"] = {
            "type": certificates.kind,
            "name": certificates.name,
            "key": certificates.key,
            **place,
        }
    # Vault has a token reviewed with that same token, which the API server must accept for that.
    audiences = [vault.audience, *([settings.api_audience] if vault.self_review else [])]
    provider["auth"] = {
        "kubernetes": {
            "mountPath": vault.auth_mount,
            "role": f"{settings.role_prefix}{item.stage['name']}",
            "serviceAccountRef": {"name": settings.account, "audiences": audiences, **place},
        }
    }
    return provider


def _store(stage: Mapping[str, Any], settings: Settings) -> dict[str, str]:
    if settings.mode != "cluster":
        return {"kind": "SecretStore", "name": STORE}
    name = STORE if len(settings.served) == 1 else f"{STORE}-{stage['name']}"
    return {"kind": "ClusterSecretStore", "name": name}


def _secret(secret: Mapping[str, Any]) -> Json:
    """``name``, and the parts of the spec of its ExternalSecret."""
    target = {
        "name": secret["name"],
        "creationPolicy": secret["creation_policy"],
        "deletionPolicy": secret["deletion_policy"],
    }
    if secret["template"]:
        target["template"] = secret["template"]
    interval = canonical(secret["refresh_interval"])
    return {
        "name": secret["name"],
        # The operator writes it back in this form.
        "refresh_interval": interval,
        # With an interval of 0 alone, the operator would not look again even after a change of what is wanted.
        "refresh_policy": "OnChange" if interval == canonical("0") else "",
        "target": target,
        "data": [
            {
                "secretKey": source["key"],
                "remoteRef": {
                    "key": source["path"],
                    **({"property": source["property"]} if source["property"] else {}),
                },
            }
            for source in secret["data"]
        ],
    }


def _admission(settings: Settings) -> dict[str, list[Any]]:
    exemptions = _exemptions(settings)
    return {
        "exemptions": exemptions,
        "users": [f"system:serviceaccount:{item['namespace']}:{NAME}" for item in _operators(settings)],
        "registries": [settings.repository] if exemptions else [],
    }


def _exemptions(settings: Settings) -> list[dict[str, str]]:
    """What the admission policies of this collection would refuse of a controller in the namespace of a stage."""
    if settings.mode != "scoped":
        return []
    return [
        {"policy": policy, "namespace": item.stage["namespace"], "name": NAME, "reason": reason}
        for item in settings.served
        for policy, reason in (("rbac", LISTS), ("pods", TALKS))
    ]


def _warnings(settings: Settings) -> list[str]:
    warnings = [WIDE] if settings.mode == "cluster" and settings.served else []
    return [*warnings, PLAIN] if settings.allow_http else warnings
