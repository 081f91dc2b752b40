"""Calls of search services: cached, counted, paced, with the key kept where it belongs."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from requests.structures import CaseInsensitiveDict

from lookalike.files import write_text
from lookalike.gather.providers.base import Request, Stop, text
from lookalike.gather.providers.reading import decoded
from lookalike.gather.providers.web import ServiceAnswer, WebProvider
from lookalike.net.client import RETRY_STATUS, Client, FetchError, is_challenge, retry_after
from lookalike.report import SILENT, Reporter
from lookalike.settings.fields import Settings

TRIES = 3
SHORTEST_SECRET = 4
WORTH_A_WORD = 5.0
WORDS = 100_000
LONGEST_WAIT = 65.0
"""Seconds a search waits when a service asks for time, enough for limits by the minute; for more it gives the turn to
the next provider. Downloads go on meanwhile."""


class Api:
    """Asks services for one run. `calls` counts requests that really went out, by provider."""

    def __init__(
        self,
        settings: Settings,
        cache: Path,
        *,
        report: Reporter = SILENT,
        tries: int = TRIES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.settings = settings
        self.cache = cache
        self.report = report
        self.tries = tries
        self.sleep = sleep
        self.calls: Counter[str] = Counter()
        self._clients: dict[str, Client] = {}
        self._next_start: dict[str, float] = {}
        self._spent: dict[str, Stop] = {}

    def ask(self, provider: WebProvider, request: Request) -> object:
        """The decoded answer to a request, from the cache when it is fresh. Raises Stop."""
        path = self.cache / f"{_name(provider.name, request)}.json"
        if (kept := self._cached(path)) is not None:
            return kept
        if provider.name in self._spent:
            raise self._spent[provider.name]
        answer = self._by_itself(provider, request) or self._call(provider, request)
        if end := provider.spent(answer.headers):
            self._spent[provider.name] = end
        kept = {"at": time.time(), "provider": provider.name, "payload": answer.payload}
        write_text(path, json.dumps(kept, default=str))
        return answer.payload

    def _by_itself(self, provider: WebProvider, request: Request) -> ServiceAnswer | None:
        payload = provider.call(request)
        if payload is None:
            return None
        self.calls[provider.name] += 1
        return ServiceAnswer(200, {}, payload)

    def _cached(self, path: Path) -> object:
        try:
            kept = decoded(path.read_text(encoding="utf-8"))
            fresh = 0 <= time.time() - kept["at"] < self.settings.gather.cache_hours * 3600
            return kept["payload"] if fresh else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _call(self, provider: WebProvider, request: Request) -> ServiceAnswer:
        """A good answer, after a retry or two if need be. Raises Stop with what the service gave as the reason."""
        for attempt in range(self.tries):
            end, wait = Stop("unreachable"), 0.5 * 2**attempt
            try:
                self._sign_in(provider)
                answer = self._once(provider, request)
                if answer.status == 200 and answer.payload is not None and not provider.explain(answer):
                    return answer
                end = _explain(provider, answer)
                wait = end.retry_after or wait
                again = answer.status in (200, *RETRY_STATUS) and end.reason in ("rate-limited", "unreachable")
            except FetchError as error:
                end = provider.explain(ServiceAnswer(0, {}, None)) or Stop("unreachable", error.detail or error.reason)
                again = end.reason == "unreachable" and error.reason not in ("blocked-address", "bad-url", "tls", "dns")
            if not again or attempt == self.tries - 1 or wait > LONGEST_WAIT:
                raise end
            if wait >= WORTH_A_WORD:
                self.report.note(f"{provider.name} asks for a pause of {wait:.0f} s")
            self.sleep(wait)
        raise end

    def _sign_in(self, provider: WebProvider) -> None:
        """Have an id and a secret traded for a token, once, if the provider has them. Raises Stop, FetchError."""
        if (account := provider.sign_in()) is None:
            return
        address, form = account
        body = self._client(address).send(
            "POST", address, data=form, headers={"Accept": "application/json"}, redirects=0
        )
        if body.status in (400, 401, 403):
            raise Stop("bad-key", "id and secret were refused")
        if body.status != 200:
            raise general_reading(ServiceAnswer(body.status, body.headers, None), needs_key=True)
        try:
            provider.signed_in(decoded(body.content))
        except (ValueError, KeyError, TypeError):
            raise Stop("changed", "no token in the answer to id and secret") from None

    def _once(self, provider: WebProvider, request: Request) -> ServiceAnswer:
        """One request, never redirected: a key goes to the configured host or nowhere."""
        wait = self._next_start.get(provider.name, 0) - time.monotonic()
        if wait > 0:
            self.sleep(wait)
        self._next_start[provider.name] = time.monotonic() + provider.pause
        self.calls[provider.name] += 1
        body = self._client(request.url).send(
            "GET" if request.json is None else "POST",
            request.url,
            params={**request.params, **provider.secret_params()},
            json=request.json,
            headers={"Accept": "application/json", **provider.headers()},
            redirects=0,
        )
        words = body.content.decode("utf-8", "replace")
        secrets = spellings(provider.secrets)
        try:
            payload = scrub(decoded(words), secrets)
        except ValueError:
            payload = None
        headers = CaseInsensitiveDict(scrub(dict(body.headers), secrets))
        return ServiceAnswer(body.status, headers, payload, scrub(words, secrets)[:WORDS])

    def _client(self, url: str) -> Client:
        parts = urlsplit(url)
        host = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
        if host not in self._clients:
            self._clients[host] = Client(self.settings.network, trusted=[host])
        return self._clients[host]


def _name(provider: str, request: Request) -> str:
    asked = json.dumps([request.url, dict(request.params), request.json], sort_keys=True, default=str)
    return f"{provider}-{hashlib.sha256(asked.encode()).hexdigest()[:24]}"


def _explain(provider: WebProvider, answer: ServiceAnswer) -> Stop:
    """The provider's own reading of a refusal, or what the status means everywhere."""
    if end := provider.explain(answer):
        return end
    return general_reading(answer, needs_key=bool(provider.keys))


