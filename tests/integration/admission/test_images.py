# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images: which references the API server admits in which place, by digest and by registry."""

from __future__ import annotations

import pytest
from admission_answers import Answers, Case, admitted, send
from pod_objects import DIGEST, IMAGE, WORKLOADS, Json, container, pod, workload
from sandbox_access import Kubectl

TAGGED = "registry.internal/ml-trainer:v2.1"
PINNED = f"registry.internal/ml-trainer@{DIGEST}"
HEX = DIGEST.removeprefix("sha256:")
EVIL = f"registry.evil/ml-trainer@{DIGEST}"


def image(name: str, reference: str) -> Json:
    return pod(name, container("trainer", image=reference))


def unpinned(name: str, reference: str) -> Case:
    return Case(
        image(name, reference), "image-digests", ("container trainer:", f'"{reference}" is not pinned', "@sha256:")
    )


def unapproved(name: str, reference: str, says: str = "is not approved here") -> Case:
    return Case(image(name, reference), "image-registries", ("container trainer:", says, "registry.internal"))


def malformed(name: str, reference: str) -> Case:
    """No reference at all, which both policies of images refuse."""
    return Case(image(name, reference), "image-", ("container trainer:", "is not "))


def sidecar(reference: str) -> Json:
    return container("sidecar", image=reference, restartPolicy="Always")


def image_volume(reference: str) -> list[Json]:
    return [{"name": "model", "image": {"reference": reference, "pullPolicy": "IfNotPresent"}}]


