"""What every page served from this computer needs: checks on each request, safe paths, and a running server.

A page on another site can send requests to a local server, and a name on the Internet can be made to point to this
computer. So `RequestGuard` answers only requests that name this server as their host; changes must come from its own
pages (Origin, Sec-Fetch-Site) and carry its token; bodies are capped in size and time. Layer: below the steps.

    app = RequestGuard(Starlette(routes=…), hosts=own_hosts(host, port), token=new_token(), max_body=20_000_000)
    run(app, sock, report=report)
"""

from __future__ import annotations

import asyncio
import errno
import hmac
import re
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException

from lookalike.errors import ConfigError
from lookalike.project.names import OutsideError, inside
from lookalike.text import host_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TOKEN_HEADER = "x-lookalike-token"  # noqa: S105 - a header's name
COOKIE = "lookalike"
_HOST = re.compile(r"[a-z0-9.:\[\]-]{1,255}").fullmatch
LOCAL = ("127.0.0.1", "localhost", "[::1]")
NOT_OURS = errno.EADDRNOTAVAIL
READING = ("GET", "HEAD", "OPTIONS")
BODY_SECONDS = 30.0
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


def new_token() -> str:
    """A secret for one run of a server."""
    return secrets.token_urlsafe(24)


def own_hosts(host: str, port: int, more: Iterable[str] = ()) -> frozenset[str]:
    """The values of the Host header that mean this server; `more` are those it has behind a proxy or another port."""
    names = {*LOCAL, f"[{host}]" if ":" in host else host}
    if host in ("0.0.0.0", "::"):  # noqa: S104 - asked for by the user
        names |= {socket.gethostname().lower(), *_addresses()}
    return frozenset(
        {f"{name}:{port}".lower() for name in names}
        | ({name.lower() for name in names} if port == 80 else set())
        | {host_of(name) for name in more}
    )


def _addresses() -> set[str]:
    try:
        return {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    except OSError:
        return set()


class RefusedError(HTTPException):
    """A request that is not answered: an HTTP status and one line; also when raised inside an application."""


class RequestGuard:
    """An ASGI application around another one that lets through only requests meant for it.

    `hosts` are the accepted Host headers. `token` guards changes (header x-lookalike-token); with `private`, it guards
    reading as well, and a first visit to /?token=… is remembered in a cookie that only this site gets. `max_body` is in
    bytes; a body that is larger, or takes longer than half a minute, is refused while it arrives. `flag` allows more
    hosts, and is named to whoever comes under another one.
    """

    def __init__(
        self,
        app: App,
        *,
        hosts: Iterable[str],
        token: str = "",
        private: bool = False,
        max_body: int = 1_000_000,
        policy: str = POLICY,
        flag: str = "",
    ) -> None:
        self.app = app
        self.hosts = frozenset(hosts)
        self.token = token
        self.private = private
        self.max_body = max_body
        self.flag = flag
        self.headers = [*HEADERS, (b"content-security-policy", policy.encode())]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request and pass it on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        begun = False

        async def reply(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [*message.get("headers", []), *self.headers]
            await send(message)

        try:
            headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
            self._check_sender(scope, headers)
            if self.private and scope["path"] == "/" and self._token_in_query(scope):
                await _remember(reply, _cookie_name(scope), self.token)
                return
            self._check_token(scope, headers)
            await self.app(scope, self._capped(headers, receive), reply)
        except RefusedError as refusal:
            if not begun:
                await _answer(reply, refusal.status_code, refusal.detail)

    def _check_sender(self, scope: Scope, headers: dict[str, str]) -> None:
        if sum(key == b"host" for key, _ in scope["headers"]) != 1:
            raise RefusedError(403, "this server answers only under its own address")
        if (host := headers["host"].lower()) not in self.hosts:
            raise RefusedError(403, f"this server answers only under its own address{self._way(host)}")
        origin = headers.get("origin")
        if origin is not None and (site := host_of(origin)) not in self.hosts:
            raise RefusedError(403, f"requests from other sites are refused{self._way(site)}")
        if headers.get("sec-fetch-site") == "cross-site" and scope["method"] not in READING:
            raise RefusedError(403, "requests from other sites are refused")

    def _way(self, host: str) -> str:
        """What to type for a server that is meant to be reached as `host`."""
        is_host = _HOST(host) and host != "null"  # what a page sends that is of no site
        return f"; if it is meant to be {host}, start it with {self.flag} {host}" if self.flag and is_host else ""

    def _check_token(self, scope: Scope, headers: dict[str, str]) -> None:
        if not self.token:
            return
        changing = scope["method"] not in READING
        given = headers.get(TOKEN_HEADER, "")
        if not changing and self.private and not given:
            given = _cookie(headers.get("cookie", ""), _cookie_name(scope))
        if (changing or self.private) and not _same(given, self.token):
            raise RefusedError(403, "the token is missing or wrong; open the address that the command printed")

    def _token_in_query(self, scope: Scope) -> bool:
        values = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])
        return _same(values[0], self.token)

    def _capped(self, headers: dict[str, str], receive: Receive) -> Receive:
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.max_body:
            raise RefusedError(413, f"at most {self.max_body:,} bytes are accepted")
        left, deadline = self.max_body, asyncio.get_running_loop().time() + BODY_SECONDS
        complete = False

        async def take() -> Message:
            nonlocal left, complete
            if complete:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise RefusedError(408, "the request took too long to arrive") from None
            left -= len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if left < 0:
                raise RefusedError(413, f"at most {self.max_body:,} bytes are accepted")
            return message

        return take


