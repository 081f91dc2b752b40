"""One odd value in a search answer costs one counted row, in every provider, and never the run."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.gather.providers.base import OUTCOMES, Hit, Query, Stop
from lookalike.gather.providers.reading import decoded
from lookalike.gather.providers.web import WebProvider
from lookalike.plugins import find
from lookalike.settings import loading
from tests.conftest import Cli
from tests.support.contracts import CONTRACTS
from tests.support.gathering import lines, reasons
from tests.support.searchserver import SearchServer

pytest_plugins = ("tests.support.gathering",)

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
FAST = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def through_json(value: Any) -> Any:
    """What a service would have to write for us to read this."""
    return decoded(json.dumps(value))


def provider(name: str, pages: list[Any]) -> WebProvider:
    kind = find("provider", name)
    answers: Iterator[Any] = iter(pages)
    flags = {"searxng": {"endpoint": "http://127.0.0.1:1"}} if name == "searxng" else {}
    chosen = loading.load(Path("nowhere"), {}, flags)
    return kind(chosen, dict.fromkeys(kind.keys, "k"), lambda *_: next(answers, {}))


def drain(asked: WebProvider) -> tuple[list[Hit], str]:
    hits: list[Hit] = []
    try:
        for hit in asked.search(Query("bear", "bear", min_size=128)):
            hits.append(hit)
    except Stop as stop:
        return hits, stop.reason
    return hits, "enough"


def listed(payload: Any, asked: WebProvider) -> list[Any] | None:
    for key in asked.listed:
        payload = payload.get(key) if isinstance(payload, dict) else None
    return payload if isinstance(payload, list) else None


@pytest.mark.parametrize("name", CONTRACTS)
@FAST
@given(odd=ANYTHING, where=st.integers(0, 9))
def test_the_items_beside_an_odd_one_are_found(name: str, odd: Any, where: int) -> None:
    pages = [copy.deepcopy(body) for _, body, _ in CONTRACTS[name].pages]
    asked = provider(name, pages)
    for page in pages[name == "inat" :]:
        items = listed(page, asked)
        if items:
            items.insert(where, through_json(odd))
    hits, reason = drain(asked)
    assert reason in OUTCOMES
    found = [hit.address for hit in hits if not hit.fault]
    assert [row["address"] for row in CONTRACTS[name].hits] == [
        address for address in found if address in {row["address"] for row in CONTRACTS[name].hits}
    ]
    assert all(hit.fault.reason == "odd-item" for hit in hits if hit.fault)


@pytest.mark.parametrize("name", CONTRACTS)
@FAST
@given(data=st.data())
def test_any_value_anywhere_leaves_an_outcome(name: str, data: st.DataObject) -> None:
    pages = [copy.deepcopy(body) for _, body, _ in CONTRACTS[name].pages]
    node: Any = pages
    while isinstance(node, (dict, list)) and node:
        key = data.draw(st.sampled_from(list(node) if isinstance(node, dict) else range(len(node))))
        if not isinstance(node[key], (dict, list)) or not node[key] or data.draw(st.booleans()):
            node[key] = through_json(data.draw(ANYTHING))
            break
        node = node[key]
    hits, reason = drain(provider(name, pages))
    assert reason in OUTCOMES
    for hit in hits:
        assert all(isinstance(address, str) for address in (hit.address, *hit.alternatives))
        "".join([hit.address, hit.title, hit.creator, hit.page_url]).encode()


@pytest.mark.parametrize("odd", [[[None, None]], 7, "more", {"self": 1}, {"url": None}])
def test_a_page_is_found_whatever_it_says_of_the_next(odd: Any) -> None:
    page = copy.deepcopy(CONTRACTS["commons"].pages[0][1])
    hits, _ = drain(provider("commons", [page]))
    assert hits
    again, reason = drain(provider("commons", [{**page, "continue": odd}, {"batchcomplete": True}]))
    assert again == hits
    assert reason == ("exhausted" if isinstance(odd, dict) else "changed")


ODD = {
    "infinite": '{"contentUrl": "@/photo/circles/90", "width": 1e999}',
    "letter": '{"contentUrl": "@/photo/circles/91", "name": "x \\ud83d"}',
    "null": "null", "number": "7", "list": "[]", "address": '{"contentUrl": 5}',
    "alternative": '{"contentUrl": "@/photo/circles/92", "thumbnailUrl": [1]}',
    "huge": '{"contentUrl": "@/photo/circles/93", "width": 1' + "0" * 5000 + "}",
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_an_odd_item_is_a_row_and_the_run_goes_on(cli: Cli, search: SearchServer, name: str) -> None:
    good = [json.dumps({"contentUrl": search.url(f"/photo/circles/{number}")}) for number in range(12)]
    body = '{"value": [' + ", ".join([ODD[name].replace("@", search.url("")), *good]) + "]}"
    search.script["bing"] = [(200, body.encode(), {})]
    answer = cli("gather", "bear", "--provider", "bing", "--count", 13, "--json")
    assert answer.code == 0, answer.json
    kept = reasons()
    assert kept["ok"] >= 12 and set(kept) <= {"ok", "odd-item"}
    assert sum(kept.values()) == 13 or name == "list"
    assert all(line["status"] in ("ok", "failed") for line in lines())
    assert cli("gather", "bear", "--provider", "bing", "--count", 13, "--json").code == 0  # from the cache


def test_an_answer_nested_without_end_is_an_unknown_shape(cli: Cli, search: SearchServer) -> None:
    search.script["bing"] = [(200, b'{"value": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}", {})]
    answer = cli("gather", "bear", "--provider", "bing", "--json")
    assert answer.code == 4
    assert answer.data["providers"][0]["reason"] == "changed"


@pytest.mark.parametrize(("limit", "left", "quota"), [("1, 2000", "0, 1985", 2000), ("50, 0", "0, 0", 0)])
def test_a_limit_by_the_second_is_waited_for_and_is_no_quota(
    cli: Cli, search: SearchServer, monkeypatch: pytest.MonkeyPatch, limit: str, left: str, quota: int
) -> None:
    monkeypatch.setenv("BRAVE_SEARCH_API_KEY", "k-that-is-long")
    monkeypatch.setenv("LOOKALIKE_BRAVE_ENDPOINT", search.url("/canned"))
    limits = {"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": left, "X-RateLimit-Reset": "1, 1209600"}
    meta = {"rate_limit": 1, "rate_current": 1, "quota_limit": quota, "quota_current": 15}
    results = [{"properties": {"url": search.url(f"/photo/circles/{number}")}} for number in range(12)]
    search.script["canned"] = [
        (429, {"error": {"code": "RATE_LIMITED", "meta": meta}}, limits), (200, {"results": results}, {}),
    ]  # fmt: skip
    answer = cli("gather", "bear", "--provider", "brave", "--count", 12, "--json")
    assert (answer.code, answer.data["saved"], len(search.calls["canned"])) == (0, 12, 2)


def test_a_token_that_has_run_out_is_traded_for_anew(
    cli: Cli, search: SearchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENVERSE_CLIENT_ID", "me")
    monkeypatch.setenv("OPENVERSE_CLIENT_SECRET", search.key)
    token = {"access_token": "a-token-for-a-minute", "expires_in": 60}
    search.script["auth_tokens"] = [(200, token, {})]
    search.photos("bear", 70)
    assert cli("gather", "bear", "--provider", "openverse", "--json").data["saved"] == 70
    assert len(search.calls["auth_tokens"]) == 2


def test_a_pause_asked_for_with_status_200_is_kept_and_not_remembered(cli: Cli, search: SearchServer) -> None:
    search.photos("bear", 12)
    busy = (200, {"error": {"code": "maxlag", "info": "wait"}}, {"Retry-After": "1"})
    search.script["commons"] = [busy]
    assert cli("gather", "bear", "--provider", "commons", "--count", 12, "--json").data["saved"] == 12
    search.script["commons"] = [busy] * 3
    search.photos("eve", 12, first=50)
    first = cli("gather", "eve", "--provider", "commons", "--count", 12, "--json")
    assert first.data["providers"][0]["reason"] == "rate-limited"
    assert cli("gather", "eve", "--provider", "commons", "--count", 12, "--json").data["saved"] == 12
