# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the whole job with several versions of ansible-core and Python: ``run_matrix.py [--quick] [--write]``.

For each pair that can be had here: a virtual environment with that ansible-core and the collection's requirements, then
``harden_gpu_cluster`` on one real API server: in check mode, for real, once more (nothing may change), and taken away.
``--quick`` runs only the oldest pair, ``--write`` puts what was run into docs/versions.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from sandbox_access import CHECKOUT, Sandbox, clean_environment

# Which Python each ansible-core runs on, as its packages say.
PAIRS = {
    "2.17": ("3.11", "3.12"),
    "2.18": ("3.11", "3.12", "3.13"),
    "2.19": ("3.11", "3.12", "3.13"),
    "2.20": ("3.12", "3.13", "3.14"),
    "2.21": ("3.12", "3.13", "3.14"),
}
FOLDER = CHECKOUT / ".build" / "matrix"
PAGE = CHECKOUT / "docs" / "versions.md"
HARDEN = "gpu_cluster.hardening.harden_gpu_cluster"
REMOVE = "gpu_cluster.hardening.remove_gpu_cluster_hardening"
ROW = re.compile(r"^\| (2\.\d+)\.\d+ \| (3\.\d+)\.")


@dataclass(frozen=True)
class Result:
    """What one pair did; ``problem`` is empty if all went well."""

    core: str
    python: str
    server: str
    problem: str

    @property
    def row(self) -> str:
        """Its line in the table of docs/versions.md."""
        today = datetime.datetime.now(datetime.UTC).date()
        return f"| {self.core} | {self.python} | {self.server} | {self.problem or 'passed'} | {today} |"


def find_python(version: str) -> Path | None:
    """A Python of that version on this machine: on the PATH, or of pyenv."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [*sorted(root.glob(f"versions/{version}.*/bin/python{version}"))]
    if found := shutil.which(f"python{version}"):
        candidates.append(Path(found))
    for candidate in candidates:
        done = subprocess.run([candidate, "-c", "import ensurepip"], capture_output=True, check=False)
        if done.returncode == 0:
            return candidate
    return None


def environment_of(core: str, python: Path, version: str) -> Path:
    """The folder of programs of a virtual environment, made once."""
    venv = FOLDER / f"core-{core}-python-{version}"
    ready = venv / "ready"
    if not ready.exists():
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([python, "-m", "venv", venv], check=True)
        pip = [venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, f"ansible-core~={core}.0", "-r", CHECKOUT / "requirements.txt"], check=True)
        ready.touch()
    return venv / "bin"


def run_pair(programs: Path, sandbox: Sandbox, server: str) -> Result:
    """The whole job with one pair."""
    home = programs.parent / "home"
    home.mkdir(exist_ok=True)
    inventory = home / "inventory.json"
    host = {"gpu_cluster_kubeconfig": str(sandbox.kubeconfig)}
    inventory.write_text(json.dumps({"gpu_clusters": {"hosts": {"sandbox": host}}}), encoding="utf-8")
    environment = clean_environment(home, {"ANSIBLE_HOME": str(home), "PYTHONPATH": ""})
    said = subprocess.run(
        [programs / "ansible-playbook", "--version"], capture_output=True, text=True, check=True, env=environment
    ).stdout
    core, python = (
        re.findall(pattern, said)[0] for pattern in (r"core (\d+\.\d+\.\d+)", r"python version = (\d+\.\d+\.\d+)")
    )

    steps = (("check", HARDEN, "--check"), ("first run", HARDEN), ("second run", HARDEN), ("removal", REMOVE))
    for name, playbook, *options in steps:
        done = subprocess.run(
            [programs / "ansible-playbook", "-i", inventory, playbook, *options],
            cwd=home,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        said = done.stdout + done.stderr
        unclean = done.returncode != 0 or "Traceback" in said or "DEPRECATION" in said
        if unclean or (name == "second run" and "changed=0" not in said):
            print(said)
            return Result(core, python, server, f"{name} failed")
    return Result(core, python, server, "")


def write(results: list[Result]) -> None:
    """Put the rows of these pairs into the table; those of others stay."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    new = {match.groups(): result.row for result in results if (match := ROW.match(result.row))}
    rows = {match.groups(): line for line in lines if (match := ROW.match(line))} | new
    begin = lines.index("|---|---|---|---|---|") + 1
    rest = [line for line in lines[begin:] if not ROW.match(line)]
    lines[begin:] = [*(rows[pair] for pair in sorted(rows)), *rest]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> int:
    """Run the pairs that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only the oldest ansible-core")
    parser.add_argument("--only", action="append", default=[], metavar="CORE/PYTHON", help="such as 2.21/3.13")
    parser.add_argument("--write", action="store_true", help="put the result into docs/versions.md")
    options = parser.parse_args()
    pairs = [(core, version) for core, versions in PAIRS.items() for version in versions]
    if options.quick:
        pairs = pairs[:1]
    if options.only:
        pairs = [pair for pair in pairs if "/".join(pair) in options.only]

    sandbox = Sandbox(CHECKOUT / ".build" / "matrix-sandbox")
    sandbox.bring("started")
    results: list[Result] = []
    try:
        server = json.loads(sandbox.kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"].lstrip("v")
        for core, version in pairs:
            python = find_python(version)
            if python is None:
                print(
                    f"ansible-core {core} on Python {version}: not run, there is no Python {version} here", flush=True
                )
                continue
            began = time.monotonic()
            results.append(run_pair(environment_of(core, python, version), sandbox, server))
            seconds = time.monotonic() - began
            print(f"{results[-1].row} {seconds:.0f} s", flush=True)
    finally:
        sandbox.bring("absent")
    if options.write:
        write(results)
    failed = [result for result in results if result.problem]
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
