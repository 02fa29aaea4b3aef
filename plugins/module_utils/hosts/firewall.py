# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall of a machine: who may talk to the ports of the kubelet, of NVIDIA's daemons and of etcd. Pure.

A table of its own, which only ever drops: what other tables drop stays dropped, and no port is touched but those that
are named. It looks at packets to this machine before another program redirects them to a pod.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Network, read_network
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import REQUIRED, Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.places import (
    FIREWALL,
    FIREWALL_RULES,
    FIREWALL_UNIT,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.plan import HostFile, HostPlan, Step

TABLE = "gpu_cluster_hardening"
# Without a reload of systemd, which could take GPUs from containers; a unit that is new is found without one.
_FOLLOW = f"""\
if [ -e {FIREWALL_RULES} ]
then systemctl --no-reload enable {FIREWALL} && systemctl restart {FIREWALL}
else
  systemctl --no-reload disable {FIREWALL} || true
  systemctl stop {FIREWALL} || true
  nft delete table inet {TABLE} 2>/dev/null || true
fi
"""
_FAMILIES = ((4, "ipv4_addr", "ip"), (6, "ipv6_addr", "ip6"))
_KEYS = {"name": REQUIRED, "ports": REQUIRED, "protocol": "tcp", "from": [], "control_plane": False}


@dataclass(frozen=True)
class _Service:
    """Ports, and the names of the groups of networks that may reach them."""

    name: str
    ports: tuple[tuple[int, int], ...]
    protocol: str
    sources: tuple[str, ...]


def plan(facts: Mapping[str, Any], settings: Mapping[str, Any]) -> HostPlan:
    """What the firewall of a machine should be.

    Args:
        facts: ``nft`` (path of the program, or empty), ``ssh_ports`` (on which logins come in) and ``control_plane``
            (whether etcd and the API server run here).
        settings: ``networks`` (CIDRs by the name of a group) and ``services``; each of these has ``name``, ``ports``
            (numbers or ranges, as texts), ``protocol``, ``from`` (names of groups) and ``control_plane`` (only on
            machines of the control plane).

    Raises:
        HardeningError: something in the settings is wrong, or would lock somebody out.
    """
    if not facts["nft"]:
        raise HardeningError(
            "This machine has no nft. Install nftables first (Debian, Ubuntu, RHEL: package nftables), or leave the"
            " firewall out with host_firewall_state: absent."
        )
    problems: list[str] = []
    networks = _read_networks(Entry("host_firewall_networks", settings["networks"], problems))
    services = _read_services(Entry("host_firewall_services", settings["services"], problems), facts, networks)
    if not networks.get("nodes"):
        problems.append(
            "host_firewall_networks.nodes: name the networks of all nodes, those of the control plane included."
            " Without them the API server could not reach a kubelet"
        )
    if problems:
        raise HardeningError(join_failures("The firewall cannot be planned", problems))
    return HostPlan(
        files=(
            HostFile(FIREWALL_RULES, _rules(networks, services), "0600"),
            HostFile(FIREWALL_UNIT, _unit(facts["nft"])),
        ),
        validate=((facts["nft"], "--check", "--file", "{stage}" + FIREWALL_RULES),),
        steps=(Step(command=("sh", "-c", _FOLLOW)),),
        warnings=_warnings(networks),
    )


def _read_networks(entry: Entry) -> dict[str, list[Network]]:
    return {
        name: list(filter(None, (read_network(item) for item in group.items())))
        for name, group in entry.named().items()
    }


def _read_services(entry: Entry, facts: Mapping[str, Any], groups: Mapping[str, object]) -> list[_Service]:
    services = []
    for item in entry.items():
        keys = item.keys(_KEYS)
        sources = [source.choice(groups) for source in keys["from"].items()]
        protocol = keys["protocol"].choice(("tcp", "udp"))
        ports = tuple(_read_ports(keys["ports"]))
        name = keys["name"].filled_text()
        keys["name"].refuse("must not have a quotation mark or a line break" if {'"', "\n"} & set(name) else None)
        for port in facts["ssh_ports"] if protocol == "tcp" else ():
            if any(first <= port <= last for first, last in ports):
                keys["ports"].refuse(f"logins by SSH come in on port {port}, which this role does not touch")
        if facts["control_plane"] or not keys["control_plane"].flag():
            services.append(_Service(name, ports, protocol, tuple(sources)))
    return services


def _read_ports(entry: Entry) -> Iterator[tuple[int, int]]:
    for item in entry.items():
        first, dash, last = str(item.value).partition("-")
        try:
            pair = int(first), int(last if dash else first)
        except ValueError:
            pair = 0, 0
        if 0 < pair[0] <= pair[1] < 65536:
            yield pair
        else:
            item.refuse(f"{item.value!r} is neither a port nor a range such as 16000-16003")


def _rules(networks: Mapping[str, Sequence[Network]], services: Sequence[_Service]) -> str:
    used = sorted({source for service in services for source in service.sources})
    lines = [
        "# Written by gpu_cluster.hardening.host_firewall. One transaction: the old table goes as the new one comes.",
        f"table inet {TABLE}",
        f"delete table inet {TABLE}",
        f"table inet {TABLE} {{",
    ]
    for name in used:
        lines += _sets(name, networks[name])
    lines += [
        "  chain guard {",
        "    type filter hook prerouting priority mangle; policy accept;",
        '    iif "lo" accept',
        "    fib daddr type != local accept",
        "    ct state established,related accept",
    ]
    for service in services:
        lines += [f"    {rule}" for rule in _service_rules(service, networks)]
    return "\n".join([*lines, "  }", "}", ""])


def _sets(name: str, networks: Iterable[Network]) -> Iterator[str]:
    for family, kind, _word in _FAMILIES:
        # Of networks that overlap nft takes neither.
        of_family: list[Any] = [network for network in networks if network.version == family]
        if texts := [str(network) for network in ipaddress.collapse_addresses(of_family)]:
            yield f"  set {_set_name(name, family)} {{"
            yield f"    type {kind}; flags interval;"
            yield f"    elements = {{ {', '.join(texts)} }}"
            yield "  }"


def _service_rules(service: _Service, networks: Mapping[str, Sequence[Network]]) -> Iterator[str]:
    ports = ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in service.ports)
    match = f"{service.protocol} dport {{ {ports} }}"
    for source in service.sources:
        for family, _kind, word in _FAMILIES:
            if any(network.version == family for network in networks[source]):
                yield f"{match} {word} saddr @{_set_name(source, family)} accept"
    yield f'{match} counter drop comment "{service.name}"'


def _set_name(group: str, family: int) -> str:
    return f"{group}_{family}"


def _unit(nft: str) -> str:
    # Debian's nftables.service flushes every table when it starts.
    return f"""\
# Written by gpu_cluster.hardening.host_firewall.
[Unit]
Description=Firewall of the GPU cluster's ports on this machine
Documentation=man:nft(8)
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target shutdown.target
After=local-fs.target nftables.service
Conflicts=shutdown.target
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={nft} --file {FIREWALL_RULES}
ExecReload={nft} --file {FIREWALL_RULES}
ExecStop={nft} delete table inet {TABLE}

[Install]
WantedBy=sysinit.target nftables.service
"""


def _warnings(networks: Mapping[str, Sequence[Network]]) -> tuple[str, ...]:
    wide = [f"{name}: {network}" for name, group in networks.items() for network in group if network.prefixlen == 0]
    return (f"host_firewall_networks lets everybody in by {', '.join(wide)}",) if wide else ()
