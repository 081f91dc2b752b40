"""From named photos to pixels: addresses fetched ahead, files decoded in limited child processes, order kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from lookalike.bundle.bundle import Decoded, Reader
from lookalike.errors import UnusablePhoto
from lookalike.photos.decode import Pool
from lookalike.predict.photos import Named, Source
from lookalike.settings.fields import NetworkSettings

FETCH_AHEAD = 8


def decoded(pool: Pool, named: Iterable[Named], reader: Reader, sources: deque[Source]) -> Iterator[Decoded]:
    """Each photo's pixels or the reason there are none; `sources` gets where each came from, in the same order.

    The first photos are being decoded when this returns.
    """
    answers = pool.map("lookalike.bundle.bundle:read_named", ((name, source, reader) for name, source in named))
    return _noting(answers, sources)


def _noting(answers: Iterable[tuple[tuple[str, Source, Reader], Any]], sources: deque[Source]) -> Iterator[Decoded]:
    for (name, source, _), pixels in answers:
        sources.append(source)
        yield name, pixels


def fetched(named: Iterable[Named], network: NetworkSettings) -> Iterator[Named]:
    """The same photos with each address replaced by its bytes, a few of them on their way at a time."""
    fetcher = _Fetcher(network)
    waiting: deque[tuple[str, Source | Future[bytes | UnusablePhoto]]] = deque()
    try:
        for name, source in named:
            waiting.append((name, fetcher.start(source) if isinstance(source, str) else source))
            while waiting and (len(waiting) > FETCH_AHEAD or not isinstance(waiting[0][1], Future)):
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())
    finally:
        fetcher.close()


def _finished(name: str, source: Source | Future[bytes | UnusablePhoto]) -> Named:
    return name, source.result() if isinstance(source, Future) else source


class _Fetcher:
    """The network, loaded only when the first address turns up."""

    def __init__(self, network: NetworkSettings) -> None:
        self.network = network
        self.threads: ThreadPoolExecutor | None = None

    def start(self, address: str) -> Future[bytes | UnusablePhoto]:
        if not self.threads:
            from lookalike.net.client import Client

            self.client = Client(self.network)
            self.threads = ThreadPoolExecutor(FETCH_AHEAD, thread_name_prefix="fetch")
        return self.threads.submit(self._fetch, address)

    def _fetch(self, address: str) -> bytes | UnusablePhoto:
        try:
            return self.client.get(address).content
        except UnusablePhoto as error:
            return error

    def close(self) -> None:
        if self.threads:
            self.threads.shutdown(wait=False, cancel_futures=True)
