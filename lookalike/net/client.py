"""Fetch an address that a stranger wrote: guarded, bounded in time and bytes, and honest about who asks.

Used wherever something comes from the network: photos, answers of search services, `predict URL`. The guard looks at
the address a connection really goes to, at every connect and every redirect, and connects to that very address, so a
name that changes its mind between look-up and connect gains nothing. A deadline counts from the first look-up to the
last byte; requests' own timeout counts silence only, and a server that drips a byte a second is never silent.
"""

from __future__ import annotations

import email.utils
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin

import requests
import urllib3

from lookalike import __version__
from lookalike.errors import UnusablePhoto
from lookalike.net.addresses import AddressGuard, BadAddressError, GuardedAdapter, deadline
from lookalike.net.pairing import WITHOUT_BODY
from lookalike.project.kinds import HEAD
from lookalike.settings.fields import NetworkSettings

MAX_REDIRECTS = 5
PIECE = 1 << 16  # bytes read at a time
ACCEPT = "image/avif,image/webp,image/jpeg,image/png,image/gif,image/*;q=0.5"
LONGEST_PAUSE = 7 * 86_400.0
RETRY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
TRANSIENT = frozenset(
    {
        "abandoned",
        "timeout",
        "dns",
        "refused",
        "connection-lost",
        "truncated",
        "bad-response",
        "host-down",
        "rate-limited",
    }
)


First = Callable[[bytes], None]
Willing = Callable[[Mapping[str, str]], First | None]
Into = Callable[[int, Mapping[str, str], Iterator[bytes]], None]
CHALLENGES = (b"_cf_chl_opt", b"/cdn-cgi/challenge-platform/", b"/.well-known/ddos-guard/")
"""What is in a page that wants proof of a person."""


class FetchError(UnusablePhoto):
    """An address that gave nothing usable. `retry_after` is how many seconds the host asked to be left alone."""

    def __init__(self, reason: str, detail: str = "", retry_after: float | None = None) -> None:
        super().__init__(reason, detail)
        self.retry_after = retry_after


def may_recover(reason: str) -> bool:
    """Whether trying again later may help: false for refusals and for answers that are final, such as http-404."""
    status = reason.removeprefix("http-")
    return reason in TRANSIENT or (status.isdigit() and (int(status) in RETRY_STATUS or int(status) >= 500))


@dataclass(frozen=True)
class Body:
    """An answer, whatever its status. `whole` says that the server told the length, so that a cut would have shown."""

    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes
    whole: bool = True


class Client:
    """A polite client for many threads: one session each, no cookies, no .netrc, no retries of its own.

    `trusted` names hosts that may be private addresses besides `network.allow_hosts`; it is for addresses the user
    has configured, never for those found by a search.
    """

    def __init__(self, network: NetworkSettings, *, trusted: Iterable[str] = ()) -> None:
        self.network = network
        self.guard = AddressGuard([*network.allow_hosts, *trusted])
        self.user_agent = user_agent(network.contact)
        self._adapter = GuardedAdapter(self.guard, network.connect_timeout)
        self._local = threading.local()

    def get(self, url: str, *, headers: Mapping[str, str] | None = None, willing: Willing | None = None) -> Body:
        """The body of a good answer, at most `max_bytes` of it decoded. Raises FetchError.

        `willing` sees the headers before the body is read and may raise FetchError; what it returns sees the body's
        beginning and may do so, too.
        """
        body = self.send("GET", url, headers=headers, willing=willing)
        if body.status >= 300:
            raise refused(body)
        if not body.content and not body.whole and body.status not in WITHOUT_BODY:
            raise FetchError("truncated", "the connection ended before the body")
        if not body.content:
            raise FetchError("empty", f"an answer {body.status} without a body")
        return body

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, object] | None = None,
        json: object = None,
        data: object = None,
        redirects: int = MAX_REDIRECTS,
        willing: Willing | None = None,
        into: Into | None = None,
    ) -> Body:
        """One request, redirects followed, each hop checked; an answer of any status is returned. Raises FetchError.

        With headers that carry a key, pass `redirects=0`: nothing is then ever sent to another host. `into` takes the
        status, the headers and the pieces of a good body as they come, of any size; the Body then has no content.
        """
        with deadline(self.network.total_timeout, self.network.read_timeout):
            try:
                for _ in range(redirects + 1):
                    more = {"params": params, "json": json, "data": data}
                    body = self._one(method, url, headers=headers, willing=willing, into=into, **more)
                    target = body.headers.get("Location", "")
                    if body.status not in (301, 302, 303, 307, 308) or not target or not redirects:
                        return body
                    url, params = urljoin(body.url, _text(target)), None
            except FetchError:
                raise
            except BadAddressError as error:
                raise FetchError(error.reason, error.detail) from None
            except (OSError, ValueError, urllib3.exceptions.HTTPError, HTTPException) as error:
                raise FetchError(*_why(error)) from None
        raise FetchError("too-many-redirects", f"more than {redirects}")

    def _one(
        self, method: str, url: str, *, headers: Mapping[str, str] | None, willing: Willing | None, into: Into | None,
        **more: Any,
    ) -> Body:  # fmt: skip
        proxies = self.guard.check(url)
        limits = (self.network.connect_timeout, self.network.read_timeout)
        sent = {"User-Agent": self.user_agent, "Accept": ACCEPT, "Accept-Encoding": "identity", **(headers or {})}
        with self._session().request(
            method, url, headers=sent, timeout=limits, stream=True, allow_redirects=False, proxies=proxies, **more
        ) as response:
            answer = merged(response)
            good = response.ok and not response.is_redirect
            first = willing(answer) if willing and good else None
            if into and good:
                into(response.status_code, answer, response.iter_content(PIECE))
            content = b"" if response.is_redirect or (into and good) else self._read(response, first)
            whole = answer.get("Content-Length", "").isdigit() or "Transfer-Encoding" in answer
            return Body(response.url or url, response.status_code, answer, content, whole)

    def _read(self, response: requests.Response, first: First | None) -> bytes:
        limit = self.network.max_bytes
        declared = response.headers.get("Content-Length", "")
        if declared.isdigit() and int(declared) > limit:
            raise FetchError("too-many-bytes", f"{int(declared):,} bytes; the limit is {limit:,}")
        parts: list[bytes] = []
        size = 0
        for chunk in response.iter_content(PIECE):
            size += len(chunk)
            if size > limit:
                raise FetchError("too-many-bytes", f"more than {limit:,} bytes")
            parts.append(chunk)
            if first and size >= HEAD:
                first(b"".join(parts))
                first = None
        if first and parts:
            first(b"".join(parts))
        return b"".join(parts)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = _Session()
            session.trust_env = False
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            session.mount("http://", self._adapter)
            session.mount("https://", self._adapter)
            self._local.session = session
        return session


