"""Every provider of the table against answers written by hand from the services' documents, on 2026-11-22.

The answers are in contracts.py; a provider added to PROVIDERS must get its row there.
"""

from __future__ import annotations

import datetime
import json
import random
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from lookalike.gather.api import Api
from lookalike.gather.licences import allows
from lookalike.gather.providers.base import OUTCOMES, Hit, Query, Stop
from lookalike.gather.providers.web import WebProvider
from lookalike.gather.providers.webiq import duration
from lookalike.plugins import PROVIDERS, find
from lookalike.settings import loading
from tests.conftest import Cli
from tests.support.contracts import CONTRACTS, HTML, Answer, damaged, ok
from tests.support.gathering import lines
from tests.support.searchserver import SearchServer

pytest_plugins = ("tests.support.gathering",)
KEY = "s3cret-key-of-the-user"
LOCAL = {"urls", "folder", "digits"}


def provider(
    name: str, search: SearchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **gather: Any
) -> WebProvider:
    """A provider that asks the server's canned answers, with a key where it needs one."""
    flags = {"gather": gather, "network": {"allow_hosts": []}}
    flags |= {name: {"endpoint": search.url("/canned")} for name in PROVIDERS if find("provider", name).section}
    settings = loading.load(tmp_path, {}, flags)
    kind = find("provider", name)
    if name == "ddgs":
        package = types.ModuleType("ddgs")
        package.DDGS = lambda: types.SimpleNamespace(images=lambda words, **_: search.script["canned"].pop(0)[1])  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "ddgs", package)
    api = Api(settings, tmp_path / "cache", sleep=lambda seconds: None)
    return kind(settings, dict.fromkeys(kind.keys, KEY), api.ask)  # type: ignore[no-any-return]


def drain(provider: WebProvider) -> tuple[list[Hit], str]:
    """Every hit, and the reason of the end."""
    found: list[Hit] = []
    try:
        for hit in provider.search(Query("bear", "bear", min_size=128)):
            found.append(hit)
    except Stop as stop:
        return found, stop.reason
    raise AssertionError("a search must say why it ends")


def test_every_provider_has_a_contract() -> None:
    assert set(CONTRACTS) | LOCAL == set(PROVIDERS)


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_tells_its_terms_and_when_it_was_checked(name: str) -> None:
    kind = find("provider", name)
    assert kind.name == name
    assert kind.summary and kind.terms and "\n" not in kind.terms
    assert datetime.date.fromisoformat(kind.last_verified) <= datetime.date(2100, 1, 1)
    assert kind.docs.startswith("https://") or name in LOCAL