def require_token(headers: Mapping[str, str], token: str) -> None:
    """Raise RefusedError unless a request carries the token of the page: for changes where reading needs none."""
    if not _same(headers.get(TOKEN_HEADER, ""), token):
        raise RefusedError(403, "the token is missing or wrong; reload the page")


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("latin-1", "replace"), token.encode())


def _cookie_name(scope: Scope) -> str:
    """Cookies are shared by all ports of a host, so the name tells servers apart."""
    server = scope.get("server")
    return f"{COOKIE}-{server[1] if server else 0}"


def _cookie(header: str, name: str) -> str:
    try:
        morsel = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


async def _answer(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


async def _remember(send: Send, name: str, token: str) -> None:
    """Keep the token in a cookie and take it out of the address bar."""
    cookie = f"{name}={token}; HttpOnly; SameSite=Strict; Path=/".encode()
    headers = [(b"location", b"/"), (b"set-cookie", cookie), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def safe_path(root: Path, name: str) -> Path | None:
    """The regular file `name` below `root`, or None when there is none or the name tries to leave.

    Refused is what `inside` refuses, and a file that is a link itself.
    """
    try:
        path = inside(root, name, parts=1)
        return path if path.is_file() and not path.is_symlink() else None
    except (OutsideError, OSError):
        return None


def listen(host: str, port: int, command: str = "lookalike serve") -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises ConfigError when the address cannot be had; its hint is the `command` with another port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(128)
    except (OSError, UnicodeError) as error:  # a name may be none at all
        sock.close()
        reason = getattr(error, "strerror", None) or str(error)
        elsewhere = isinstance(error, (socket.gaierror, UnicodeError)) or getattr(error, "errno", 0) == NOT_OURS
        hint = "name an address of this computer" if elsewhere else f"take a free one: {command} --port 0"
        raise ConfigError(f"cannot listen on {host} port {port}: {reason}", hint) from None
    return sock


def address(sock: socket.socket) -> str:
    """The http:// address of a listening socket, as a person would type it."""
    host, port = sock.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - only compared
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(app: App, sock: socket.socket) -> None:
    """Serve until Ctrl-C or a termination signal; requests under way get a moment to end."""
    try:
        import uvicorn

        from lookalike.web.limits import Limited

        options = uvicorn.Config(
            app, log_level="critical", access_log=False, lifespan="off", server_header=False, timeout_keep_alive=10,
            timeout_graceful_shutdown=2, h11_max_incomplete_event_size=65_536, http=Limited, ws="none",
            limit_concurrency=256,
        )  # fmt: skip
        _end_with_the_terminal()
        uvicorn.Server(options).run(sockets=[sock])
    except KeyboardInterrupt:
        return
    finally:
        sock.close()


def _end_with_the_terminal() -> None:
    """Have a closed terminal end the server as a termination signal does, which uvicorn expects: an exception from
    anywhere in its loop may leave it hanging."""
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.default_int_handler:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
