"""robots.txt, for those who want it obeyed for single photos too: fetched once for each host of a run (RFC 9309)."""

from __future__ import annotations

import threading
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

from lookalike.net.client import Client, FetchError

AGENT = "lookalike"
FORBIDDEN = ["User-agent: *", "Disallow: /"]
LARGEST = 500_000


class Robots:
    """Remembers each host's rules. Safe from several threads."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._rules: dict[str, RobotFileParser] = {}
        self._guard = threading.Lock()

    def allow(self, url: str) -> bool:
        """Whether an address may be fetched. A host without rules allows all; one that cannot tell forbids all."""
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.netloc}"
        with self._guard:
            rules = self._rules.get(place)
        if rules is None:
            rules = self._fetch(place)
            with self._guard:
                self._rules[place] = rules
        return rules.can_fetch(AGENT, url)

    def _fetch(self, place: str) -> RobotFileParser:
        rules = RobotFileParser()
        rules.parse(self._lines(place))
        return rules

    def _lines(self, place: str) -> list[str]:
        try:
            body = self.client.send("GET", f"{place}/robots.txt", headers={"Accept": "text/plain"})
        except FetchError:
            return FORBIDDEN
        if body.status >= 400:
            return FORBIDDEN if body.status >= 500 else []
        return body.content[:LARGEST].decode("utf-8", "replace").splitlines()
