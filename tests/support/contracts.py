"""What search services answer, written by hand from their documents on 2026-11-22: one row for each provider.

A row shows what good answers look like and what must come out of them, what "nothing found" looks like, and which
refusals are told apart.
"""
# ruff: noqa: E501

from __future__ import annotations

import copy
import random
from dataclasses import dataclass, field
from typing import Any

Answer = tuple[int, Any, dict[str, str]]


def ok(body: Any) -> Answer:
    return (200, body, {})


@dataclass(frozen=True)
class Contract:
    """`pages` are answers to one question and `hits` what they hold; each of `refusals` leads to its outcome."""

    pages: list[Answer]
    hits: list[dict[str, Any]]
    empty: list[Answer]
    refusals: list[tuple[Answer, str]]
    asked: dict[str, str] = field(default_factory=dict)
    key_header: str = ""


BING_ITEM = {
    "name": "Grizzly bear", "contentUrl": "http://example.org/a.jpg", "hostPageUrl": "https://example.org/p",
    "encodingFormat": "jpeg", "contentSize": "54018 B", "width": 1024, "height": 768, "imageId": "AB12",
    "thumbnailUrl": "https://tse1.mm.bing.net/th?id=OIP.x&pid=Api",
}  # fmt: skip
OPENVERSE_ITEM = {
    "id": "1", "title": "Bear", "foreign_landing_url": "https://example.org/p", "url": "https://live.example.org/1.jpg",
    "creator": "Ann", "license": "by-sa", "license_version": "2.0", "license_url": "https://cc.example/by-sa",
    "attribution": '"Bear" by Ann', "mature": False, "height": None, "width": None, "thumbnail": "https://api.example.org/1",
}  # fmt: skip


def openverse(page: int, pages: int, *items: dict[str, Any]) -> dict[str, Any]:
    return {"result_count": 20 * pages, "page_count": pages, "page_size": 20, "page": page, "results": list(items)}


def commons_page(number: int, width: int, license: str = "CC BY-SA 4.0") -> dict[str, Any]:
    info = {
        "size": 1, "width": width, "height": 995, "url": f"https://upload.example.org/{number}.jpg?utm_source=x",
        "thumburl": f"https://thumb.example.org/960px-{number}.jpg", "thumbwidth": 960, "mime": "image/jpeg",
        "descriptionurl": f"https://commons.example.org/{number}", "mediatype": "BITMAP",
        "extmetadata": {"LicenseShortName": {"value": license}, "Artist": {"value": '<a href="x">Ann &amp; Bo</a>'}},
    }  # fmt: skip
    return {"pageid": number, "ns": 6, "title": f"File:{number}.jpg", "index": number, "imageinfo": [info]}


def brave_item(number: int) -> dict[str, Any]:
    return {
        "type": "image_result", "title": "Bear", "url": "https://example.org/page", "source": "example.org",
        "thumbnail": {"src": f"https://imgs.example.org/{number}"},
        "properties": {"url": f"https://example.org/{number}.jpg", "width": 1600, "height": 1200},
    }  # fmt: skip


def observation(number: int, *licenses: str | None) -> dict[str, Any]:
    photos = [
        {"id": n, "license_code": license, "url": f"https://open.example.org/{number}{n}/square.jpg",
         "attribution": "(c) ann", "original_dimensions": {"width": 2048, "height": 1365}}
        for n, license in enumerate(licenses)
    ]  # fmt: skip
    return {"id": number, "uri": f"https://inat.example.org/{number}", "taxon": {"id": 48662, "name": "Danaus plexippus"},
            "user": {"login": "ann"}, "license_code": "cc-by", "photos": photos}  # fmt: skip


def observations(page: int, total: int, *items: dict[str, Any]) -> dict[str, Any]:
    return {"total_results": total, "page": page, "per_page": 200, "results": list(items)}


TAXA = {"results": [{"id": 1, "name": "Danaus", "preferred_common_name": "Tigers"},
                    {"id": 48662, "name": "Danaus plexippus", "preferred_common_name": "bear"}]}  # fmt: skip
DDG_ITEM = {"title": "Bear", "image": "https://example.org/a+b/café.jpg", "thumbnail": "https://tse.example.org/1",
            "url": "https://example.org/p", "height": "768", "width": "1024", "source": "Bing"}  # fmt: skip
HTML = b"<html>unusual traffic from your network</html>"

