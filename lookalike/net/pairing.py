"""Each request gets its own answer: which connections are used again, and what counts as an answer.

On a connection that is kept open, an answer belongs to a request only by its place in line (RFC 9112, 9.3). One that
comes late or twice would be taken for the next one's. So answers that announce another one (1xx) are passed over, and
a connection is used again only after a plain answer, and soon: a server that gives up waiting says so on it, too.
"""

from __future__ import annotations

import http.client
import time
from http.client import HTTPException, HTTPResponse
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

IDLE_SECONDS = 4.0
"""Servers wait for another request on a connection for five seconds and more."""

MOST_INTERIM = 16
WITHOUT_BODY = frozenset({204, 205, 304})


class _Head:
    """The lines before a body, each of them whole: the standard library takes a head that is cut off for a short one,
    and what would have followed for an empty body."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readline(self, limit: int = -1) -> bytes:
        """The next line. Raises ConnectionError when the connection ends within the head."""
        line: bytes = self._file.readline(limit)
        if not line.endswith(b"\n") and len(line) != limit:
            raise ConnectionError("the connection ended within the head of an answer")
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class FinalResponse(HTTPResponse):
    """The final answer to a request, whatever was sent ahead of it (100, 102, 103 …)."""

    announced = False

    def _read_status(self) -> object:
        for _ in range(MOST_INTERIM):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 <= status < 200:
                return version, status, reason
            if status == http.client.SWITCHING_PROTOCOLS:
                raise HTTPException("another protocol instead of an answer")
            http.client.parse_headers(self.fp)
            self.announced = True
        raise HTTPException("no final answer")

    def begin(self) -> None:
        """Read status and headers; an answer that others may follow closes its connection."""
        file, self.fp = self.fp, _Head(self.fp)  # type: ignore[assignment]
        super().begin()
        self.fp = file
        lengths = self.headers.get_all("Content-Length") or []
        doubtful = len(set(lengths)) > 1 or (lengths and self.headers.get("Transfer-Encoding"))
        if self.announced or self.status in WITHOUT_BODY or doubtful:
            self.will_close = True
        if self.status == http.client.RESET_CONTENT and not self.chunked:
            self.length = 0  # the standard library knows this of 204 and 304 only


class _Fresh(HTTPConnectionPool):
    """Closes a connection that was left alone for too long instead of using it."""

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.left = time.monotonic()
        super()._put_conn(conn)

    def _get_conn(self, timeout: float | None = None) -> Any:
        conn = super()._get_conn(timeout)
        if time.monotonic() - getattr(conn, "left", float("inf")) > IDLE_SECONDS:
            conn.close()
        return conn


class Plain(HTTPConnection):
    """An http connection whose answers are read as `FinalResponse`."""

    response_class = FinalResponse


class Secure(HTTPSConnection):
    """The same with TLS."""

    response_class = FinalResponse


def pools(plain: type[Plain] = Plain, secure: type[Secure] = Secure) -> dict[str, type[HTTPConnectionPool]]:
    """What urllib3 makes its pools of, by scheme."""

    class PlainPool(_Fresh):
        ConnectionCls = plain

    class SecurePool(_Fresh, HTTPSConnectionPool):
        ConnectionCls = secure

    return {"http": PlainPool, "https": SecurePool}
