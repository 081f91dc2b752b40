"""Connections that keep room for others: who says nothing, or too slowly, is let go, the longest silent first.

uvicorn alone waits for ever for the rest of a request and for a visitor who doesn't read, and turns everybody away
once it has many connections; so a few hundred silent ones would lock everyone out.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS = 10.0
"""For the head of a request, from the moment of connecting or of the last answer."""
READING_SECONDS = 30.0
"""For a visitor to take something of an answer, however little."""
MOST_WAITING = 64
"""Connections without a complete request. When there are more, the one that began to wait first is closed."""


class Limited(H11Protocol):
    """uvicorn's HTTP/1.1 with these limits."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room, then wait for a request."""
        super().connection_made(transport)
        self._timer: asyncio.TimerHandle | None = None
        self._wait()
        waiting = [other for other in self.connections if isinstance(other, Limited) and other.waits]
        if len(waiting) > MOST_WAITING:
            min(waiting, key=lambda other: other.since).transport.abort()

    @property
    def waits(self) -> bool:
        """Whether no complete request has come: none yet, none since the last answer, or one without all its body."""
        return self._has_no_head or bool(self.cycle.more_body)

    @property
    def _has_no_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        self.since = self.loop.time()
        self._look_again(SECONDS)

    def _look_again(self, seconds: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._unread = self.transport.get_write_buffer_size()
        self._timer = self.loop.call_later(seconds, self._look)

    def _look(self) -> None:
        """Let go of a visitor who has taken nothing of what is there, or who has asked for nothing."""
        before, now = self._unread, self.transport.get_write_buffer_size()
        if now and (now < before or not before):
            self._look_again(READING_SECONDS)
        elif now or self._has_no_head:
            self.transport.abort()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._wait()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The visitor does not take the answer as fast as it is made."""
        super().pause_writing()
        self._look_again(READING_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)