CONTRACTS = {
    "bing": Contract(
        pages=[
            ok({"_type": "Images", "totalEstimatedMatches": 9, "nextOffset": 6, "currentOffset": 0, "value": [
                BING_ITEM, {"contentUrl": "http://example.org/small.jpg", "width": 90, "height": 90}, {"name": "no address"}]}),
            ok({"_type": "Images", "totalEstimatedMatches": 9, "nextOffset": 8, "currentOffset": 6, "value": [
                BING_ITEM, BING_ITEM | {"contentUrl": "http://example.org/b.jpg"}]}),
            ok({"_type": "Images", "totalEstimatedMatches": 9, "nextOffset": 8, "currentOffset": 8, "value": []}),
        ],
        hits=[
            {"address": "http://example.org/a.jpg", "page_url": "https://example.org/p", "width": 1024, "height": 768},
            {"address": "http://example.org/b.jpg"},
        ],
        empty=[ok({"_type": "Images", "totalEstimatedMatches": 0, "value": []})],
        refusals=[
            ((400, {"errors": [{"code": "InvalidRequest", "subCode": "ParameterMissing", "parameter": "q"}]}, {}), "bad-request"),
            ((401, {"errors": [{"code": "InvalidAuthorization", "subCode": "AuthorizationMissing"}]}, {}), "bad-key"),
            ((401, HTML, {}), "bad-key"),
            ((403, {"errors": [{"code": "InsufficientAuthorization"}]}, {}), "bad-key"),
            ((403, {"errors": [{"code": "RateLimitExceeded"}]}, {"Retry-After": "86400"}), "quota"),
            ((410, {"errors": [{"code": "InvalidRequest", "subCode": "HttpNotAllowed"}]}, {}), "bad-request"),
            ((429, {"errors": [{"code": "RateLimitExceeded"}]}, {"Retry-After": "600"}), "rate-limited"),
        ],
        asked={"q": "bear", "count": "150", "safeSearch": "Strict", "minWidth": "128", "minHeight": "128"},
        key_header="Ocp-Apim-Subscription-Key",
    ),
    "openverse": Contract(
        pages=[
            ok(openverse(1, 2, OPENVERSE_ITEM, OPENVERSE_ITEM | {"url": "https://x.example/s.jpg", "width": 100, "height": 90})),
            ok(openverse(2, 2, OPENVERSE_ITEM | {"url": "https://live.example.org/2.jpg", "width": 800, "height": 600})),
        ],
        hits=[
            {"address": "https://live.example.org/1.jpg", "license": "by-sa 2.0", "creator": "Ann", "width": 0,
             "attribution": '"Bear" by Ann'},
            {"address": "https://live.example.org/2.jpg", "width": 800},
        ],
        empty=[ok(openverse(1, 0))],
        refusals=[
            ((401, {"detail": "page_size may not exceed 20 for anonymous requests"}, {}), "bad-request"),
            ((400, {"detail": {"license": "unknown"}}, {}), "bad-request"),
            ((429, {"detail": "Request was throttled. Expected available in 9000 seconds."}, {"Retry-After": "9000"}),
             "rate-limited"),
            ((200, openverse(1, 2, OPENVERSE_ITEM), {"X-RateLimit-Available-anon_sustained": "0"}), "quota"),
        ],
        asked={"q": "bear", "page": "1", "page_size": "20", "mature": "false"},
    ),
    "commons": Contract(
        pages=[
            ok({"continue": {"gsroffset": 50, "continue": "gsroffset||"},
                "query": {"pages": [commons_page(2, 4342), commons_page(1, 900), {"pageid": 3, "index": 3}]}}),
            ok({"batchcomplete": True, "query": {"pages": [commons_page(4, 3000, "CC0")]}}),
        ],
        hits=[
            {"address": "https://upload.example.org/1.jpg", "creator": "Ann & Bo", "license": "CC BY-SA 4.0"},
            {"address": "https://thumb.example.org/960px-2.jpg", "page_url": "https://commons.example.org/2"},
            {"address": "https://thumb.example.org/960px-4.jpg"},
        ],
        empty=[ok({"batchcomplete": True})],
        refusals=[
            (ok({"error": {"code": "ratelimited", "info": "slow down"}}), "rate-limited"),
            (ok({"error": {"code": "badvalue", "info": "no"}}), "bad-request"),
            ((403, HTML, {}), "blocked"),
        ],
        asked={"gsrlimit": "50", "iiurlwidth": "960", "gsrsearch": "filetype:bitmap filew:>=128 fileh:>=128 bear"},
    ),
    "webiq": Contract(
        pages=[
            ok({"imageResults": [
                {"title": "Bear", "url": f"https://example.org/{n}.jpg", "hostPageUrl": "https://example.org/p", "width": 800,
                 "height": None, "thumbnailUrl": None, "isAdult": False} for n in range(3)] + [{"title": None, "url": None}]}),
            ok({"imageResults": [{"url": "https://example.org/0.jpg"}, {"url": "https://example.org/9.jpg"}]}),
        ],
        hits=[{"address": f"https://example.org/{n}.jpg"} for n in (0, 1, 2, 9)],
        empty=[ok({"imageResults": [], "traceId": "x"})],
        refusals=[
            ((401, {"errorCode": "Unauthorized"}, {}), "bad-key"),
            ((429, {"errorCode": "TooMany", "retryAfter": "600s"}, {}), "rate-limited"),
            ((430, {"errorCode": "Concurrency", "retryAfter": "PT10M"}, {}), "rate-limited"),
            ((415, {"userMessage": "content type"}, {}), "bad-request"),
        ],
        key_header="x-apikey",
    ),
    "brave": Contract(
        pages=[ok({"type": "images", "query": {"original": "bear", "altered": None}, "results": [brave_item(1), brave_item(2)]})],
        hits=[{"address": "https://example.org/1.jpg", "page_url": "https://example.org/page", "width": 1600},
              {"address": "https://example.org/2.jpg"}],
        empty=[ok({"type": "images", "query": {}, "results": []})],
        refusals=[
            ((422, {"type": "ErrorResponse", "error": {"status": 422, "code": "SUBSCRIPTION_TOKEN_INVALID"}}, {}), "bad-key"),
            ((422, {"type": "ErrorResponse", "error": {"status": 422, "code": "VALIDATION"}}, {}), "bad-request"),
            ((429, {"error": {"code": "RATE_LIMITED", "meta": {"quota_limit": 2000}}}, {}), "quota"),
            ((429, {"error": {"code": "RATE_LIMITED"}}, {"X-RateLimit-Remaining": "0, 0"}), "quota"),
            ((429, {"error": {"code": "RATE_LIMITED", "meta": {"rate_limit": 1}}}, {"X-RateLimit-Remaining": "0, 99",
              "Retry-After": "99"}), "rate-limited"),
        ],
        asked={"q": "bear", "count": "200", "safesearch": "strict", "spellcheck": "false"},
        key_header="X-Subscription-Token",
    ),
    "inat": Contract(
        pages=[
            ok(TAXA),
            ok(observations(1, 300, observation(1, "cc-by", "cc-by-nc", "cc0"), observation(2, None))),
            ok(observations(2, 300, observation(3, "cc0"))),
        ],
        hits=[
            {"address": "https://open.example.org/10/large.jpg", "group": "inat:1", "license": "cc-by", "creator": "ann",
             "title": "Danaus plexippus", "license_url": "https://creativecommons.org/licenses/by/4.0/"},
            {"address": "https://open.example.org/11/large.jpg", "group": "inat:1"},
            {"address": "https://open.example.org/30/large.jpg", "group": "inat:3", "license": "cc0"},
        ],
        empty=[ok({"results": []})],
        refusals=[((429, HTML, {"Retry-After": "60"}), "rate-limited"), ((403, HTML, {}), "blocked")],
    ),
    "searxng": Contract(
        pages=[
            ok({"results": [{"img_src": "//example.org/1.jpg", "url": "https://example.org/p", "title": "Bear",
                             "resolution": "800 x 600", "thumbnail_src": "https://example.org/t"}, {"img_src": ""}]}),
            ok({"results": [{"img_src": "https://example.org/2.jpg", "resolution": None}]}),
            ok({"results": []}),
        ],
        hits=[{"address": "https://example.org/1.jpg", "width": 800, "height": 600}, {"address": "https://example.org/2.jpg"}],
        empty=[ok({"results": []})],
        refusals=[((403, HTML, {}), "blocked"), ((429, HTML, {"Retry-After": "3600"}), "rate-limited")],
        asked={"q": "bear", "categories": "images", "format": "json", "pageno": "1", "safesearch": "2"},
    ),
    "serpapi": Contract(
        pages=[
            ok({"images_results": [
                {"position": 1, "original": "https://example.org/1.jpg", "original_width": 900, "original_height": 800,
                 "link": "https://example.org/p", "title": "Bear"},
                {"position": 2, "original": "https://encrypted-tbn0.gstatic.com/images?q=x"}, {"position": 3}]}),
            ok({"error": "Google hasn't returned any results for this query."}),
        ],
        hits=[{"address": "https://example.org/1.jpg", "page_url": "https://example.org/p", "width": 900}],
        empty=[ok({"error": "Google hasn't returned any results for this query."})],
        refusals=[
            ((401, {"error": "Invalid API key."}, {}), "bad-key"),
            ((429, {"error": "Your account has run out of searches."}, {}), "quota"),
        ],
        asked={"engine": "google_images", "q": "bear", "ijn": "0", "safe": "active"},
    ),
    "ddgs": Contract(
        pages=[ok([DDG_ITEM]), ok([])],
        hits=[{"address": "https://example.org/a+b/caf%C3%A9.jpg", "width": 1024, "alternatives": (
            "https://example.org/a%20b/caf%C3%A9.jpg", "https://tse.example.org/1")}],
        empty=[],
        refusals=[(ok([]), "blocked")],
    ),
}  # fmt: skip


JUNK: list[Any] = [None, 0, -1, 3.5, "", "x", [], {}, True, [None], {"a": 1}, 10**30]


def damaged(payload: Any, randomness: random.Random) -> Any:
    """A copy of an answer with something in it missing, or replaced by what nobody expects."""
    payload = copy.deepcopy(payload)
    for _ in range(randomness.randint(1, 4)):
        node, way = payload, []
        while isinstance(node, (dict, list)) and node and randomness.random() < 0.8:
            key = randomness.choice(list(node)) if isinstance(node, dict) else randomness.randrange(len(node))
            way.append((node, key))
            node = node[key]
        if way and isinstance(way[-1][0], dict) and randomness.random() < 0.2:
            del way[-1][0][way[-1][1]]
        elif way:
            way[-1][0][way[-1][1]] = copy.deepcopy(randomness.choice(JUNK))
    return payload
