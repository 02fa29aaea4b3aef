# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves how references are taken apart."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.registry.references import (
    Reference,
    parse_reference,
)

DIGEST = "sha256:" + "0a" * 32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("docker.io/falcosecurity/falco:0.44.1", Reference("docker.io", "falcosecurity/falco", "0.44.1", "")),
        (f"nvcr.io/a/b@{DIGEST}", Reference("nvcr.io", "a/b", "", DIGEST)),
        (f"127.0.0.1:5000/a/b:v1@{DIGEST}", Reference("127.0.0.1:5000", "a/b", "v1", DIGEST)),
        ("localhost/a__b--c.d:_x", Reference("localhost", "a__b--c.d", "_x", "")),
    ],
)
def test_a_reference_is_taken_apart_and_put_together_again(text: str, expected: Reference) -> None:
    reference = parse_reference(text)
    assert reference == expected
    assert str(reference) == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "'' names no registry"),
        ("falco:1", "names no registry; write docker.io/library/... in full"),
        ("falcosecurity/falco:1", "names no registry"),
        ("nvcr.io/", "names no registry"),
        ("https://nvcr.io/a:1", "is an address"),
        ("nvcr.io/A:1", "'A' in 'nvcr.io/A:1' is no path of an image"),
        ("nvcr.io/a/../b:1", "is no path of an image"),
        ("nvcr.io/a?b:1", "is no path of an image"),
        ("nvcr.io/a", "has neither a tag nor a digest"),
        ("nvcr.io/a:", "'' in 'nvcr.io/a:' is no tag"),
        ("nvcr.io/a:b/c", "'b/c' in 'nvcr.io/a:b/c' is no tag"),
        ("nvcr.io/a:" + "x" * 129, "is no tag"),
        ("nvcr.io/a@", "'' in 'nvcr.io/a@' is no digest"),
        ("nvcr.io/a@sha256:" + "0A" * 32, "is no digest; it must be sha256: and 64 of 0-9 a-f"),
        ("nvcr.io/a@sha512:" + "0a" * 64, "is no digest"),
        (f"nvcr.io/a@{DIGEST}\n", "is no digest"),
    ],
)
def test_what_is_no_reference_is_refused(text: str, problem: str) -> None:
    with pytest.raises(HardeningError) as caught:
        parse_reference(text)
    assert problem in caught.value.message
