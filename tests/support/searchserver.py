"""Search services in their own dialects on this machine, whose answers point to the fault server's photos.

`server.results[words]` lists the addresses a question finds, `server.results["commons:words"]` only there;
`server.script[dialect]` may hold answers to give first: (status, body, headers), each used once.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.faultserver import FaultServer, Handler

BING_PARAMETERS = {
    "q", "count", "offset", "mkt", "safeSearch", "imageType", "license", "minWidth", "minHeight", "size", "aspect",
}  # fmt: skip
THUMBNAIL_WIDTHS = {20, 40, 60, 120, 250, 330, 500, 960, 1280, 1920, 3840}


class SearchHandler(Handler):
    server: SearchServer

    def reply(self, dialect: str, body: Any, status: int = 200, **headers: str) -> None:
        self.server.calls[dialect].append(
            {name: values[0] for name, values in parse_qs(urlsplit(self.path).query, keep_blank_values=True).items()}
            | {"headers": dict(self.headers), "path": self.path, "sent": getattr(self, "sent", b"")}
        )
        if self.server.script[dialect]:
            status, body, headers = self.server.script[dialect].pop(0)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answer(status, content, "application/json", **headers)

    def do_bing(self, **query: str) -> None:
        unknown = set(query) - BING_PARAMETERS
        if unknown:
            fault = {"code": "InvalidRequest", "subCode": "ParameterInvalidValue", "parameter": unknown.pop()}
            return self.reply("bing", {"_type": "ErrorResponse", "errors": [fault]}, 400)
        if self.headers.get("Ocp-Apim-Subscription-Key") != self.server.key:
            fault = {"code": "InvalidAuthorization", "subCode": "AuthorizationMissing", "message": "no"}
            return self.reply("bing", {"_type": "ErrorResponse", "errors": [fault]}, 401)
        found = self.server.found("bing", query["q"])
        start = int(query.get("offset", 0))
        page = found[start : start + min(int(query.get("count", 35)), self.server.page)]
        value = [{"contentUrl": url, "name": query["q"], "hostPageUrl": "https://example.org/p"} for url in page]
        end = start + len(page)
        answer = {"_type": "Images", "value": value, "totalEstimatedMatches": len(found), "currentOffset": start}
        if end < len(found):
            answer["nextOffset"] = end
        return self.reply("bing", answer)

    def do_openverse(self, **query: str) -> None:
        size, number = int(query["page_size"]), int(query["page"])
        if size > (50 if "Authorization" in self.headers else 20):
            return self.reply("openverse", {"detail": "page_size may not exceed 20 for anonymous requests"}, 401)
        found = self.server.found("openverse", query["q"])
        results = [
            {"id": url, "url": url, "title": "T", "license": "by-sa", "license_version": "4.0", "creator": "A",
             "license_url": "https://creativecommons.org/licenses/by-sa/4.0/", "width": None, "height": None,
             "attribution": '"T" by A is licensed under CC BY-SA 4.0.', "foreign_landing_url": "https://example.org/p"}
            for url in found[(number - 1) * size : number * size]
        ]  # fmt: skip
        pages = -(-len(found) // size)
        body = {"result_count": len(found), "page_count": pages, "page": number, "results": results}
        return self.reply("openverse", body, **self.server.openverse_headers)

    def do_auth_tokens(self, *_: str) -> None:
        form = {name: values[0] for name, values in parse_qs(self.sent.decode()).items()}
        good = {"grant_type": "client_credentials", "client_id": "me", "client_secret": self.server.key}
        if form != good:
            return self.reply("auth_tokens", {"error": "invalid_client"}, 401)
        token = {"access_token": self.server.key[::-1], "expires_in": 43200, "token_type": "Bearer", "scope": "read"}
        return self.reply("auth_tokens", token)

    def do_commons(self, **query: str) -> None:
        if "lookalike/" not in self.headers.get("User-Agent", ""):
            return self.answer(403, b"<html>identify yourself</html>", "text/html")
        if int(query["iiurlwidth"]) not in THUMBNAIL_WIDTHS:
            return self.answer(400, b"<html>Use thumbnail sizes listed</html>", "text/html")
        words = query["gsrsearch"].partition("fileh:>=")[2].partition(" ")[2]
        found = self.server.found("commons", words)
        start = int(query["gsroffset"])
        pages = [
            {"pageid": start + index, "title": f"File:{index}.jpg", "index": start + index + 1, "imageinfo": [
                {"url": url, "width": 800, "height": 600, "thumburl": url, "descriptionurl": "https://example.org/f",
                 "extmetadata": {"LicenseShortName": {"value": "CC BY 4.0"}, "Artist": {"value": "<b>A</b> B"}}}]}
            for index, url in enumerate(found[start : start + 50])
        ]  # fmt: skip
        body: dict[str, Any] = {"batchcomplete": True}
        if pages:
            body["query"] = {"pages": pages[::-1]}
        if start + 50 < len(found):
            body["continue"] = {"gsroffset": start + 50, "continue": "gsroffset||"}
        return self.reply("commons", body)

    def do_canned(self, *rest: str, **query: str) -> None:
        """Only what `server.script["canned"]` holds, whatever is asked; after that, 404."""
        self.reply("canned", {"error": "nothing more to say"}, 404)


class SearchServer(FaultServer):
    """The fault server with search services beside the photos."""

    key = "k3y-that-must-never-be-seen"

    def __init__(self) -> None:
        super().__init__(SearchHandler)
        self.results: dict[str, list[str]] = defaultdict(list)
        self.script: dict[str, list[tuple[int, Any, dict[str, str]]]] = defaultdict(list)
        self.calls: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.openverse_headers: dict[str, str] = {}
        self.page = 150

    def found(self, dialect: str, words: str) -> list[str]:
        own = f"{dialect}:{words}"
        return self.results[own if own in self.results else words]

    def photos(self, words: str, count: int, kind: str = "circles", first: int = 0) -> None:
        """Let a question find so many good photos."""
        self.results[words] += [self.url(f"/photo/{kind}/{first + number}.jpg") for number in range(count)]