def user_agent(contact: str) -> str:
    """Name, version, whom to write to, library: the form that search services ask for. Never a browser's."""
    known = f" (+{contact})" if contact else ""
    return f"lookalike/{__version__}{known} python-requests/{requests.__version__}"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After header asks for, a week at most, given as a number or a date; None if senseless."""
    value = headers.get("Retry-After", "").strip()
    try:
        if value.isdigit():
            return min(float(value), LONGEST_PAUSE)
        date = email.utils.parsedate_to_datetime(value)
        return min(max(0.0, date.timestamp() - time.time()), LONGEST_PAUSE)
    except (ValueError, OverflowError):
        return None


def merged(response: requests.Response) -> Mapping[str, str]:
    """The headers of an answer; names compare without case, and the lines of a repeated one end with \\n."""
    lines = response.raw.headers
    return requests.structures.CaseInsensitiveDict({name: "\n".join(lines.getlist(name)) for name in lines})


def is_challenge(status: int, headers: Mapping[str, str], content: bytes) -> bool:
    """Whether this is a page that wants proof of a person instead of the answer.

    Who serves it says nothing: behind the same protection, a site may just be down for a moment.
    """
    shown = status in (403, 429, 503) and any(words in content for words in CHALLENGES)
    return shown or headers.get("cf-mitigated", "").strip().lower() == "challenge"


def refused(body: Body) -> FetchError:
    """Why an answer is none, by its status."""
    if is_challenge(body.status, body.headers, body.content):
        return FetchError("blocked", f"status {body.status} and a page that wants proof of a person")
    return FetchError(f"http-{body.status}", "", retry_after(body.headers))


class _Session(requests.Session):
    """A session that leaves redirects to `Client.send`: requests prepares the next step even when told not to go, and
    fails on a Location that is not UTF-8."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: no answer leads on by itself."""


def _text(header: str) -> str:
    """An address in a header, which is read as latin-1: UTF-8 in truth, or bytes that are sent back as they came."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeEncodeError:
        return header
    except UnicodeDecodeError:
        return re.sub("[\x80-\xff]", lambda byte: f"%{ord(byte[0]):02X}", header)


def _why(error: BaseException) -> tuple[str, str]:
    """A stable reason for what requests, urllib3, ssl and sockets raise. Texts with addresses in them are dropped."""
    chain = list(_causes(error))
    if bad := next((item for item in chain if isinstance(item, BadAddressError)), None):
        return bad.reason, bad.detail
    kinds = {kind.__name__ for item in chain for kind in type(item).__mro__}
    for names, reason, detail in _KINDS:
        if kinds & names:
            return reason, detail
    return "bad-response", type(error).__name__


_KINDS: tuple[tuple[set[str], str, str], ...] = (
    ({"SSLCertVerificationError"}, "tls", "the certificate is expired, for another host, or signed by a stranger"),
    ({"TimeoutError", "Timeout", "TimeoutStateError", "ReadTimeoutError", "ConnectTimeoutError"}, "timeout", ""),
    ({"SSLError"}, "tls", "no secure connection could be made"),
    ({"gaierror", "NameResolutionError"}, "dns", "the host name is not known"),
    ({"ConnectionRefusedError", "NewConnectionError"}, "refused", "the host does not take connections"),
    ({"DecodeError", "ContentDecodingError"}, "bad-encoding", "the body is not in the encoding it claims"),
    ({"InvalidChunkLength"}, "bad-response", "a broken chunk"),
    ({"IncompleteRead"}, "truncated", "fewer bytes than announced"),
    ({"ConnectionError", "RemoteDisconnected"}, "connection-lost", "the connection broke off"),
    ({"InvalidURL", "MissingSchema", "InvalidSchema", "LocationParseError", "UnicodeError"}, "bad-url", ""),
)


def _causes(error: BaseException) -> Iterable[BaseException]:
    """An exception with everything it wraps, as cause, context or argument."""
    waiting, seen = [error], set()
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        wrapped = [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]
        waiting += [inner for inner in wrapped if isinstance(inner, BaseException)]
