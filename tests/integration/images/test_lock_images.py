# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook that writes the lock: it adds, it verifies, and it takes what tags mean by now only on request."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_runs import ansible_playbook
from registry_proxy import Proxy, registry_proxy
from registry_server import OCI_INDEX, Pushed, Registry, plain
from sandbox_access import clean_environment

FALCO = "docker.io/falcosecurity/falco:0.44.1"
PLUGIN = "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"
EXPORTER = "nvcr.io/nvidia/k8s/dcgm-exporter:4.5.3-4.8.2-distroless"
BUSYBOX = "docker.io/library/busybox:1.37.0"
OPERATOR = "ghcr.io/external-secrets/external-secrets:v2.9.0"
NOWHERE = "sha256:" + "0a" * 32


@dataclass(frozen=True)
class Site:
    """An inventory of clusters whose registries are all one registry of the tests."""

    folder: Path
    proxy: Proxy
    registry: Registry
    clusters: int = 1

    @property
    def lock(self) -> Path:
        """The lock beside the inventory."""
        return self.folder / "image-lock.yml"

    @property
    def locked(self) -> dict[str, Any]:
        """The images in it."""
        content = yaml.safe_load(self.lock.read_text(encoding="utf-8"))
        assert content["version"] == 1
        images: dict[str, Any] = content["images"]
        return images

    def push(self, name: str, content: str = "") -> Pushed:
        """Push an image to where it is looked for here. No two images are the same."""
        repository, tag = name.partition("/")[2].split(":")
        return self.registry.push_index(f"hub/{repository}", tag, ["linux/amd64"], content=name + content)

    def run(self, *options: str, **variables: Any) -> str:
        """Run the playbook, which must succeed."""
        done = self.attempt(*options, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def refusal(self, **variables: Any) -> str:
        """Run the playbook, which must fail; its output in one line."""
        done = self.attempt(**variables)
        assert done.returncode != 0, done.stdout
        return " ".join((done.stdout + done.stderr).split())

    def attempt(self, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        """Run the playbook."""
        self.proxy.requests.clear()
        inventory = self.folder / "hosts.yml"  # JSON is YAML
        mirrors = [{"name": name, "mirror": f"{self.proxy.name}/hub"} for name in ("docker.io", "nvcr.io", "ghcr.io")]
        settings = {"lock_images_registries": [*mirrors, *plain(self.proxy.name)]}
        hosts: dict[str, None] = {f"metal-{number}": None for number in range(self.clusters)}
        inventory.write_text(json.dumps({"gpu_clusters": {"hosts": hosts, "vars": settings}}), encoding="utf-8")
        return ansible_playbook(
            *("gpu_cluster.hardening.lock_images", "-i", str(inventory), "-e", json.dumps(variables), *options),
            environment=clean_environment(self.folder, {"ANSIBLE_NOCOLOR": "1"}),
            cwd=self.folder,
        )


@pytest.fixture
def site(registry: Registry, tmp_path: Path) -> Iterator[Site]:
    """The site, with the images of all roles at its registry."""
    with registry_proxy(registry.name) as proxy:
        site = Site(tmp_path, proxy, registry)
        for name in (FALCO, PLUGIN, EXPORTER):
            site.push(name)
        yield site


def entries(site: Site, *more: str, falco: Pushed | None = None) -> dict[str, dict[str, str]]:
    """What the lock must hold: the images of all roles and more."""
    pushed = {name: site.push(name) for name in (PLUGIN, EXPORTER, *more)}
    return {name: entry(image) for name, image in {FALCO: falco or site.push(FALCO), **pushed}.items()}


def entry(pushed: Pushed) -> dict[str, str]:
    return {"digest": pushed.digest, "media_type": OCI_INDEX}


def test_check_mode_shows_the_lock_that_the_run_then_writes_once_for_all_clusters(site: Site) -> None:
    site = replace(site, clusters=2)
    shown = site.run("--check", "--diff")
    for image in entries(site).values():
        assert f"+    digest: {image['digest']}" in shown
    assert not site.lock.exists()

    assert site.run().count("changed=1") == 1
    assert site.locked == entries(site)
    before = site.lock.stat()
    assert "changed=1" not in site.run()
    assert site.lock.stat() == before


def test_the_operator_is_locked_where_secrets_come_from_vault(site: Site) -> None:
    vault = {"gpu_cluster_vault_url": "https://10.0.60.7:8200"}
    expected = entries(site, OPERATOR)
    site.run(**vault, external_secrets_mode="adopt")
    assert OPERATOR not in site.locked
    site.run(**vault)
    assert site.locked == expected


def test_what_is_missing_is_added_and_the_rest_is_verified_and_kept(site: Site) -> None:
    names = ["docker.io/team/a:1", "docker.io/team/b:1"]
    expected = entries(site, *names)
    images = [{"repository": f"docker.io/team/{name}", "tag": "1", "digest": ""} for name in ("a", "b")]
    site.run(lock_images_extra=images[:1])
    shown = site.run("--diff", lock_images_extra=images[1:])
    assert site.locked == expected
    assert f"+    digest: {expected[names[1]]['digest']}" in shown
    assert "-    digest" not in shown


def test_an_image_with_its_own_digest_is_verified_and_not_locked(site: Site) -> None:
    pushed = site.push("docker.io/team/own:1")
    own = {"repository": "docker.io/team/own", "tag": "1", "digest": pushed.digest}
    site.run(lock_images_extra=[own])
    assert set(site.locked) == {FALCO, PLUGIN, EXPORTER}
    assert f"has no digest {NOWHERE} there" in site.refusal(lock_images_extra=[{**own, "digest": NOWHERE}])


def test_the_images_of_workloads_are_locked_and_that_of_the_check_only_where_there_is_a_model(site: Site) -> None:
    names = [f"docker.io/team/{name}:1" for name in ("trainer", "server")]
    expected = entries(site, *names, BUSYBOX)
    trainer, server = ({"repository": name.removesuffix(":1"), "tag": "1"} for name in names)
    jobs = [{"name": "a", "image": trainer}, {"name": "b", "image": trainer}]
    site.run(workloads_training_jobs=jobs)
    assert set(site.locked) == {FALCO, PLUGIN, EXPORTER, names[0]}
    site.run(workloads_training_jobs=jobs, workloads_model_servers=[{"name": "c", "image": server, "model": {}}])
    assert site.locked == expected


def test_what_a_moved_tag_means_is_taken_only_on_request(site: Site) -> None:
    old = site.push(FALCO, "old")
    site.run()
    new = site.push(FALCO, "new")
    written = site.lock.read_bytes()

    said = site.refusal()
    assert f"the tag 0.44.1 means {new.digest} now, and not {old.digest} as when it was pinned" in said
    assert "lock_images_refresh=true" in said
    assert site.lock.read_bytes() == written

    assert new.digest in site.run(lock_images_moved_tags="warn")
    assert site.lock.read_bytes() == written

    shown = site.run("--check", "--diff", lock_images_refresh=True)
    assert f"-    digest: {old.digest}" in shown
    assert f"+    digest: {new.digest}" in shown
    assert site.lock.read_bytes() == written
    site.run(lock_images_refresh=True)
    assert site.locked == entries(site, falco=new)


def test_the_mirror_of_a_site_is_held_against_a_lock_from_elsewhere(site: Site) -> None:
    pushed = site.push(FALCO)
    site.run()
    mirror = {"gpu_cluster_registry": f"{site.proxy.name}/hub"}
    site.run(**mirror)
    assert {request.path for request in site.proxy.requests} == {
        "/v2/hub/falcosecurity/falco/manifests/0.44.1",
        "/v2/hub/nvidia/k8s-device-plugin/manifests/v0.20.0",
        "/v2/hub/nvidia/k8s/dcgm-exporter/manifests/4.5.3-4.8.2-distroless",
    }
    assert site.locked == entries(site)
    said = site.refusal(gpu_cluster_registry=f"{site.proxy.name}/empty")
    assert f"empty/falcosecurity/falco has no digest {pushed.digest} there" in said


@pytest.mark.parametrize(
    ("change", "problem", "asks"),
    [
        (lambda text: text.replace("sha256:", "sha512:"), "is no digest; it must be sha256: and 64 of 0-9 a-f", False),
        (lambda text: text.replace("    digest", "    digset"), "no key 'digset' is known here", False),
        (lambda text: text + "}", "is not YAML at line 15", False),
        (lambda text: "", "must be a mapping, not null", False),
        (lambda text: text[: text.index("sha256:")] + NOWHERE + "\n", f"has no digest {NOWHERE} there", True),
    ],
)
def test_a_lock_that_was_edited_by_hand_is_refused_and_left_as_it_is(
    site: Site, change: Any, problem: str, asks: bool
) -> None:
    site.run()
    broken = change(site.lock.read_text(encoding="utf-8"))
    site.lock.write_text(broken, encoding="utf-8")
    assert problem in site.refusal()
    assert bool(site.proxy.requests) == asks
    assert site.lock.read_text(encoding="utf-8") == broken


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        (
            {"lock_images_registries": [{"name": name, "mirror": "127.0.0.1:1"} for name in ("docker.io", "nvcr.io")]},
            "https://127.0.0.1:1 cannot be reached",
        ),
        ({"falco_image": {"repository": "docker.io/falcosecurity/falco", "tag": "0.0.0"}}, "has no tag 0.0.0 there"),
        ({"lock_images_platforms": ["linux/riscv64"]}, "it is not for linux/riscv64; it has linux/amd64"),
        ({"lock_images_moved_tags": "ignore"}, "value of moved_tags must be one of: fail, warn"),
        ({"lock_images_extra": [{"repository": "team/app", "tag": "1"}]}, "'team/app' names no registry"),
    ],
)
def test_nothing_is_locked_if_anything_is_wrong(site: Site, variables: dict[str, Any], problem: str) -> None:
    assert problem in site.refusal(**variables)
    assert not site.lock.exists()
