# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans the webhook of the External Secrets Operator, and the controller that makes its certificate. Pure.

Source of their arguments: cmd/controller/webhook.go and certcontroller.go of external-secrets/external-secrets v2.9.0.
"""

from __future__ import annotations

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.external_secrets.settings import NAME, Settings

WEBHOOK = f"{NAME}-webhook"
"""Of the Deployment, its account, its Service and the Secret with its certificate."""
CERT_CONTROLLER = f"{NAME}-cert-controller"
CERT_FOLDER = "/tmp/certs"
PORT = 10250
"""The one that firewalls of managed clusters let the API server reach, which is why upstream took it."""
HEALTH_PORT = 8081
_LOGGING = ["--loglevel=info", "--zap-time-encoding=rfc3339"]
# Nobody reads their metrics, so they listen to nobody for them.
_PORTS = ["--metrics-addr=0", f"--healthz-addr=:{HEALTH_PORT}"]


def plan_webhook(settings: Settings) -> Json | None:
    """What the templates need for the webhook.

    Returns:
        None if there is to be none. Otherwise ``pods``, each with ``name``, ``component``, ``args``, ``port`` (0 if it
        serves nothing) and the ``cert_folder`` (or nothing); ``namespaces`` whose objects are checked;
        ``cluster_stores``: whether ClusterSecretStores are; ``egress`` of the controller, without the API server.
    """
    if not settings.webhook or not settings.served:
        return None
    cluster = settings.mode == "cluster"
    return {
        "pods": [
            {
                "name": WEBHOOK,
                "component": "webhook",
                "args": _webhook_arguments(),
                "port": PORT,
                "cert_folder": CERT_FOLDER,
            },
            {
                "name": CERT_CONTROLLER,
                "component": "cert-controller",
                "args": _cert_controller_arguments(cluster),
                "port": 0,
                "cert_folder": "",
            },
        ],
        "namespaces": sorted(item.stage["namespace"] for item in settings.served),
        "cluster_stores": cluster,
        "egress": settings.dns,
    }


def _webhook_arguments() -> list[str]:
    return [
        "webhook",
        f"--port={PORT}",
        f"--dns-name={WEBHOOK}.{NAME}.svc",
        f"--cert-dir={CERT_FOLDER}",
        "--check-interval=5m",
        *_PORTS,
        *_LOGGING,
    ]


def _cert_controller_arguments(cluster: bool) -> list[str]:
    """It is ready only when it has seen all the kinds that are named, so they must be those that are served."""
    kinds = ["externalsecrets", "secretstores", *(["clustersecretstores"] if cluster else [])]
    return [
        "certcontroller",
        "--crd-requeue-interval=5m",
        f"--service-name={WEBHOOK}",
        f"--service-namespace={NAME}",
        f"--secret-name={WEBHOOK}",
        f"--secret-namespace={NAME}",
        f"--crd-names={','.join(f'{kind}.{NAME}.io' for kind in kinds)}",
        *_PORTS,
        *_LOGGING,
    ]