REFERENCES = [
    admitted(image("digest-alone", PINNED)),
    admitted(image("digest-with-tag", IMAGE)),
    admitted(image("tag-that-begins-with-latest", f"registry.internal/ml-trainer:latest-2026@{DIGEST}")),
    admitted(image("repository-called-latest", f"registry.internal/latest@{DIGEST}")),
    admitted(image("odd-but-valid-path", f"registry.internal/a.b/c__d/e--f@{DIGEST}")),
    unpinned("tag-alone", TAGGED),
    unpinned("no-tag", "registry.internal/ml-trainer"),
    unpinned("latest", "registry.internal/ml-trainer:latest"),
    unpinned("uppercase-digest", PINNED.replace(HEX, HEX.upper())),
    unpinned("uppercase-algorithm", PINNED.replace("sha256", "SHA256")),
    unpinned("one-digit-short", PINNED[:-1]),
    unpinned("one-digit-long", PINNED + "0"),
    unpinned("no-hex-digit", PINNED[:-1] + "g"),
    unpinned("digest-in-the-tag", f"registry.internal/ml-trainer:sha256-{HEX}"),
    unpinned("digest-as-tag", f"registry.internal/ml-trainer:{HEX}"),
    unpinned("digest-as-path", f"registry.internal/sha256/{HEX}"),
    unpinned("two-digests", f"{PINNED}@{DIGEST}"),
    unpinned("tag-after-digest", f"{PINNED}:v1"),
    unpinned("other-algorithm", "registry.internal/ml-trainer@sha512:" + HEX * 2),
    unpinned("algorithm-left-out", f"registry.internal/ml-trainer@{HEX}"),
    malformed("nothing-before-the-digest", f"@{DIGEST}"),
    malformed("path-that-climbs", f"registry.internal/ml/../evil@{DIGEST}"),
    malformed("empty-path-segment", f"registry.internal//evil@{DIGEST}"),
    malformed("line-break", "registry.internal/a\nb"),
    malformed("quotes", 'registry.internal/a"b'),
    malformed("beyond-ascii", f"registry.internal/tr\N{CYRILLIC SMALL LETTER A}iner@{DIGEST}"),
    malformed("nothing-but-spaces-inside", f"registry.internal/a b@{DIGEST}"),
    Case(
        image("latest-beside-digest", f"registry.internal/ml-trainer:latest@{DIGEST}"),
        "image-digests",
        ("container trainer:", "has the tag latest"),
    ),
    Case(
        image("latest-in-capitals", f"registry.internal/ml-trainer:LATEST@{DIGEST}"),
        "image-digests",
        ("container trainer:", "has the tag latest"),
    ),
]
REGISTRIES = [
    admitted(image("approved-registry", PINNED)),
    admitted(image("approved-repository", f"registry.example:5000/ml@{DIGEST}")),
    admitted(image("below-approved-repository", f"registry.example:5000/ml/a/b:v1@{DIGEST}")),
    admitted(
        pod(
            "approved-for-its-stage",
            container(image=f"registry.internal/serving/llm@{DIGEST}"),
            namespace="adm-serving",
        )
    ),
    unapproved("other-registry", EVIL, '"registry.evil/ml-trainer" is not approved here'),
    unapproved("no-registry", f"nginx@{DIGEST}"),
    unapproved("no-registry-but-a-path", f"library/nginx@{DIGEST}"),
    unapproved("registry-as-prefix-of-a-host", f"registry.internal.evil.example/a@{DIGEST}"),
    unapproved("registry-as-path", f"registry.evil/registry.internal/a@{DIGEST}"),
    unapproved("other-port", f"registry.internal:5000/a@{DIGEST}"),
    unapproved("approved-port-left-out", f"registry.example/ml@{DIGEST}"),
    unapproved("repository-as-prefix", f"registry.example:5000/ml-evil@{DIGEST}"),
    unapproved("registry-in-capitals", f"REGISTRY.INTERNAL/a@{DIGEST}"),
    Case(
        pod("approved-elsewhere", container("server", image=IMAGE), namespace="adm-serving"),
        "image-registries",
        ("container server:", "take the image from registry.internal/serving"),
    ),
]
PLACES = [
    Case(
        pod("init-container", initContainers=[container("fetch", image=TAGGED)]), "image-digests", ("container fetch:",)
    ),
    Case(
        pod("init-container-registry", initContainers=[container("fetch", image=EVIL)]),
        "image-registries",
        ("container fetch:",),
    ),
    Case(pod("sidecar", initContainers=[sidecar(TAGGED)]), "image-digests", ("container sidecar:",)),
    Case(
        pod("second-container", container(), container("second", image=TAGGED)), "image-digests", ("container second:",)
    ),
    Case(pod("image-volume", volumes=image_volume(TAGGED)), "image-digests", ("volume model:", TAGGED)),
    Case(
        pod("image-volume-registry", volumes=image_volume(EVIL)), "image-registries", ("volume model:", "registry.evil")
    ),
    Case(
        pod("all-are-named", container("one", image=TAGGED), container("two", image=TAGGED)),
        "image-digests",
        ("container one:", "container two:"),
    ),
    admitted(pod("image-volume-pinned", volumes=image_volume(IMAGE))),
    admitted(pod("no-init-containers", initContainers=[], volumes=[])),
    *(
        Case(
            workload(kind, f"tagged-{kind.lower()}", container("trainer", image=TAGGED)),
            "image-digests",
            ("container trainer:", TAGGED),
        )
        for kind in WORKLOADS
    ),
    *(
        Case(
            workload(kind, f"foreign-{kind.lower()}", container("trainer", image=EVIL)),
            "image-registries",
            ("container trainer:", "registry.evil"),
        )
        for kind in WORKLOADS
    ),
    *(
        Case(
            workload(kind, f"init-{kind.lower()}", initContainers=[container("fetch", image=TAGGED)]),
            "image-digests",
            ("container fetch:",),
        )
        for kind in WORKLOADS
    ),
    *(
        Case(
            workload(kind, f"volume-{kind.lower()}", volumes=image_volume(TAGGED)), "image-digests", ("volume model:",)
        )
        for kind in WORKLOADS
    ),
    *(admitted(workload(kind, f"pinned-{kind.lower()}")) for kind in WORKLOADS),
    admitted(pod("odd.name-1.2--3")),
    admitted(pod("0")),
    Case(pod("odd.name-1.2--4", container("0--a", image=TAGGED)), "image-digests", ("container 0--a:",)),
    Case(pod("l" * 253, container("m" * 63, image=TAGGED)), "image-digests", (f"container {'m' * 63}:",)),
    Case(pod("a.canary-b", container("true", image=EVIL)), "image-registries", ("container true:",)),
]
CASES = [*REFERENCES, *REGISTRIES, *PLACES]


@pytest.fixture(scope="module")
def answers(strict: object, kubectl: Kubectl) -> Answers:
    return send(kubectl, CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_image(answers: Answers, case: Case) -> None:
    answers.check(case)
