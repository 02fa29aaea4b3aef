# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends a table of objects to the API server, all in one call of kubectl, and reads what became of each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pod_objects import Json
from sandbox_access import Kubectl

REFUSED = re.compile(r'error when creating "STDIN": [\w.]+ "(?P<name>[^"]+)" is (?P<message>.+)$', re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """An object, and what is said against it: nothing if it is admitted.

    Attributes:
        policy: how the name of the policy that refuses it begins. Of several the server names any one.
        says: what the message must have in it: what to look at, and what to do.
    """

    item: Json
    policy: str = ""
    says: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the object, unique in its table."""
        return str(self.item["metadata"]["name"])


def admitted(item: Json) -> Case:
    """A case that every policy lets pass."""
    return Case(item)


@dataclass(frozen=True)
class Answers:
    """Refusals by name, in a dry run and for real, and what is there afterwards."""

    rehearsed: dict[str, str]
    refused: dict[str, str]
    there: frozenset[tuple[str, str]]

    def check(self, case: Case) -> None:
        """Hold an answer against what was expected."""
        kind_and_name = (case.item["kind"], case.name)
        if not case.policy:
            assert case.name not in self.rehearsed, self.rehearsed[case.name]
            assert case.name not in self.refused, self.refused[case.name]
            assert kind_and_name in self.there
            return
        for answers in (self.rehearsed, self.refused):
            message = answers.get(case.name, "it was admitted")
            assert f"ValidatingAdmissionPolicy '{case.policy}" in message, message
            for text in case.says:
                assert text in message, message
        assert kind_and_name not in self.there


def send(kubectl: Kubectl, cases: Sequence[Case]) -> Answers:
    """Send all objects twice, as a dry run and for real, read back what is there, and delete it."""
    assert len({case.name for case in cases}) == len(cases)
    everything = {"apiVersion": "v1", "kind": "List", "items": [case.item for case in cases]}
    rehearsed = kubectl.run("create", "--dry-run=server", stdin=everything)
    real = kubectl.run("create", stdin=everything)
    kinds = {case.item["kind"] for case in cases}
    spaces = {case.item["metadata"].get("namespace") for case in cases}
    there: set[tuple[str, str]] = set()
    for space in spaces:
        place = ["-n", space] if space else []
        found = kubectl("get", ",".join(kinds), *place)
        there |= {(item["kind"], item["metadata"]["name"]) for item in found["items"]}
        left = [
            f"{case.item['kind']}/{case.name}"
            for case in cases
            if (case.item["kind"], case.name) in there and case.item["metadata"].get("namespace") == space
        ]
        if left:
            kubectl("delete", *left, *place, "--wait=false", "--grace-period=0", "--force")
    return Answers(refusals(rehearsed.stderr), refusals(real.stderr), frozenset(there))


def refusals(errors: str) -> dict[str, str]:
    """Messages by the name of the object."""
    return {match["name"]: match["message"] for match in REFUSED.finditer(errors)}
