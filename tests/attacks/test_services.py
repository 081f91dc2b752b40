"""Search services that lie: they repeat the key, or never come to an end."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from lookalike.gather.api import Api
from lookalike.gather.providers.base import Query, Stop
from lookalike.plugins import PROVIDERS, find
from lookalike.settings import loading
from tests.conftest import Cli
from tests.support.contracts import CONTRACTS
from tests.support.gathering import lines
from tests.support.searchserver import SearchServer

pytest_plugins = ("tests.support.gathering",)
KEY = 's3cret/key of+the "user"='
SPELT = [
    KEY,
    quote(KEY, safe=""),
    quote_plus(KEY),
    html.escape(KEY),
    base64.b64encode(KEY.encode()).decode().strip("="),
]


def variables(name: str) -> tuple[str, ...]:
    kind = find("provider", name)
    return (*kind.keys, *getattr(kind, "optional_keys", ()))


KEYED = [name for name in PROVIDERS if variables(name)]


def telling(answer: Any, spelt: str) -> Any:
    """An answer with the key in every text and in a field of its own."""
    if isinstance(answer, str):
        return f"{answer}?key={spelt}" if answer.startswith("http") else f"{answer} {spelt}"
    if isinstance(answer, list):
        return [telling(item, spelt) for item in answer]
    return {key: telling(item, spelt) for key, item in answer.items()} if isinstance(answer, dict) else answer


@pytest.mark.parametrize("spelt", SPELT)
@pytest.mark.parametrize("name", KEYED)
def test_no_provider_lets_a_service_write_the_key_anywhere(
    name: str, spelt: str, search: SearchServer, tmp_path: Path
) -> None:
    settings = loading.load(tmp_path, {}, {name: {"endpoint": search.url("/canned")}})
    heard = 0
    for answers in [CONTRACTS[name].pages, *([refusal] for refusal, _ in CONTRACTS[name].refusals)]:
        search.script["canned"] = [
            (status, telling(body, spelt) if not isinstance(body, bytes) else body + spelt.encode(), headers)
            for status, body, headers in answers
        ]
        api = Api(settings, tmp_path / f"cache{heard}", sleep=lambda seconds: None)
        asker = find("provider", name)(settings, dict.fromkeys(variables(name)[:1], KEY), api.ask)
        found: list[Any] = []
        try:
            found.extend(asker.search(Query("bear", "bear")))
        except Stop as stop:
            found += [stop.reason, stop.detail]
        heard += 1
        kept = [path.read_text() for path in (tmp_path / f"cache{heard - 1}").glob("*")]
        for word in SPELT:
            assert not any(word in text or json.dumps(word)[1:-1] in text for text in [repr(found), *kept])
    assert heard == 1 + len(CONTRACTS[name].refusals)


def test_a_key_is_known_again_however_it_is_spelt(
    cli: Cli, search: SearchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = search.key = "sk-Ab/9+x=Zq12345"
    spelt = [
        key.upper(), key.replace("/", "\\/"), quote(key), quote(key, safe="").lower(),
        quote(quote(key, safe=""), safe=""),
        "".join(f"%{ord(letter):02X}" for letter in key), "".join(f"&#{ord(letter)};" for letter in key),
        "".join(f"\\u{ord(letter):04x}" for letter in key), base64.b64encode(f"user:{key}".encode()).decode(),
        base64.urlsafe_b64encode(f"me:{key}".encode()).decode(), key.encode().hex(),
    ]  # fmt: skip
    search.photos("cat", len(spelt))
    value = [{"contentUrl": url, "name": f"a {word} b"} for url, word in zip(search.results["cat"], spelt, strict=True)]
    search.script["bing"] = [(200, {"value": value}, {})]
    monkeypatch.setenv("BING_SEARCH_V7_SUBSCRIPTION_KEY", key)
    cli("gather", "cat", "--provider", "bing", "--count", len(spelt), "--json")
    titles = [line["title"] for line in lines()]
    assert len(titles) == len(spelt)
    assert all("…" in title and len(title) <= 18 for title in titles), titles  # of base64 a few letters of others stay


def test_a_service_that_repeats_the_key_gets_it_into_no_manifest(cli: Cli, search: SearchServer) -> None:
    search.photos("cat", 2)
    value = [{"contentUrl": url, "name": f"cat {search.key}", "hostPageUrl": f"https://x.example/{search.key}"}
             for url in search.results["cat"]]  # fmt: skip
    search.script["bing"] = [(200, {"value": value, "nextOffset": 2, "totalEstimatedMatches": 9}, {}),
                             (400, {"errors": [{"code": search.key, "message": search.key}]}, {})]  # fmt: skip
    answer = cli("gather", "cat", "--provider", "bing", "--count", 5, "--min-per-label", 1, "--json")
    assert answer.code == 0 and len([line for line in lines() if line["status"] == "ok"]) == 2
    written = [path.read_bytes() for path in Path().rglob("*") if path.is_file()]
    assert not any(search.key.encode() in text for text in [*written, answer.out.encode(), answer.err.encode()])


def test_a_password_in_an_address_of_a_list_is_kept_nowhere(cli: Cli) -> None:
    Path("list.csv").write_text(
        "url,label\nhttp://me:s3cret@127.0.0.1/a.jpg,cat\nhttp://me:an@s3cret@127.0.0.1/b.jpg,cat\n"
    )
    flags = ("--provider", "urls", "--source", "list.csv", "--min-per-label", 0, "--json")
    answers = [cli("gather", "cat", *flags) for _ in range(2)]
    assert [line["reason"] for line in lines()] == ["bad-url", "bad-url"]  # and the second run knows both
    Path("list.csv").unlink()
    written = [path.read_text("utf-8", "replace") for path in Path().rglob("*") if path.is_file()]
    assert not any("s3cret" in text for text in [*written, *(each.out + each.err for each in answers)])


@pytest.mark.parametrize("photos", [20, 0])
def test_a_search_that_never_ends_is_given_up_with_the_reason(
    cli: Cli, search: SearchServer, monkeypatch: pytest.MonkeyPatch, photos: int
) -> None:
    asked = 0

    def endless(handler: Any, **query: str) -> None:
        nonlocal asked
        asked += 1
        hits = [{"url": search.url(f"/status/404/{asked}/{number}")} for number in range(photos)]
        handler.reply("openverse", {"results": hits or [{"url": ""}], "page": asked, "page_count": 10**9})

    monkeypatch.setattr("tests.support.searchserver.SearchHandler.do_openverse", endless)
    answer = cli("gather", "cat", "--provider", "openverse", "--count", 10, "--json")
    assert answer.code == 4 and asked <= 30
    assert answer.json["data"]["providers"][0]["reason"] == "endless"
