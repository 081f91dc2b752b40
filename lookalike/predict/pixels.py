"""From named photos to pixels: addresses fetched ahead, files decoded in limited child processes, order kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lookalike.bundle.bundle import Decoded, Reader
from lookalike.errors import UnusablePhoto
from lookalike.photos.decode import Pool
from lookalike.predict import stores
from lookalike.predict.photos import Named, Source
from lookalike.settings.fields import NetworkSettings

if TYPE_CHECKING:
    from lookalike.net.client import Client

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

    @cached_property
    def client(self) -> Client:
        from lookalike.net.client import Client

        return Client(self.network)

    def start(self, address: str) -> Future[bytes | UnusablePhoto]:
        if not self.threads:
            self.threads = ThreadPoolExecutor(FETCH_AHEAD, thread_name_prefix="fetch")
        if stores.is_store(address):
            return self.threads.submit(_outcome, lambda: stores.read(address, self.network.max_bytes))
        client = self.client  # made here: threads might make several
        return self.threads.submit(_outcome, lambda: client.get(address).content)

    def close(self) -> None:
        if self.threads:
            self.threads.shutdown(wait=False, cancel_futures=True)


def _outcome(read: Callable[[], bytes]) -> bytes | UnusablePhoto:
    try:
        return read()
    except UnusablePhoto as error:
        return error
