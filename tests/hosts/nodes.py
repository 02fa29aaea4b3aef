# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a machine a node of the sandbox: the files that kubeadm would write, and what it needs of a network.

The layout is kubeadm's, with its defaults, but for what a machine without control groups of version 2 needs.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from client_certificates import client_certificate
from machine_network import Network
from machines import Given
from sandbox_access import Kubectl, Sandbox

API_PORT = 6443
REGISTRY_PORT = 5000
SERVICES = "10.96.0.0/16"
DNS = "10.96.0.10"
PROGRAMS = {
    "/usr/bin/kubelet": "node",
    "/usr/local/bin/kube-proxy": "node",
    "/usr/bin/containerd": "containerd",
    "/usr/bin/containerd-shim-runc-v2": "containerd-shim-runc-v2",
    "/usr/bin/ctr": "ctr",
    "/usr/local/bin/device-plugin": "device-plugin",
}
"""Which of :mod:`machine_programs` a node has, by the path there."""


def node(sandbox: Sandbox, network: Network, number: int, name: str, built: Mapping[str, Path]) -> Given:
    """What the machine is given."""
    authority = (sandbox.directory / "pki" / "ca.crt").read_text(encoding="utf-8")
    files = {
        "/etc/kubernetes/pki/ca.crt": (authority, 0o644),
        "/etc/kubernetes/kubelet.conf": (
            _kubeconfig(sandbox, network, f"system:node:{name}", "system:nodes"),
            0o600,
        ),
        "/etc/kubernetes/kube-proxy.conf": (_kubeconfig(sandbox, network, "system:kube-proxy"), 0o600),
        "/etc/kubernetes/kube-proxy.yaml": (_json(_kube_proxy()), 0o644),
        "/etc/cni/net.d/10-pods.conflist": (_json(_pod_network(network, number)), 0o644),
        "/etc/containerd/certs.d/_default/hosts.toml": (_mirror(network), 0o644),
        "/var/lib/kubelet/config.yaml": (_json(_kubelet()), 0o644),
        "/var/lib/kubelet/kubeadm-flags.env": (
            f'KUBELET_KUBEADM_ARGS="--node-ip={network.address(number)} --hostname-override={name}"\n',
            0o644,
        ),
    }
    return Given(files, {path: built[program] for path, program in PROGRAMS.items()})


def publish_api_server(kubectl: Kubectl, network: Network) -> None:
    """Let the Service ``kubernetes`` lead to where machines reach the API server, whose own address is loopback."""
    kubectl(
        *("apply", "--server-side"),
        stdin={
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "kubernetes",
                "namespace": "default",
                "labels": {"kubernetes.io/service-name": "kubernetes"},
            },
            "addressType": "IPv4",
            "endpoints": [{"addresses": [network.gateway], "conditions": {"ready": True}}],
            "ports": [{"name": "https", "port": API_PORT, "protocol": "TCP"}],
        },
    )


def _kubeconfig(sandbox: Sandbox, network: Network, user: str, group: str = "") -> str:
    certificate, key = client_certificate(sandbox.directory / "pki", user, group)
    authority = (sandbox.directory / "pki" / "ca.crt").read_bytes()
    cluster = {
        "server": f"https://{network.gateway}:{API_PORT}",
        "certificate-authority-data": _encoded(authority),
        # The certificate names no address of this network.
        "tls-server-name": "kubernetes",
    }
    own = {"client-certificate-data": _encoded(certificate), "client-key-data": _encoded(key)}
    return _json(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "kubernetes", "cluster": cluster}],
            "users": [{"name": user, "user": own}],
            "contexts": [{"name": "default", "context": {"cluster": "kubernetes", "user": user}}],
            "current-context": "default",
        }
    )


def _kubelet() -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": "/etc/kubernetes/pki/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "clusterDNS": [DNS],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "rotateCertificates": True,
        "staticPodPath": "/etc/kubernetes/manifests",
        # This machine has control groups of version 1, and its kernel's settings are not the kubelet's.
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "featureGates": {"KubeletInUserNamespace": True},
        "failSwapOn": False,
        # The disk is that of whoever runs the tests, however full.
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        # Tests wait for it.
        "nodeStatusUpdateFrequency": "2s",
        "nodeLeaseDurationSeconds": 8,
        "syncFrequency": "5s",
    }


def _kube_proxy() -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": "/etc/kubernetes/kube-proxy.conf"},
        "mode": "iptables",
        "clusterCIDR": "10.99.0.0/16",
        # Settings of the kernel that are not a machine's own.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpCloseWaitTimeout": "0s", "tcpEstablishedTimeout": "0s"},
    }


def _pod_network(network: Network, number: int) -> dict[str, Any]:
    addresses = {"type": "host-local", "ranges": [[{"subnet": network.pods(number)}]]}
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        # Of pods that talk to themselves by a Service.
        "hairpinMode": True,
        "ipam": {**addresses, "routes": [{"dst": "0.0.0.0/0"}]},
    }
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, {"type": "loopback"}]}


def _mirror(network: Network) -> str:
    """All registries are the one of the tests."""
    return f'[host."http://{network.gateway}:{REGISTRY_PORT}"]\n  capabilities = ["pull", "resolve"]\n'


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _json(document: Mapping[str, Any]) -> str:
    """JSON is YAML."""
    return json.dumps(document, indent=2) + "\n"
