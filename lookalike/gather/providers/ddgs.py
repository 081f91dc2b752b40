"""The ddgs package, which reads DuckDuckGo's and Bing's pages as a browser would: try it, do not rely on it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit, urlunsplit

from lookalike.gather.providers.base import Ask, Hit, Page, Query, Request, Stop, large_enough, text, whole_number
from lookalike.gather.providers.web import WebProvider
from lookalike.settings.fields import Settings

BACKENDS = ("duckduckgo", "bing")
LAST_PAGE = 10


def parse(found: list[Mapping[str, object]]) -> Page:
    """The hits of one page. Addresses arrive decoded, and a space as a plus sign."""
    hits = []
    for item in found:
        if address := str(item["image"] or ""):
            parts = urlsplit(address)
            path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
            spaced = path.replace("+", "%20")
            tries = [urlunsplit(parts._replace(path=path))]
            tries += [urlunsplit(parts._replace(path=spaced))] if spaced != path else []
            tries += [str(item["thumbnail"])] if item.get("thumbnail") else []
            hits.append(
                Hit(
                    tries[0],
                    alternatives=tuple(tries[1:]),
                    page_url=text(item.get("url"), 2000),
                    title=text(item.get("title")),
                    width=whole_number(item.get("width")),
                    height=whole_number(item.get("height")),
                )
            )
    return Page(tuple(hits))


class Ddgs(WebProvider):
    """One backend after the other; without one that honours a filter, the filter is refused."""

    name: ClassVar[str] = "ddgs"
    listed: ClassVar[tuple[str, ...]] = ()
    summary: ClassVar[str] = "DuckDuckGo and Bing pages, read by the ddgs package (extra: ddg)"
    terms: ClassVar[str] = "for educational purposes only, as its authors say; blocked from time to time"
    docs: ClassVar[str] = "https://github.com/deedy5/ddgs"
    last_verified: ClassVar[str] = "2026-11-22"
    restricted: ClassVar[bool] = True

    def __init__(self, settings: Settings, env: Mapping[str, str], ask: Ask) -> None:
        super().__init__(settings, env, ask)
        self.images: Callable[..., list[dict[str, object]]] | None = None

    def search(self, query: Query) -> Iterator[Hit]:
        """Pages of each backend until one brings nothing new. Only the first backend has a filter for adults."""
        backends = BACKENDS[:1] if query.safe else BACKENDS
        seen: set[str] = set()
        for backend in backends:
            for number in range(1, LAST_PAGE + 1):
                hits = [hit for hit in self._page(query, backend, number) if hit.address not in seen]
                seen.update(hit.address for hit in hits)
                yield from (hit for hit in hits if large_enough(hit.width, hit.height, query))
                if not hits:
                    break
        raise Stop("exhausted" if seen else "blocked", "" if seen else "or no results: the two look the same from here")

    def _page(self, query: Query, backend: str, number: int) -> tuple[Hit, ...]:
        asked = {
            "region": "us-en", "safesearch": "on" if query.safe else "off", "backend": backend, "page": number,
            "max_results": 100, "type_image": "photo" if query.type == "photo" else None,
        }  # fmt: skip
        return self.understand(self.ask(self, Request("ddgs:", {"q": query.text, **asked})), query).hits

    def read(self, payload: Any, query: Query) -> Page:
        """All hits of an answer: the package asks for the pages itself."""
        return parse(payload)

    def call(self, request: Request) -> object:
        """Ask the package instead of an address. Raises Stop."""
        if self.images is None:
            try:
                self.images = importlib.import_module("ddgs").DDGS().images
            except ImportError:
                raise Stop("no-extra", 'pip install "lookalike[ddg]"') from None
        params = dict(request.params)
        try:
            return self.images(params.pop("q"), **params)
        except Exception as error:  # its kinds change with every release; "no results" also stands for "blocked"
            if "No results" in str(error):
                return []
            raise Stop("unreachable", type(error).__name__) from None