@pytest.mark.parametrize("name", CONTRACTS)
def test_all_pages_become_hits_and_then_it_is_exhausted(
    name: str, search: SearchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = CONTRACTS[name]
    search.script["canned"] = list(contract.pages)
    found, reason = drain(provider(name, search, tmp_path, monkeypatch))
    assert reason == "exhausted"
    assert [hit.address for hit in found] == [hit["address"] for hit in contract.hits]
    for hit, expected in zip(found, contract.hits, strict=True):
        assert {key: getattr(hit, key) for key in expected} == expected
    if search.calls["canned"]:
        assert contract.asked.items() <= search.calls["canned"][0].items()


@pytest.mark.parametrize("name", [name for name in CONTRACTS if CONTRACTS[name].empty])
def test_nothing_found_is_not_a_failure(
    name: str, search: SearchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search.script["canned"] = list(CONTRACTS[name].empty)
    assert drain(provider(name, search, tmp_path, monkeypatch)) == ([], "no-hits")


REFUSALS = [(name, answer, reason) for name in CONTRACTS for answer, reason in CONTRACTS[name].refusals]


@pytest.mark.parametrize(("name", "answer", "reason"), REFUSALS, ids=[f"{n}-{a[0]}-{r}" for n, a, r in REFUSALS])
def test_each_refusal_has_its_own_outcome(
    name: str, answer: Answer, reason: str, search: SearchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search.script["canned"] = [answer] * 3
    assert drain(provider(name, search, tmp_path, monkeypatch))[1] == reason
    assert reason in OUTCOMES


@pytest.mark.parametrize("name", CONTRACTS)
@pytest.mark.parametrize(
    "body", [{"hello": 1}, {"value": 3, "results": 3, "imageResults": 3, "query": 3}, [1], b"[" * 9]
)
def test_an_answer_of_another_shape_is_told_as_such(
    name: str, body: Any, search: SearchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search.script["canned"] = [ok(body)] * 4
    assert drain(provider(name, search, tmp_path, monkeypatch)) == ([], "changed")


@pytest.mark.parametrize("name", CONTRACTS)
def test_no_answer_however_damaged_ends_in_a_crash(
    name: str, search: SearchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    randomness = random.Random(1)
    asker = provider(name, search, tmp_path, monkeypatch)
    for _ in range(150):
        answers = iter([damaged(body, randomness) for _, body, _ in CONTRACTS[name].pages])
        asker.ask = lambda *_, answers=answers: next(answers, {})
        found, reason = drain(asker)
        assert reason in OUTCOMES
        assert all(isinstance(hit.address, str) and isinstance(hit.width, int) for hit in found)


@pytest.mark.parametrize("name", sorted(set(CONTRACTS) - {"ddgs"}))
def test_a_web_page_instead_of_an_answer_means_blocked(
    name: str, search: SearchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search.script["canned"] = [ok(HTML)]
    assert drain(provider(name, search, tmp_path, monkeypatch)) == ([], "blocked")


@pytest.mark.parametrize("name", sorted(set(CONTRACTS) - {"ddgs"}))
def test_a_server_fault_is_tried_again_before_it_counts(
    name: str, search: SearchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search.script["canned"] = [(503, b"", {}), *CONTRACTS[name].pages]
    assert len(drain(provider(name, search, tmp_path, monkeypatch))[0]) == len(CONTRACTS[name].hits)
    search.script["canned"] = [(500, b"", {})] * 9
    assert drain(provider(name, search, tmp_path / "fresh", monkeypatch)) == ([], "unreachable")


@pytest.mark.parametrize("name", [name for name in CONTRACTS if CONTRACTS[name].key_header])
def test_a_key_goes_in_its_header_and_nowhere_else(
    name: str, search: SearchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search.script["canned"] = list(CONTRACTS[name].pages)
    drain(provider(name, search, tmp_path, monkeypatch))
    call = search.calls["canned"][0]
    assert {key.lower(): value for key, value in call["headers"].items()}[CONTRACTS[name].key_header.lower()] == KEY
    assert KEY not in call["path"]
    assert not [path for path in (tmp_path / "cache").rglob("*") if KEY in path.read_text()]


@pytest.mark.parametrize("name", ["bing", "webiq", "brave", "serpapi"])
def test_a_missing_key_names_the_variable_that_would_hold_it(
    name: str, search: SearchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker = provider(name, search, tmp_path, monkeypatch)
    asker.env = {}
    with pytest.raises(Stop, match=asker.keys[0]):
        next(asker.search(Query("bear", "bear")))


def test_a_second_run_asks_the_cache_and_not_the_service(
    search: SearchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search.script["canned"] = list(CONTRACTS["brave"].pages)
    first = drain(provider("brave", search, tmp_path, monkeypatch))
    assert drain(provider("brave", search, tmp_path, monkeypatch)) == first
    assert len(search.calls["canned"]) == 1


@pytest.mark.parametrize("host", ["api.bing.microsoft.com", "api.cognitive.microsoft.com"])
def test_the_retired_bing_hosts_are_told_as_retired(cli: Cli, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BING_SEARCH_V7_SUBSCRIPTION_KEY", KEY)
    monkeypatch.setenv("BING_SEARCH_V7_ENDPOINT", f"https://{host}/v7.0/images/search")
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: (_ for _ in ()).throw(OSError("no such name")))
    answer = cli("gather", "bear", "--provider", "bing")
    assert answer.code == 4
    assert "bing: the service has ended" in answer.err
    assert KEY not in answer.err + answer.out


def test_the_parameter_that_bing_never_knew_is_refused_by_the_server(cli: Cli, search: SearchServer) -> None:
    search.photos("bear", 1)
    cli("gather", "bear", "--provider", "bing", "--min-per-label", 0, "--type", "photo", "--license", "modify")
    (call,) = search.calls["bing"]
    assert (call["imageType"], call["license"]) == ("Photo", "Modify")
    assert "min_width" not in call


def test_a_token_raises_the_page_size_of_openverse(
    cli: Cli, search: SearchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENVERSE_TOKEN", KEY)
    search.photos("bear", 45)
    answer = cli("gather", "bear", "--provider", "openverse", "--license", "public", "--no-safe", "--json")
    assert answer.data["saved"] == 45
    (call,) = search.calls["openverse"]
    assert (call["page_size"], call["license"], call["mature"]) == ("50", "cc0,pdm", "true")
    assert call["headers"]["Authorization"] == f"Bearer {KEY}"


def test_an_account_of_openverse_is_traded_for_a_token_once(
    cli: Cli, search: SearchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENVERSE_CLIENT_ID", "me")
    monkeypatch.setenv("OPENVERSE_CLIENT_SECRET", search.key)
    search.photos("bear", 70)
    answer = cli("gather", "bear", "--provider", "openverse", "--json")
    assert answer.data["saved"] == 70
    assert len(search.calls["auth_tokens"]) == 1
    token = search.key[::-1]
    assert [call["headers"]["Authorization"] for call in search.calls["openverse"]] == [f"Bearer {token}"] * 2
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.suffix in (".json", ".jsonl"))
    assert written
    assert not any(secret.encode() in written for secret in (search.key, token))


def test_an_account_that_openverse_refuses_is_told(
    cli: Cli, search: SearchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENVERSE_CLIENT_ID", "me")
    monkeypatch.setenv("OPENVERSE_CLIENT_SECRET", "wrong-secret")
    answer = cli("gather", "bear", "--provider", "openverse")
    assert "id and secret were refused" in answer.err
    assert "wrong-secret" not in answer.out + answer.err
    assert not search.calls["openverse"]


@pytest.mark.parametrize(
    ("license", "allowed"),
    [
        ("CC BY-SA 4.0", {"any", "cc", "commercial", "modify"}),
        ("by-nc 2.0", {"any", "cc", "modify"}),
        ("cc-by-nd", {"any", "cc", "commercial"}),
        ("cc0", {"any", "cc", "commercial", "modify", "public"}),
        ("Public domain", {"any", "cc", "commercial", "modify", "public"}),
        ("pdm 1.0", {"any", "cc", "commercial", "modify", "public"}),
        ("GFDL", {"any"}),
        ("", {"any"}),
    ],
)
def test_a_licence_allows_what_its_letters_say(license: str, allowed: set[str]) -> None:
    assert {wanted for wanted in ("any", "cc", "commercial", "modify", "public") if allows(license, wanted)} == allowed


def test_a_wait_is_read_in_every_form() -> None:
    assert [duration(text) for text in ("60s", "PT1M30S", "2.5", 7, "soon", None)] == [60, 90, 2.5, 7, None, None]


def test_a_key_is_found_nowhere_after_a_run(cli: Cli, search: SearchServer, tmp_path: Path) -> None:
    """Neither in what is printed, nor in any file, also when the service repeats the key in its error."""
    search.photos("bear", 12)
    search.script["bing"] = [(400, {"errors": [{"code": "InvalidRequest", "subCode": search.key}]}, {})]
    answers = [
        cli("gather", "bear", "--provider", "bing"),
        cli("gather", "bear", "--provider", "bing", "--json", "--debug"),
    ]
    assert [answer.code for answer in answers] == [4, 0]
    assert not [answer for answer in answers if search.key in answer.out + answer.err]
    assert lines()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and search.key.encode() in path.read_bytes()]


def test_a_key_is_not_sent_on_to_another_host(cli: Cli, search: SearchServer) -> None:
    search.script["bing"] = [(302, b"", {"Location": search.url("/elsewhere")})]
    answer = cli("gather", "bear", "--provider", "bing", "--json")
    assert answer.data["providers"][0]["reason"] == "changed"
    assert "/elsewhere" not in search.hits


def test_who_asks_is_told_honestly(cli: Cli, search: SearchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_NETWORK_CONTACT", "ann@example.org")
    search.photos("bear", 1)
    cli("gather", "bear", "--provider", "bing", "--min-per-label", 0)
    headers = search.headers_of("/photo/circles/0.jpg")
    assert headers["User-Agent"].startswith("lookalike/")
    assert "(+ann@example.org) python-requests/" in headers["User-Agent"]
    assert "Referer" not in headers and "Cookie" not in headers


@pytest.mark.parametrize("name", ["webiq", "brave", "serpapi", "searxng", "ddgs"])
def test_a_provider_that_cannot_filter_by_licence_refuses(cli: Cli, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = cli("gather", "bear", "--provider", f"openverse,{name}", "--license", "cc")
    assert answer.code == 2
    assert f"cannot be honoured by: {name}" in answer.err


def test_json_of_a_cached_answer_holds_no_request(
    search: SearchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search.script["canned"] = list(CONTRACTS["serpapi"].pages)
    drain(provider("serpapi", search, tmp_path, monkeypatch))
    kept = [json.loads(path.read_text()) for path in (tmp_path / "cache").glob("*.json")]
    assert kept and all(set(entry) == {"at", "provider", "payload"} for entry in kept)
    assert search.calls["canned"][0]["api_key"] == KEY
