"""robots.txt, for those who want it obeyed for single photos too: fetched once for each host of a run (RFC 9309)."""

from __future__ import annotations

import threading
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

from lookalike.net.client import Client, FetchError

AGENT = "lookalike"
LARGEST = 500_000


class Robots:
    """Remembers each host's rules. Safe from several threads."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._rules: dict[str, RobotFileParser | None] = {}
        self._guard = threading.Lock()

    def check(self, url: str) -> None:
        """Raise FetchError unless an address may be fetched: `robots` when its site forbids it, `robots-unknown` when
        the site cannot tell now, which forbids all for this run only. A site without rules allows all.
        """
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.netloc}"
        with self._guard:
            asked, rules = place in self._rules, self._rules.get(place)
        if not asked:
            rules = self._fetch(place)
            with self._guard:
                self._rules[place] = rules
        if rules is None:
            raise FetchError("robots-unknown", f"{place}/robots.txt cannot be read now")
        if not rules.can_fetch(AGENT, url):
            raise FetchError("robots")

    def _fetch(self, place: str) -> RobotFileParser | None:
        try:
            body = self.client.send("GET", f"{place}/robots.txt", headers={"Accept": "text/plain"})
        except FetchError:
            return None
        if body.status >= 500:
            return None
        rules = RobotFileParser()
        rules.parse([] if body.status >= 400 else body.content[:LARGEST].decode("utf-8", "replace").splitlines())
        return rules
