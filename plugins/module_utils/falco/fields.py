# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of system-call events that Falco's engine and its container plugin know, with their types.

Sources: the field tables of falcosecurity/libs 0.25 and of the container plugin 0.7, as Falco 0.44 lists them.
"""

from __future__ import annotations

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.syntax import Field

ENGINE_VERSION = "0.62.0"
"""The engine whose fields these are: that of Falco 0.44."""

_BY_TYPE = {
    "CHARBUF": """
        evt.time evt.time.s evt.time.iso8601 evt.datetime evt.datetime.s evt.pluginname evt.plugininfo
        evt.source evt.asynctype evt.hostname evt.latency.human evt.outputtime evt.dir evt.type syscall.type
        evt.category evt.args evt.arg evt.info evt.res evt.io_dir evt.abspath evt.infra.docker.name
        evt.infra.docker.container.id evt.infra.docker.container.name evt.infra.docker.container.image
        proc.exe proc.pexe proc.aexe proc.exepath proc.pexepath proc.aexepath proc.name proc.pname proc.aname
        proc.args proc.aargs proc.cmdline proc.pcmdline proc.acmdline proc.exeline proc.env proc.aenv proc.cwd
        proc.sname proc.sid.exe proc.sid.exepath proc.vpgid.name proc.vpgid.exe proc.vpgid.exepath
        proc.pgid.name proc.pgid.exe proc.pgid.exepath thread.cap_permitted thread.cap_inheritable
        thread.cap_effective thread.nametid thread.cgroups thread.cgroup proc.stdin.type proc.stdout.type
        proc.stderr.type proc.stdin.name proc.stdout.name proc.stderr.name fd.type fd.typechar fd.name
        fd.directory fd.filename fd.l4proto fd.sockfamily fd.uid fd.containername fd.containerdirectory
        fd.cproto fd.sproto fd.lproto fd.rproto fd.cip.name fd.sip.name fd.lip.name fd.rip.name fd.nameraw
        fd.types user.name user.homedir user.shell user.loginname group.name fs.path.name fs.path.nameraw
        fs.path.source fs.path.sourceraw fs.path.target fs.path.targetraw fdlist.nums fdlist.names fdlist.cips
        fdlist.sips fdlist.cports fdlist.sports container.id container.full_id container.name container.image
        container.image.id container.type container.mounts container.mount container.mount.source
        container.mount.dest container.mount.mode container.mount.rdwr container.mount.propagation
        container.image.repository container.image.tag container.image.digest container.healthcheck
        container.liveness_probe container.readiness_probe container.ip container.cni.json container.label
        container.labels k8s.pod.name k8s.ns.name k8s.pod.id k8s.pod.uid k8s.pod.sandbox_id
        k8s.pod.full_sandbox_id k8s.pod.label k8s.pod.labels k8s.pod.ip k8s.pod.cni.json k8s.rc.name k8s.rc.id
        k8s.rc.label k8s.rc.labels k8s.svc.name k8s.svc.id k8s.svc.label k8s.svc.labels k8s.ns.id k8s.ns.label
        k8s.ns.labels k8s.rs.name k8s.rs.id k8s.rs.label k8s.rs.labels k8s.deployment.name k8s.deployment.id
        k8s.deployment.label k8s.deployment.labels
    """,
    "ABSTIME": """
        evt.rawtime evt.rawtime.s evt.rawtime.ns proc.exe_ino.ctime proc.exe_ino.mtime
        proc.exe_ino.ctime_duration_proc_start proc.exe_ino.ctime_duration_pidns_start container.start_ts
    """,
    "BOOL": """
        evt.is_async evt.failed evt.is_io evt.is_io_read evt.is_io_write evt.is_wait evt.is_syslog
        evt.is_open_read evt.is_open_write evt.is_open_exec evt.is_open_create proc.is_exe_writable
        proc.is_exe_upper_layer proc.is_exe_lower_layer proc.is_exe_from_memfd proc.is_sid_leader
        proc.is_vpgid_leader proc.is_pgid_leader thread.ismain fd.is_server fd.connected fd.name_changed
        fd.is_upper_layer fd.is_lower_layer container.privileged container.host_pid container.host_network
        container.host_ipc proc.is_container_healthcheck proc.is_container_liveness_probe
        proc.is_container_readiness_probe
    """,
    "BYTEBUF": """
        evt.buffer
    """,
    "DOUBLE": """
        proc.fdusage thread.cpu thread.cpu.user thread.cpu.system
    """,
    "DYN": """
        evt.rawarg
    """,
    "INT16": """
        evt.cpu
    """,
    "INT32": """
        fd.dev fd.dev.major fd.dev.minor
    """,
    "INT64": """
        evt.rawres proc.loginshellid proc.pid proc.ppid proc.apid proc.vpid proc.pvpid proc.sid proc.vpgid
        proc.pgid proc.exe_ino proc.fdlimit thread.tid thread.vtid fd.num fd.ino user.loginuid
    """,
    "IPADDR": """
        fd.ip fd.cip fd.sip fd.lip fd.rip
    """,
    "IPNET": """
        fd.net fd.cnet fd.snet fd.lnet fd.rnet
    """,
    "PORT": """
        fd.port fd.cport fd.sport fd.lport fd.rport fd.proto
    """,
    "RELTIME": """
        evt.reltime evt.reltime.s evt.reltime.ns evt.latency evt.latency.s evt.latency.ns evt.deltatime
        evt.deltatime.s evt.deltatime.ns evt.wait_latency proc.duration proc.ppid.duration proc.pid.ts
        proc.ppid.ts thread.exectime thread.totexectime container.duration
    """,
    "UINT32": """
        evt.type.is evt.count evt.count.error evt.count.error.file evt.count.error.net evt.count.error.memory
        evt.count.error.other evt.count.exit evt.count.procinfo evt.count.threadinfo proc.tty user.uid
        group.gid
    """,
    "UINT64": """
        evt.num evt.latency.quantized evt.buflen evt.around evt.buflen.in evt.buflen.out evt.buflen.file
        evt.buflen.file.in evt.buflen.file.out evt.buflen.net evt.buflen.net.in evt.buflen.net.out
        proc.cmdnargs proc.cmdlenargs proc.pidns_init_start_ts proc.fdopencount proc.vmsize proc.vmrss
        proc.vmswap thread.pfmajor thread.pfminor proc.nthreads proc.nchilds thread.vmsize thread.vmrss
        thread.vmsize.b thread.vmrss.b util.cnt
    """,
}
TYPES: dict[str, str] = {name: kind for kind, names in _BY_TYPE.items() for name in names.split()}
"""The type of each field, in the words of Falco."""

NEED_ARGUMENT = frozenset(
    {
        "container.label",
        "container.mount",
        "container.mount.dest",
        "container.mount.mode",
        "container.mount.propagation",
        "container.mount.rdwr",
        "container.mount.source",
        "evt.abspath",
        "evt.arg",
        "evt.around",
        "evt.rawarg",
        "evt.type.is",
        "k8s.deployment.label",
        "k8s.ns.label",
        "k8s.pod.label",
        "k8s.rc.label",
        "k8s.rs.label",
        "k8s.svc.label",
        "thread.cgroup",
    }
)
"""Fields that need an argument, as in ``evt.arg[flags]`` or ``evt.arg.flags``."""

TAKE_ARGUMENT = frozenset(
    {
        "container.label",
        "container.mount",
        "container.mount.dest",
        "container.mount.mode",
        "container.mount.propagation",
        "container.mount.rdwr",
        "container.mount.source",
        "evt.abspath",
        "evt.arg",
        "evt.around",
        "evt.rawarg",
        "evt.type.is",
        "fd.types",
        "k8s.deployment.label",
        "k8s.ns.label",
        "k8s.pod.label",
        "k8s.rc.label",
        "k8s.rs.label",
        "k8s.svc.label",
        "proc.aargs",
        "proc.acmdline",
        "proc.aenv",
        "proc.aexe",
        "proc.aexepath",
        "proc.aname",
        "proc.apid",
        "proc.args",
        "proc.env",
        "thread.cgroup",
    }
)
"""Fields that need or may have one."""

INDEXED = frozenset(
    {
        "fd.types",
        "proc.aargs",
        "proc.acmdline",
        "proc.aexe",
        "proc.aexepath",
        "proc.aname",
        "proc.apid",
        "proc.args",
    }
)
"""Fields whose argument is a number."""

ANCESTORS = INDEXED - {"fd.types", "proc.args"}
"""Fields of ancestors: without an argument, those of any of them, and only in conditions."""

FILTER_ONLY = frozenset(
    {
        "evt.around",
        "fd.cnet",
        "fd.ip",
        "fd.lnet",
        "fd.net",
        "fd.port",
        "fd.proto",
        "fd.rnet",
        "fd.snet",
    }
)
"""Fields that an output cannot show."""

PRINT_ONLY = frozenset(
    {
        "evt.outputtime",
    }
)
"""Fields that a condition cannot look at."""

NO_TRANSFORMER = frozenset(
    {
        "evt.around",
        "evt.rawarg",
        "fd.cip.name",
        "fd.cnet",
        "fd.ip",
        "fd.lip.name",
        "fd.lnet",
        "fd.net",
        "fd.port",
        "fd.proto",
        "fd.rip.name",
        "fd.rnet",
        "fd.sip.name",
        "fd.snet",
        "proc.acmdline",
        "proc.aenv",
        "proc.aexe",
        "proc.aexepath",
        "proc.aname",
        "proc.apid",
    }
)
"""Fields that no transformer takes."""

NO_RIGHT_SIDE = frozenset(
    {
        "evt.around",
        "evt.rawarg",
        "fd.cip.name",
        "fd.cnet",
        "fd.ip",
        "fd.lip.name",
        "fd.lnet",
        "fd.net",
        "fd.port",
        "fd.proto",
        "fd.rip.name",
        "fd.rnet",
        "fd.sip.name",
        "fd.snet",
        "fd.types",
        "proc.acmdline",
        "proc.aenv",
        "proc.aexe",
        "proc.aexepath",
        "proc.aname",
        "proc.apid",
    }
)
"""Fields that cannot be compared with another field."""

LISTS = frozenset(
    {
        "fd.types",
    }
)
"""Fields with several values."""

DEPRECATED = frozenset(
    {
        "evt.dir",
        "evt.latency",
        "evt.latency.human",
        "evt.latency.ns",
        "evt.latency.quantized",
        "evt.latency.s",
        "evt.wait_latency",
        "k8s.deployment.id",
        "k8s.deployment.label",
        "k8s.deployment.labels",
        "k8s.deployment.name",
        "k8s.ns.id",
        "k8s.ns.label",
        "k8s.ns.labels",
        "k8s.rc.id",
        "k8s.rc.label",
        "k8s.rc.labels",
        "k8s.rc.name",
        "k8s.rs.id",
        "k8s.rs.label",
        "k8s.rs.labels",
        "k8s.rs.name",
        "k8s.svc.id",
        "k8s.svc.label",
        "k8s.svc.labels",
        "k8s.svc.name",
    }
)
"""Fields that Falco warns of, or that its plugin does not fill any more."""


def table_name(field: Field) -> str | None:
    """The name under which the tables have a field, without an argument after a dot; None if they have not."""
    if field.name in TYPES:
        return field.name
    # evt.arg.flags is evt.arg with an argument.
    parts = field.name.split(".")
    for count in range(len(parts) - 1, 1, -1):
        name = ".".join(parts[:count])
        if name in NEED_ARGUMENT:
            return name
    return None


def field_type(field: Field) -> str:
    """The type of what a check compares; that of a field that the tables do not have is a text."""
    if "len" in field.transformers:
        return "UINT64"
    return TYPES.get(table_name(field) or "", "CHARBUF")
