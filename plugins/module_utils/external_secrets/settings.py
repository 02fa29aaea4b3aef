# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads how the External Secrets Operator is to be set up, and finds everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.labels import (
    dns_subdomain_problem,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import Entry, suggest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages import model as stage_model
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.peers import (
    Known,
    namespace_peer,
    read_dns,
    read_endpoints,
    read_prometheus,
    read_rules,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.vaults import (
    SITE,
    ReadFile,
    Site,
    Vault,
    read_vault,
)

MODES = ("scoped", "cluster", "adopt")
NAME = "external-secrets"
"""Of the operator's Deployment, its account, and the namespace of what does not run in that of a stage."""
POD_LABELS = {
    "app.kubernetes.io/name": NAME,
    "app.kubernetes.io/component": "controller",
    "app.kubernetes.io/part-of": "gpu-cluster-hardening",
    "app.kubernetes.io/managed-by": "ansible",
}
GENERATORS = (
    "ACRAccessToken",
    "BeyondtrustWorkloadCredentialsDynamicSecret",
    "CloudsmithAccessToken",
    "ECRAuthorizationToken",
    "Fake",
    "GCRAccessToken",
    "GithubAccessToken",
    "GitlabDeployToken",
    "Grafana",
    "MFA",
    "Password",
    "QuayAccessToken",
    "SSHKey",
    "STSSessionToken",
    "UUID",
    "VaultDynamicSecret",
    "Webhook",
)
"""Kinds of generators.external-secrets.io/v1alpha1 that live in a namespace, as 2.9.0 has them."""

_PREFIX = "external_secrets_"


@dataclass(frozen=True)
class StageVault:
    """A stage that has Secrets, as the model has it, and its Vault."""

    stage: Mapping[str, Any]
    vault: Vault


@dataclass(frozen=True)
class Settings:
    """The checked settings.

    Attributes:
        served: the stages that have Secrets and a Vault.
        account: the account in each of their namespaces that logs in to Vault.
        role_prefix: comes before the name of the stage in the name of its role in Vault.
        api_audience: audience of tokens for the API server.
        api_server: rules of a NetworkPolicy that let the operator reach it; empty if that is not said.
        dns: rules that let it resolve names.
        scrapers: who may read its metrics.
        generators: kinds of generators that it processes.
        webhook: whether its webhook runs, too.
    """

    mode: str
    served: Sequence[StageVault]
    account: str
    role_prefix: str
    api_audience: str
    api_server: list[Json]
    dns: list[Json]
    scrapers: list[Json]
    push_secrets: bool
    generators: list[str]
    replicas: int
    extra_args: list[str]
    allow_http: bool
    webhook: bool
    repository: str


def read_settings(given: Mapping[str, Any], read_file: ReadFile) -> Settings:
    """Read the settings.

    Args:
        given: values by the name of the role's variable without its prefix; ``endpoints``, ``dns``, ``prometheus`` and
            the mapping ``vault`` are variables of the collection.
        read_file: reads the file of a CA.

    Raises:
        HardeningError: with every problem.
    """
    try:
        model: list[dict[str, Any]] = list(stage_model.validate(given["stages"]))
    except stage_model.StageError as error:
        raise HardeningError(join_failures("The stages are wrong", error.problems)) from None
    problems: list[str] = []

    def entry(name: str) -> Entry:
        return Entry(_PREFIX + name, given[name], problems)

    peers = {stage["name"]: namespace_peer(stage["namespace"], stage["pods"]) for stage in model}
    dns = read_dns(Entry("gpu_cluster_dns", given["dns"], problems))
    endpoints = read_endpoints(Entry("gpu_cluster_endpoints", given["endpoints"], problems), peers)
    known = Known(peers, endpoints, dns)
    site_vault = {name: Entry(f"gpu_cluster_vault_{name}", value, problems) for name, value in given["vault"].items()}
    mode = entry("mode").choice(MODES)
    site = Site(
        {name: site_vault[name] for name in SITE},
        entry("vault_ca"),
        entry("vault_egress"),
        entry("vault_allow_http").flag(),
        known,
        filtered=mode != "adopt",
    )
    served = _read_served(model, entry("stage_vaults"), site, read_file)
    account = _read_name(site_vault["service_account"], "service account")
    webhook = _read_webhook(entry("webhook"), mode)
    for item in served:
        _refuse_collisions(item.stage, mode, account, problems)
    for stage in model if webhook or (mode == "cluster" and served) else ():
        _refuse_our_namespace(stage, problems)
    settings = Settings(
        mode,
        served,
        account,
        site_vault["role_prefix"].text(),
        entry("api_audience").filled_text(),
        read_rules(entry("api_server"), "to", known),
        [traffic.rule("to") for traffic in dns],
        _read_scrapers(entry("metrics"), Entry("gpu_cluster_prometheus", given["prometheus"], problems)),
        entry("push_secrets").flag(),
        [item.choice(GENERATORS) for item in entry("generators").items()],
        _read_replicas(entry("replicas")),
        entry("extra_args").texts(),
        site.allow_http,
        webhook,
        given["repository"],
    )
    if problems:
        raise HardeningError(join_failures("The settings of External Secrets are wrong", problems))
    return settings


def _read_served(
    model: Sequence[Mapping[str, Any]], stage_vaults: Entry, site: Site, read_file: ReadFile
) -> list[StageVault]:
    own = stage_vaults.named()
    names = [stage["name"] for stage in model]
    for name, value in own.items():
        if name not in names:
            value.refuse(f'no stage "{name}"{suggest(name, names)}')
    nothing = Entry(stage_vaults.path, {}, stage_vaults.problems)
    found = []
    for stage in model:
        vault = read_vault(site, own.get(stage["name"], nothing), read_file) if stage["secrets"] else None
        if vault is not None:
            _refuse_cut_paths(stage, vault.kv_mount, stage_vaults.problems)
            found.append(StageVault(stage, vault))
    return found


def _refuse_cut_paths(stage: Mapping[str, Any], mount: str, problems: list[str]) -> None:
    """The operator takes a mount at the beginning of a path for the mount, and cuts it off."""
    for secret in stage["secrets"]:
        for source in secret["data"]:
            if source["path"].startswith(f"{mount}/"):
                place = Entry(f"stage {stage['name']}, Secret {secret['name']}, key {source['key']}", None, problems)
                place.refuse(
                    f"path {source['path']!r} begins with the name of the KV mount, which the operator would cut off; "
                    "write the path below the mount, or choose another name for one of them"
                )


def _refuse_collisions(stage: Mapping[str, Any], mode: str, account: str, problems: list[str]) -> None:
    path = Entry(f"stage {stage['name']}", None, problems)
    runs_here = mode == "scoped"
    own = stage["service_account"]["name"]
    if own == account:
        path.refuse(f"its pods run as {own}, whose tokens read Vault; set another gpu_cluster_vault_service_account")
    if runs_here and own == NAME:
        path.refuse(f"its service account must not be {NAME}, which is that of the operator")
    if runs_here and stage["pods"].items() <= POD_LABELS.items():
        path.refuse("its pods labels select the pods of the operator, too, which would get the traffic of the stage")


def _refuse_our_namespace(stage: Mapping[str, Any], problems: list[str]) -> None:
    if stage["namespace"] == NAME:
        path = Entry(f"stage {stage['name']}", None, problems)
        path.refuse(f"its namespace {NAME} is that of the operator in mode cluster, and of the webhook")


def _read_webhook(entry: Entry, mode: str) -> bool:
    wanted = entry.flag()
    if wanted and mode == "adopt":
        entry.refuse("must be false with mode adopt: whoever installed the operator decides about its webhook")
    return wanted


def _read_name(entry: Entry, what: str) -> str:
    text = entry.text()
    entry.refuse(dns_subdomain_problem(text, what))
    return text


def _read_scrapers(metrics: Entry, prometheus: Entry) -> list[Json]:
    return [read_prometheus(prometheus)] if metrics.flag() else []


def _read_replicas(entry: Entry) -> int:
    value = entry.whole_number()
    if value is None or value < 1:
        entry.refuse(f"must be a whole number from 1 on, not {entry.value!r}")
        return 1
    return value
