# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the settings of the device plugin come to: its configuration, its rights, and what they open. Pure.

Sources: the chart and api/config/v1 of NVIDIA/k8s-device-plugin v0.20.0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import (
    OPTIONAL,
    REQUIRED,
    Entry,
    describe,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.placement import (
    read_node_selector,
    read_tolerations,
)

CDI = "cdi-cri"
STRATEGIES = (CDI, "envvar", "volume-mounts")
ID_STRATEGIES = ("uuid", "index")
MIG_STRATEGIES = ("none", "single", "mixed")
MPS_ROOT = "/run/nvidia/mps"
"""Folder of the node through which the control daemon of MPS, the plugin and the pods meet."""
SETTINGS = frozenset(
    {
        "device_list_strategy",
        "device_id_strategy",
        "mig_strategy",
        "sharing",
        "driver_root",
        "toolkit_accepts_envvar",
        "node_selector",
        "taints",
    }
)
_SHARING = {"timeSlicing": OPTIONAL, "mps": OPTIONAL}
_SHARED = {"renameByDefault": False, "failRequestsGreaterThanOne": True, "resources": REQUIRED}
_RESOURCE = {"name": REQUIRED, "replicas": REQUIRED}
_GPU = "nvidia.com/gpu"
_MIG = re.compile(r"nvidia\.com/mig-[0-9a-z][0-9a-z.]*")

OPENED = {
    "envvar": (
        "device_plugin_device_list_strategy is envvar: containers get GPUs by NVIDIA_VISIBLE_DEVICES, so one that sets "
        "it to all sees every GPU of its node without requesting any. cdi-cri does not rely on it."
    ),
    "volume-mounts": (
        "device_plugin_device_list_strategy is volume-mounts: a pod that may mount a hostPath can name any GPU of its "
        "node. Every namespace must enforce Pod Security baseline or restricted. The plugin gets SYS_ADMIN."
    ),
    "timeSlicing": (
        "device_plugin_sharing has timeSlicing: nothing isolates pods that share a GPU, neither their memory nor their "
        "faults. Share only among pods that trust each other; MIG separates them in hardware."
    ),
    "mps": (
        "device_plugin_sharing has mps: no hardware isolates the memory of pods that share a GPU, and a fault of one "
        "ends all of them. Its control daemon is privileged and sees all processes of the node."
    ),
}


def plan(settings: Mapping[str, object]) -> Json:
    """Check the settings and derive what the templates need.

    Args:
        settings: the keys of :data:`SETTINGS`; each is the variable ``device_plugin_<key>``.

    Returns:
        ``config`` (the plugin's configuration file), ``sys_admin``, ``cdi``, ``mig``, ``mps`` (flags), ``mps_root`` (a
        folder of the node), ``node_selector``, ``tolerations`` and ``warnings``.

    Raises:
        HardeningError: with every problem.
    """
    problems: list[str] = []
    keys = {name: Entry(f"device_plugin_{name}", settings[name], problems) for name in sorted(SETTINGS)}
    strategy = keys["device_list_strategy"].choice(STRATEGIES)
    mig = keys["mig_strategy"].choice(MIG_STRATEGIES)
    accepts_envvar = keys["toolkit_accepts_envvar"].flag()
    sharing = _read_sharing(keys["sharing"], mig)
    flags: Json = {
        "migStrategy": mig,
        "failOnInitError": True,
        "nvidiaDriverRoot": _read_path(keys["driver_root"]),
        "plugin": {
            "passDeviceSpecs": False,
            "deviceListStrategy": [strategy],
            "deviceIDStrategy": keys["device_id_strategy"].choice(ID_STRATEGIES),
        },
    }
    if "mps" in sharing:
        # Without it the plugin does not start.
        flags["mpsRoot"] = MPS_ROOT
    placed = {
        "node_selector": read_node_selector(keys["node_selector"]),
        "tolerations": read_tolerations(keys["taints"]),
    }
    if problems:
        raise HardeningError(join_failures("The settings of the device plugin are wrong", problems))
    return {
        "config": {"version": "v1", "flags": flags, **({"sharing": sharing} if sharing else {})},
        # The toolkit gives GPUs by volume mounts, MIG monitoring, and GPUs where it refuses the variable, only to
        # containers with this capability.
        "sys_admin": strategy == "volume-mounts" or mig != "none" or not accepts_envvar,
        "cdi": strategy == CDI,
        "mig": mig != "none",
        "mps": "mps" in sharing,
        "mps_root": MPS_ROOT,
        **placed,
        "warnings": [text for name, text in OPENED.items() if name == strategy or name in sharing],
    }


def _read_sharing(entry: Entry, mig: str) -> Json:
    keys = entry.keys(_SHARING)
    given = [name for name, value in keys.items() if value.given]
    if len(given) > 1:
        entry.refuse("timeSlicing and mps exclude each other")
    if "mps" in given and mig != "none":
        keys["mps"].refuse(f"MPS does not work on MIG devices, and device_plugin_mig_strategy is {mig}")
    return {name: _read_shared(keys[name], mig) for name in given}


def _read_shared(entry: Entry, mig: str) -> Json:
    keys = entry.keys(_SHARED)
    resources = [_read_resource(item, mig) for item in keys["resources"].items()]
    if isinstance(keys["resources"].value, list | tuple) and not resources:
        keys["resources"].refuse("must not be empty; name nvidia.com/gpu and how often it is shared")
    names = [resource["name"] for resource in resources]
    for name in sorted({str(name) for name in names if names.count(name) > 1}):
        keys["resources"].refuse(f"{name} is given twice")
    return {
        "renameByDefault": keys["renameByDefault"].flag(),
        "failRequestsGreaterThanOne": keys["failRequestsGreaterThanOne"].flag(),
        "resources": resources,
    }


def _read_resource(entry: Entry, mig: str) -> Json:
    keys = entry.keys(_RESOURCE)
    name = keys["name"].text()
    if isinstance(keys["name"].value, str) and name != _GPU:
        if not _MIG.fullmatch(name):
            keys["name"].refuse(f"{name!r} is not {_GPU}, nor a MIG device such as nvidia.com/mig-1g.10gb")
        elif mig != "mixed":
            keys["name"].refuse(f"there is {name} only with device_plugin_mig_strategy: mixed, and it is {mig}")
    return {"name": name, "replicas": _read_replicas(keys["replicas"])}


def _read_replicas(entry: Entry) -> int:
    value = entry.whole_number()
    if not entry.given:
        return 0
    if value is None:
        entry.refuse(f"must be a number, not {describe(entry.value)}")
        return 0
    if value < 2:
        entry.refuse(f"{value} shares nothing; it must be 2 or more")
    return value


def _read_path(entry: Entry) -> str:
    path = entry.text()
    if isinstance(entry.value, str) and not path.startswith("/"):
        entry.refuse(f"{path!r} is no absolute path")
    return path
