# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Python that has imported the libraries already, and forks a process for each program that it is asked to run.

Importing them is most of the start of a module, and a third of that of ansible-playbook. Nothing is imported here that
depends on the settings of a run: neither ``ansible.constants``, which reads them, nor what imports it, nor anything of
this collection. So a forked process becomes what a started one would be. Ansible's libraries behave otherwise in
ansible-playbook than in a module, so each has a server of its own. :mod:`warm_process` is the other side.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

# What a run imports before it reads any setting, in the order in which it does.
OF_ANSIBLE = {
    "playbook": ("ansible._internal", "ansible.errors", "ansible.config.manager", "ansible.utils.fqcn"),
    "module": ("ansible.module_utils.basic",),
}
OF_OTHERS = (
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "cryptography.hazmat.primitives.serialization.ssh",
    "hvac",
    "jinja2.nativetypes",
    "jmespath",
    "multiprocessing.queues",
    "multiprocessing.synchronize",
    "requests",
    "tarfile",
    "urllib3",
    "xml.etree.ElementTree",
    "yaml",
)
MESSAGE = 8  # a number, the process or its end, as text of this many bytes
Json = dict[str, Any]


def serve(requests: socket.socket) -> Json:
    """Answer requests until their sender is gone; in a process that was forked for one of them, return it.

    A request is one byte and five files: a description as JSON, stdin, stdout, stderr, and where to write first the
    number of the process and then how it ended, as :class:`subprocess.Popen` says it.
    """
    running: dict[int, tuple[int, int]] = {}
    while True:
        ready = select.select([requests, *running], [], [])[0]
        for ended in running.keys() & set(ready):
            process, answer = running.pop(ended)
            code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            os.close(ended)
            tell(answer, code)
            os.close(answer)
        if requests not in ready:
            continue
        message, files, _flags, _address = socket.recv_fds(requests, 1, 5)
        if not message:
            sys.exit()
        description, *standard, answer = files
        process = os.fork()
        if not process:
            requests.close()
            for file in (answer, *(file for ended, (_process, told) in running.items() for file in (ended, told))):
                os.close(file)
            return become(description, standard)
        for file in (description, *standard):
            os.close(file)
        running[os.pidfd_open(process)] = process, answer
        tell(answer, process)


def tell(answer: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody wants to know any more
        os.write(answer, f"{number:{MESSAGE}}".encode())


def become(description: int, standard: list[int]) -> Json:
    """Give this process what a started one gets; what it should run is returned."""
    with os.fdopen(description, "rb") as file:
        request: Json = json.load(file)
    for number, given in enumerate(standard):
        os.dup2(given, number)
        os.close(given)
    # What a shell starts in the background, as the tests may be, ignores Ctrl-C and hands that on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if request["new_session"]:
        os.setsid()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    return request


def run(request: Json) -> None:
    """Run a script or, if that is ``-m``, a module, as ``python`` does."""
    script, *arguments = request["arguments"]
    if script == "-m":
        # As ``python -m`` does, runpy replaces the name of the module in sys.argv by its file.
        sys.argv = arguments
        sys.path.insert(0, request["cwd"])
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [script, *arguments]
        sys.path.insert(0, str(Path(script).parent))
        runpy.run_path(script, run_name="__main__")


def main() -> None:
    """Import what a kind of program needs, and serve the socket that the caller left open."""
    kind, requests = sys.argv[1:]
    del sys.path[0]  # the folder of this file is not for others
    for name in (*OF_ANSIBLE[kind], *OF_OTHERS):
        importlib.import_module(name)
    assert "ansible.constants" not in sys.modules and "ansible_collections" not in sys.modules
    gc.collect()
    gc.freeze()  # what is shared with all forked processes is never looked at again
    run(serve(socket.socket(fileno=int(requests))))


if __name__ == "__main__":
    main()
