# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the good cluster makes one check of pods, namespaces, images or Secrets fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cluster_objects import GPU, Json, Objects, container, made, pod_spec, workload

Break = Callable[[Objects], Any]
PSS = "pod-security.kubernetes.io/"
ADMIN_ACCESS = "resource.kubernetes.io/admin-access"


def labels(objects: Objects, namespace: str) -> Json:
    """Labels of a namespace."""
    found: Json = objects.get("Namespace", namespace)["metadata"].setdefault("labels", {})
    return found


def server(objects: Objects) -> Json:
    """The spec of the pods of the model server."""
    found: Json = objects.get("Deployment", "serve", "ml-serving")["spec"]["template"]["spec"]
    return found


def main(objects: Objects) -> Json:
    """Its container."""
    found: Json = server(objects)["containers"][0]
    return found


def monitor(objects: Objects) -> Json:
    """The spec of the pods of Prometheus, which have no GPU."""
    found: Json = objects.get("Deployment", "prometheus", "ml-monitoring")["spec"]["template"]["spec"]
    return found


def pods_of(objects: Objects, name: str, namespace: str = "ml-serving") -> Json:
    """The metadata of the pods of a Deployment."""
    found: Json = objects.get("Deployment", name, namespace)["spec"]["template"]["metadata"]
    return found


def container_of(objects: Objects, name: str) -> Json:
    """The container of a component."""
    found: Json = objects.get("DaemonSet", name, name)["spec"]["template"]["spec"]["containers"][0]
    return found


def security(**changes: Any) -> Break:
    return lambda objects: main(objects)["securityContext"].update(changes)


def host_path(path: str) -> Break:
    return lambda objects: server(objects)["volumes"].append({"name": "host", "hostPath": {"path": path}})


def variable(name: str, value: str, of: Callable[[Objects], Json] = server) -> Break:
    return lambda objects: of(objects)["containers"][0].update(env=[{"name": name, "value": value}])


def elsewhere(spec: Json, **levels: str) -> Break:
    """Work in a namespace that is none of a stage."""

    def add(objects: Objects) -> None:
        objects.add(
            made("Namespace", "team", labels={f"{PSS}{mode}": level for mode, level in levels.items()}),
            made("ServiceAccount", "default", "team", automountServiceAccountToken=False),
            workload("Deployment", "work", "team", spec),
        )

    return add


def computing(image: str) -> Break:
    """A pod with a GPU, of no stage."""
    return elsewhere(pod_spec(container(image=image, resources=GPU)), enforce="restricted")


def store(kind: str = "SecretStore", **changes: Any) -> Break:
    def change(objects: Objects) -> None:
        item = next(item for item in objects.items[kind])
        item["spec"]["provider"]["vault"].update(changes)

    return change


def no_operator(objects: Objects) -> None:
    """Nothing brings the Secret any more, but another."""
    objects.get("ExternalSecret", "model-registry-credentials", "ml-serving")["metadata"]["name"] = "other"


