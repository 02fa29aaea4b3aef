# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves which definitions are taken out of a file, and which files are refused."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.crd_file import take_crds

WEBHOOK = {"strategy": "Webhook", "webhook": {"clientConfig": {"service": {"name": "w", "namespace": "default"}}}}
STORE = {"api_version": "external-secrets.io/v1", "kind": "SecretStore"}


def crd(kind: str, *versions: tuple[str, bool], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.lower()}s.external-secrets.io", "creationTimestamp": None, "labels": {"a": "b"}},
        "spec": {
            "group": "external-secrets.io",
            "names": {"kind": kind},
            "versions": [{"name": name, "served": served} for name, served in versions],
            **spec,
        },
        "status": {},
    }


def text(*documents: object) -> str:
    return yaml.safe_dump_all(documents)


def test_only_what_is_asked_for_is_taken_and_without_a_webhook_that_nobody_serves() -> None:
    bundle = text(
        crd("ExternalSecret", ("v1", True)),
        None,
        crd("SecretStore", ("v1", True), ("v1beta1", False), conversion=WEBHOOK),
    )
    assert take_crds(bundle, [STORE], "bundle.yaml") == [
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "secretstores.external-secrets.io", "labels": {"a": "b"}},
            "spec": {
                "group": "external-secrets.io",
                "names": {"kind": "SecretStore"},
                "versions": [{"name": "v1", "served": True}, {"name": "v1beta1", "served": False}],
            },
        }
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (text(crd("ExternalSecret", ("v1", True))), "it has no CustomResourceDefinition of SecretStore in"),
        (
            text(crd("SecretStore", ("v1", False), ("v1beta1", True))),
            "The file bundle.yaml is not what is needed: it serves SecretStore as v1beta1, not as v1",
        ),
        ("<html>404</html>", "The file bundle.yaml has no CustomResourceDefinitions of apiextensions.k8s.io/v1 in it."),
        ("a: [", "The file bundle.yaml is not YAML: "),
        (text({"kind": "CustomResourceDefinition", "spec": {}}), "has no CustomResourceDefinitions of"),
    ],
)
def test_a_file_that_does_not_have_it_is_refused(content: str, problem: str) -> None:
    with pytest.raises(HardeningError) as caught:
        take_crds(content, [STORE], "bundle.yaml")
    assert problem in caught.value.message