def general_reading(answer: ServiceAnswer, *, needs_key: bool) -> Stop:
    """What a status means when the provider has no word of its own for it."""
    status = f"status {answer.status}"
    if is_challenge(answer.status, answer.headers, answer.text.encode()):
        return Stop("blocked", "it wants proof of a person")
    if answer.status == 429:
        wait = retry_after(answer.headers)
        return Stop("rate-limited", until(wait), wait)
    if answer.status in (401, 403):
        return Stop("bad-key" if needs_key else "blocked", status)
    if answer.status in (402, 410):
        return Stop("quota" if answer.status == 402 else "retired", status)
    if answer.status >= 500:
        return Stop("unreachable", status)
    if 300 <= answer.status < 400:
        return Stop("changed", f"{status}: it has moved")
    if answer.status == 200:
        kind = "a web page" if answer.text.lstrip().startswith("<") else "something that is not JSON"
        return Stop("blocked" if kind == "a web page" else "changed", f"{kind} instead of an answer")
    return Stop("bad-request", text(status))


def until(seconds: float | None, now: Callable[[], float] = time.time) -> str:
    """When to ask again, as a local time."""
    return "" if seconds is None else time.strftime("until %H:%M:%S", time.localtime(now() + seconds))


def spellings(secrets: Iterable[str]) -> re.Pattern[str]:
    """Finds secrets as they are and as addresses, pages and encodings spell them, letter by letter, in any case."""
    words = {word for secret in secrets for word in (secret, secret.strip()) if len(word) >= SHORTEST_SECRET}
    found = ["".join(map(_letter, word)) for word in words]
    for word in map(str.encode, words):
        found += [word.hex(), *(re.sub("[/+]", "[/+_-]", core) for core in _in_base64(word))]
    return re.compile("|".join(sorted(found, key=len, reverse=True)) or r"(?!)", re.IGNORECASE)


def _letter(letter: str) -> str:
    """One letter of a secret as itself, behind a backslash, as %2F or %252F, as \\u002f, as an entity."""
    code = ord(letter)
    escaped = "".join(f"%(?:25)*{byte:02x}" for byte in letter.encode())
    forms = [
        re.escape(letter),
        escaped,
        rf"\\u{code:04x}",
        f"&#0*{code};",
        f"&#x0*{code:x};",
        re.escape(html.escape(letter)),
    ]
    return rf"(?:\\?(?:{'|'.join(forms)}){'|[+]' if letter == ' ' else ''})"


def _in_base64(word: bytes) -> Iterator[str]:
    """What stands in base64 wherever the word begins in what is encoded, such as a name before it, without the letters
    that it shares with its neighbours."""
    for before in range(3):
        whole = base64.b64encode(bytes(before) + word).decode().rstrip("=")
        core = whole[-(-before * 8 // 6) : (before + len(word)) * 8 // 6]
        if len(core) > SHORTEST_SECRET:
            yield core


def scrub(value: object, words: re.Pattern[str]) -> Any:
    """A JSON value without any of the words, which services repeat in their answers: the one place that sees to it."""
    if isinstance(value, str):
        return words.sub("…", value)
    if isinstance(value, list):
        return [scrub(item, words) for item in value]
    if isinstance(value, dict):
        return {scrub(name, words): scrub(item, words) for name, item in value.items()}
    return value


def redact(value: str, secrets: Iterable[str]) -> str:
    """A text without any of the secrets in it: services repeat keys in their errors."""
    return str(scrub(value, spellings(secrets)))
