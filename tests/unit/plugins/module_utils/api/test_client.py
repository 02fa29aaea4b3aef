# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what the client repeats and for how long, how it pages, and how refusals and warnings are read."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest
import urllib3
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api import lineage
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import APPLY_PATCH, MERGE_PATCH
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import Limits
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.credentials import Identity, Renewed
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.lineage import Lineage
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

FakeClients = Callable[..., Any]
FINE = (200, {"kind": "Thing"}, {})
RESET = urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset"))
NO_SCHEMA_FIT = {"kind": "Status", "message": "failed to create typed patch object", "code": 500}
INTERNAL = {"kind": "Status", "reason": "InternalError", "message": "etcd", "code": 500}


@pytest.mark.parametrize(
    "trouble",
    [
        (429, {}, {"Retry-After": "2"}),
        (429, {}, {}),
        (500, INTERNAL, {}),
        (500, b"not JSON", {}),
        (502, b"", {}),
        (503, b"", {}),
        (504, b"", {}),
        RESET,
    ],
)
def test_what_can_pass_is_repeated(fake_client: FakeClients, trouble: Any) -> None:
    fake = fake_client([trouble, trouble, FINE])
    assert fake.client.get("/x").body == {"kind": "Thing"}
    assert len(fake.pool.asked) == 3
    assert len(fake.slept) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        *(
            (status, {"kind": "Status", "reason": "X", "message": "no"}, {})
            for status in (400, 401, 403, 404, 409, 422)
        ),
        (500, NO_SCHEMA_FIT, {}),
        urllib3.exceptions.SSLError("certificate verify failed"),
    ],
)
def test_what_cannot_pass_is_reported_at_once(fake_client: FakeClients, trouble: Any) -> None:
    fake = fake_client([trouble])
    with pytest.raises(HardeningError):
        fake.client.get("/api/v1/things")
    assert fake.slept == []


def test_retry_after_is_obeyed(fake_client: FakeClients) -> None:
    fake = fake_client([FINE, (429, {}, {"Retry-After": "7"}), FINE])
    fake.client.get("/x")
    fake.client.get("/x")
    assert 7 <= fake.slept[0] <= 9.1


def test_pauses_grow(fake_client: FakeClients) -> None:
    fake = fake_client([FINE, *[(503, b"", {})] * 4, FINE])
    fake.client.get("/x")
    fake.client.get("/x")
    assert fake.slept == sorted(fake.slept)
    assert fake.slept[3] > 4 * fake.slept[0]


@pytest.mark.parametrize(("contacted", "most"), [(True, 60.0), (False, 10.0)])
def test_patience_ends(fake_client: FakeClients, contacted: bool, most: float) -> None:
    fake = fake_client([*[FINE] * contacted, *[(503, b"away", {})] * 100], Limits(retry_timeout=60))
    if contacted:
        fake.client.get("/x")
    with pytest.raises(ApiError, match=r"GET https://fake:6443/x: the server answers 503 \(away\)"):
        fake.client.get("/x")
    assert most / 3 < sum(fake.slept) <= most


CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "ml"}}
PATH = "/api/v1/namespaces/ml/configmaps/a"
MODIFIED = {"kind": "Status", "reason": "Conflict", "message": "the object has been modified"}


def apply(client: Any, body: Any = None) -> Any:
    return client.request("PATCH", PATH, {"fieldManager": "x"}, CONFIG_MAP if body is None else body, APPLY_PATCH)


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"", {}),
        (200, b"<html>log in</html>", {}),
        (200, b'{"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "b", "namespace": "ml"}}', {}),
        (302, b"", {"Location": "https://login"}),
        (404, b"<html>no such backend</html>", {}),
        (409, b"conflict", {}),
    ],
)
def test_answers_of_somebody_else_are_errors_and_not_asked_for_again(fake_client: FakeClients, answer: Any) -> None:
    fake = fake_client([answer])
    with pytest.raises(
        ApiError, match=rf"PATCH https://fake:6443{PATH}: the answer .* is not the Kubernetes API's"
    ) as c:
        apply(fake.client)
    assert (c.value.status, fake.slept) == (0, [])


def test_a_conflict_of_an_apply_is_tried_again_unless_it_names_a_version(fake_client: FakeClients) -> None:
    fake = fake_client([(409, MODIFIED, {}), (200, CONFIG_MAP, {})])
    assert apply(fake.client).body["kind"] == "ConfigMap"
    pinned = {**CONFIG_MAP, "metadata": {**CONFIG_MAP["metadata"], "resourceVersion": "7"}}
    with pytest.raises(ApiError) as caught:
        apply(fake_client([(409, MODIFIED, {})]).client, pinned)
    assert caught.value.status == 409