NAMESPACES: dict[str, Break] = {
    "GPU-NS-001": lambda o: o.drop("Namespace", "ml-monitoring"),
    "GPU-NS-002": lambda o: labels(o, "ml-training").update({f"{PSS}enforce": "baseline"}),
    "GPU-NS-003": lambda o: labels(o, "ml-training").pop(f"{PSS}warn"),
    "GPU-NS-004": lambda o: labels(o, "ml-training").pop(f"{PSS}audit"),
    # Its own pods need it, or another check would say so.
    "GPU-NS-005": elsewhere(pod_spec(container(resources=GPU), hostPID=True), enforce="privileged"),
    "GPU-NS-006": elsewhere(pod_spec()),
    "GPU-NS-007": lambda o: labels(o, "kueue-system").update({f"{PSS}enforce": "privileged"}),
    "GPU-NS-008": lambda o: labels(o, "ml-training").update({f"{PSS}enforce-version": "v1.25"}),
    "GPU-NS-009": lambda o: labels(o, "ml-training").update({"resource.kubernetes.io/admin-access": "true"}),
    "GPU-NS-010": lambda o: labels(o, "ml-training").pop("gpu-cluster.hardening/stage"),
}
HOST: dict[str, Break] = {
    "GPU-HOST-001": security(privileged=True),
    "GPU-HOST-002": host_path("/dev/nvidia0"),
    "GPU-HOST-003": host_path("/var/run/docker.sock"),
    "GPU-HOST-004": host_path("/var/lib/kubelet"),
    "GPU-HOST-005": host_path("/var/lib/kubelet/device-plugins"),
    "GPU-HOST-006": host_path("/"),
    "GPU-HOST-007": host_path("/etc/nvidia-container-runtime"),
    "GPU-HOST-008": lambda o: server(o).update(hostPID=True),
    "GPU-HOST-009": lambda o: server(o).update(hostIPC=True),
    "GPU-HOST-010": lambda o: server(o).update(hostNetwork=True),
    "GPU-HOST-011": lambda o: main(o).update(ports=[{"containerPort": 80, "hostPort": 80}]),
    "GPU-HOST-012": security(capabilities={"drop": ["ALL"], "add": ["CAP_SYS_ADMIN"]}),
    "GPU-HOST-013": security(procMount="Unmasked"),
}
PODS: dict[str, Break] = {
    "GPU-POD-001": security(runAsUser=0),
    "GPU-POD-002": security(allowPrivilegeEscalation=True),
    "GPU-POD-003": security(capabilities={}),
    "GPU-POD-004": security(seccompProfile={"type": "Unconfined"}),
    "GPU-POD-005": security(readOnlyRootFilesystem=False),
    "GPU-POD-006": lambda o: main(o)["resources"]["limits"].pop("memory"),
    "GPU-POD-007": lambda o: server(o)["volumes"][1].update(emptyDir={}),
    # Only running pods have such containers.
    "GPU-POD-008": lambda o: o.get("Pod", "serve-5d4f-x", "ml-serving")["spec"].update(
        ephemeralContainers=[container("debug")]
    ),
    "GPU-POD-009": lambda o: server(o).update(shareProcessNamespace=True),
    "GPU-POD-010": lambda o: [
        main(o)["volumeMounts"][0].pop("readOnly"),
        server(o)["volumes"][0]["persistentVolumeClaim"].pop("readOnly"),
    ],
}
USE: dict[str, Break] = {
    "GPU-USE-001": elsewhere(pod_spec(container(resources=GPU)), enforce="restricted"),
    "GPU-USE-002": variable("NVIDIA_VISIBLE_DEVICES", "all", monitor),
    "GPU-USE-003": variable("NVIDIA_VISIBLE_DEVICES", "all"),
    "GPU-USE-004": variable("NVIDIA_MIG_CONFIG_DEVICES", "all"),
    "GPU-USE-005": variable("NVIDIA_DRIVER_CAPABILITIES", "all"),
    "GPU-USE-006": lambda o: main(o)["volumeMounts"].append(
        {"name": "tmp", "mountPath": "/var/run/nvidia-container-devices/all"}
    ),
    "GPU-USE-007": lambda o: o.get("Deployment", "serve", "ml-serving")["spec"]["template"]["metadata"].update(
        annotations={"cdi.k8s.io/own": "nvidia.com/gpu=all"}
    ),
    "GPU-USE-008": lambda o: monitor(o).update(runtimeClassName="nvidia"),
    "GPU-USE-009": lambda o: monitor(o).update(tolerations=[{"operator": "Exists"}]),
    "GPU-USE-010": lambda o: monitor(o).update(nodeName="cpu-0"),
    "GPU-USE-011": lambda o: server(o).update(serviceAccountName="notebook"),
    "GPU-USE-012": lambda o: o.drop("ResourceQuota", "gpus", "ml-training"),
}
IMAGES: dict[str, Break] = {
    "GPU-IMG-001": lambda o: main(o).update(image="registry.internal/server:v1"),
    "GPU-IMG-002": computing("registry.internal/server:latest"),
    "GPU-IMG-003": lambda o: main(o).update(image=main(o)["image"].replace("internal", "evil")),
    "GPU-IMG-004": lambda o: o.get("DaemonSet", "falco", "falco")["spec"]["template"]["spec"]["containers"][0].update(
        image="docker.io/falcosecurity/falco:0.44.1"
    ),
    "GPU-IMG-005": computing("nvidia/cuda:13.0"),
    "GPU-IMG-006": lambda o: main(o).update(imagePullPolicy="Never"),
}
SECRETS: dict[str, Break] = {
    "GPU-SEC-001": lambda o: main(o).update(envFrom=[{"secretRef": {"name": "keys"}}]),
    "GPU-SEC-002": variable("WANDB_API_KEY", "abcdef"),
    "GPU-SEC-003": lambda o: server(o)["volumes"][2]["secret"].pop("defaultMode"),
    "GPU-SEC-004": no_operator,
    "GPU-SEC-005": lambda o: o.items["ExternalSecret"][0]["status"]["conditions"][0].update(status="False"),
    "GPU-SEC-006": lambda o: o.items["ExternalSecret"][0]["spec"].update(refreshInterval="0"),
    "GPU-SEC-007": lambda o: o.items["ClusterSecretStore"][0]["spec"].pop("conditions"),
    "GPU-SEC-008": store(auth={"tokenSecretRef": {"name": "token", "key": "token"}}),
    "GPU-SEC-009": store(server="http://vault.internal"),
}
BREAKS = {**NAMESPACES, **HOST, **PODS, **USE, **IMAGES, **SECRETS}
