# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what a lock file may hold, and what is written into it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError, AnsibleLookupError
from ansible_collections.gpu_cluster.hardening.plugins.filter.image_lock_text import image_lock_text
from ansible_collections.gpu_cluster.hardening.plugins.lookup.image_lock import LookupModule
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.lock import LockedImage
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.image_lock_file import lock_text, parse_lock

A = "sha256:" + "0a" * 32
B = "sha256:" + "0b" * 32
INDEX = "application/vnd.oci.image.index.v1+json"
PLUGIN = {"repository": "nvcr.io/nvidia/k8s-device-plugin", "tag": "v0.20.0", "digest": ""}
FALCO = {"repository": "docker.io/falcosecurity/falco", "tag": "0.44.1"}
PLUGIN_NAME = "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"
FALCO_NAME = "docker.io/falcosecurity/falco:0.44.1"
GOOD = f"version: 1\nimages:\n  {FALCO_NAME}:\n    digest: {A}\n    media_type: {INDEX}\n"


def test_what_is_written_is_read_again_and_sorted() -> None:
    found = [{"digest": A, "media_type": INDEX}, {"digest": B, "media_type": INDEX}]
    text = lock_text({}, [PLUGIN, FALCO], found)
    assert parse_lock(text, "lock") == {FALCO_NAME: LockedImage(B, INDEX), PLUGIN_NAME: LockedImage(A, INDEX)}
    assert text.index(FALCO_NAME) < text.index(PLUGIN_NAME)
    assert text == lock_text(parse_lock(text, "lock"), [FALCO], found[1:])
    assert text.endswith("\n")


def test_other_images_stay_and_one_with_its_own_digest_is_not_locked() -> None:
    lock = {PLUGIN_NAME: LockedImage(A, "")}
    found = [{"digest": B, "media_type": INDEX}]
    assert parse_lock(lock_text(lock, [{**FALCO, "digest": B}], found), "lock") == lock
    assert parse_lock(lock_text(lock, [FALCO], found), "lock") == {**lock, FALCO_NAME: LockedImage(B, INDEX)}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "site.yml: must be a mapping, not null"),
        ("- x", "site.yml: must be a mapping, not a list"),
        ("images: [", "The lock of images site.yml is not YAML at line 1"),
        ("a: &a [*a", "is not YAML"),
        (GOOD.replace("version: 1\n", ""), "site.yml: version is missing"),
        (GOOD.replace("version: 1", "version: 2"), "site.yml.version: must be 1, the only form that is known"),
        ("version: 1", "site.yml: images is missing"),
        ("version: 1\nimages: []", "site.yml.images: must be a mapping, not a list"),
        (GOOD + "imges: {}", "no key 'imges' is known here (did you mean images?)"),
        (GOOD.replace("digest:", "digset:"), f"site.yml.images.{FALCO_NAME}: no key 'digset' is known here"),
        (GOOD.replace(A, A[:-1]), f"'{A[:-1]}' is no digest; it must be sha256: and 64 of 0-9 a-f"),
        (GOOD.replace(A, A.upper()), "is no digest"),
        (GOOD.replace(A, "12"), "digest: must be a string, not 12; quote it"),
        (GOOD.replace(INDEX, "text/html"), "media_type: 'text/html' is not one of application/vnd"),
        (GOOD.replace(FALCO_NAME, "falcosecurity/falco:1"), "names no registry"),
        (GOOD.replace(FALCO_NAME, "docker.io/x"), "has neither a tag nor a digest"),
        (GOOD.replace(FALCO_NAME, f"docker.io/x:1@{A}"), "must be repository:tag, without a digest"),
        (GOOD + f"  {FALCO_NAME}: {{digest: '{B}'}}\n", f"at line 6: the key '{FALCO_NAME}' is there twice; keep one"),
    ],
)
def test_a_lock_that_was_broken_is_refused_with_the_place(text: str, problem: str) -> None:
    with pytest.raises(HardeningError) as caught:
        parse_lock(text, "site.yml")
    assert problem in caught.value.message


def test_all_that_is_wrong_is_said_with_what_to_do() -> None:
    with pytest.raises(HardeningError) as caught:
        parse_lock(GOOD.replace(A, "x").replace(INDEX, "y"), "site.yml")
    assert "2 problems" in caught.value.message
    assert "put back its last version, or remove what is wrong" in caught.value.message


def test_the_filter_refuses_results_that_do_not_belong_to_the_images() -> None:
    with pytest.raises(AnsibleFilterError, match="2 images, but 1 results"):
        image_lock_text({}, [PLUGIN, FALCO], [{"digest": A, "media_type": INDEX}])
    with pytest.raises(AnsibleFilterError, match="is no digest"):
        image_lock_text({FALCO_NAME: {"digest": "x"}}, [], [])


def test_the_lookup_gives_what_the_file_holds(tmp_path: Path) -> None:
    file = tmp_path / "image-lock.yml"
    assert LookupModule().run([str(file)]) == [{}]
    file.write_text(GOOD)
    assert LookupModule().run([str(file)]) == [{FALCO_NAME: {"digest": A, "media_type": INDEX}}]
    file.write_text(f"version: 1\nimages: {{'{FALCO_NAME}': {{digest: '{A}'}}}}\n")
    assert LookupModule().run([str(file)]) == [{FALCO_NAME: {"digest": A}}]


@pytest.mark.parametrize(
    ("terms", "problem"),
    [
        ([], "give the path of one lock file"),
        (["/a", "/b"], "give the path of one lock file"),
        (["image-lock.yml"], "'image-lock.yml' is not absolute; begin it with inventory_dir"),
        (["/"], "The lock of images / cannot be read"),
        (["/proc/self/exe"], "cannot be read"),
        (["/proc/self/limits"], "/proc/self/limits"),
    ],
)
def test_the_lookup_refuses_what_is_no_lock(terms: list[str], problem: str) -> None:
    with pytest.raises(AnsibleLookupError, match=problem):
        LookupModule().run(terms)