@pytest.mark.parametrize(("lost", "unanswered"), [([], False), ([RESET], True), ([(504, b"", {})], True)])
def test_it_is_told_where_an_answer_was_lost(fake_client: FakeClients, lost: list[Any], unanswered: bool) -> None:
    fake = fake_client([*lost, (200, CONFIG_MAP, {}), *lost, (409, MODIFIED, {})])
    assert apply(fake.client).unanswered is unanswered
    with pytest.raises(ApiError) as caught:
        fake.client.request("PATCH", PATH, {}, {"metadata": {"resourceVersion": "1"}}, MERGE_PATCH)
    assert caught.value.unanswered is unanswered


def test_credentials_that_are_refused_are_renewed_once(fake_client: FakeClients) -> None:
    fetched = iter(Identity(f"Bearer {number}") for number in range(10))
    refusal = (401, {"kind": "Status", "message": "Unauthorized"}, {})
    fake = fake_client([refusal, FINE, refusal, refusal], credentials=Renewed(lambda: next(fetched)))
    fake.client.get("/x")
    with pytest.raises(ApiError, match="does not accept the credentials"):
        fake.client.get("/x")
    sent = [options["headers"]["Authorization"] for _method, _url, options in fake.pool.asked]
    assert sent == ["Bearer 0", "Bearer 1", "Bearer 1", "Bearer 2"]


def test_a_run_whose_parent_has_ended_sends_nothing(fake_client: FakeClients, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = fake_client([FINE])
    ended: list[int] = []
    monkeypatch.setattr(Lineage, "is_broken", True)
    monkeypatch.setattr(lineage.os, "kill", lambda _process, number: ended.append(number))
    with pytest.raises(HardeningError, match="The process that this run worked for has ended"):
        fake.client.get("/x")
    assert (fake.pool.asked, ended) == ([], [signal.SIGTERM])


def test_a_watch_that_a_stranger_answers_is_an_error(fake_client: FakeClients) -> None:
    for answer in ((200, b"<html>\n</html>\n", {}), (302, b"", {})):
        with pytest.raises(ApiError, match=r"WATCH .* is not the Kubernetes API's"):
            list(fake_client([answer]).client.watch("/api/v1/nodes", {}, 5.0))


def test_lists_are_read_in_pages(fake_client: FakeClients) -> None:
    fake = fake_client(
        [(200, {"items": [1], "metadata": {"continue": "next"}}, {}), (200, {"items": [2], "metadata": {}}, {})]
    )
    assert [page["items"] for page in fake.client.pages("/things", {"labelSelector": "a=b"})] == [[1], [2]]
    urls = [url for _method, url, _options in fake.pool.asked]
    assert all("limit=500" in url and "labelSelector=a%3Db" in url for url in urls)
    assert ["continue=next" in url for url in urls] == [False, True]


def test_a_list_whose_token_expired_is_read_anew(fake_client: FakeClients) -> None:
    gone = (410, {"kind": "Status", "reason": "Expired"}, {})
    first = (200, {"items": [1], "metadata": {"continue": "next"}}, {})
    fake = fake_client([first, gone, (200, {"items": [1, 2]}, {})])
    assert [page["items"] for page in fake.client.pages("/things")] == [[1], [1, 2]]
    assert "limit" not in fake.pool.asked[2][1]


def test_refusals_keep_reason_and_causes(fake_client: FakeClients) -> None:
    cause = {"reason": "FieldManagerConflict", "field": ".data.a", "message": 'conflict with "x"'}
    status = {"kind": "Status", "reason": "Conflict", "message": "taken", "details": {"causes": [cause]}}
    with pytest.raises(ApiError) as caught:
        fake_client([(409, status, {})]).client.get("/x")
    assert (caught.value.status, caught.value.reason, caught.value.causes) == (409, "Conflict", (cause,))


@pytest.mark.parametrize(
    ("header", "texts"),
    [
        ('299 - "old API"', ("old API",)),
        ('299 - "say \\"please\\"", 299 - "and thanks"', ('say "please"', "and thanks")),
        ("nonsense", ()),
    ],
)
def test_warning_headers_are_read(fake_client: FakeClients, header: str, texts: tuple[str, ...]) -> None:
    assert fake_client([(200, {}, {"Warning": header})]).client.get("/x").warnings == texts


def test_results_are_in_the_order_of_the_items_and_the_first_error_ends_all(fake_client: FakeClients) -> None:
    client = fake_client([], Limits(concurrency=4)).client
    assert client.map(lambda item: item * 2, range(50)) == [item * 2 for item in range(50)]
    with pytest.raises(ZeroDivisionError):
        client.map(lambda item: 1 // item, [1, 0, 2])
