"""Who may be asked next: a few connections for each site, sites taken in turn, tired hosts left alone."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar
from urllib.parse import urlsplit

STRAIGHT_FAILURES = 5
"""After so many failures in a row a host is not asked again in this run."""

Task = TypeVar("Task")


class Hosts(Generic[Task]):
    """A queue of tasks for many threads.

    At most `at_once` run at the same time, at most `per_host` of them on one site, started `pause` seconds apart.
    `limits` has sites that allow fewer, over all their hosts. `free` tells addresses of
    hosts that need no such protection: those the user has listed.
    """

    def __init__(
        self,
        at_once: int,
        per_host: int,
        pause: float,
        free: Callable[[str], bool],
        clock: Callable[[], float] = time.monotonic,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        self.at_once, self.per_host, self.pause, self.free, self.clock = at_once, per_host, pause, free, clock
        self.limits = limits or {}
        self._waiting: OrderedDict[str, deque[tuple[str, Task]]] = OrderedDict()
        self._later: list[tuple[float, int, str, Task]] = []
        self._number = itertools.count()
        self._active: Counter[str] = Counter()
        self._next_start: dict[str, float] = {}
        self._failures: Counter[str] = Counter()
        self._answered: dict[str, float] = {}
        self._parked: dict[str, float] = {}
        self._changed = threading.Condition()
        self._running = 0
        self._closed = False

    def add(self, url: str, task: Task, delay: float = 0.0) -> None:
        """Queue a task for an address ("" needs none), to be started no sooner than `delay` seconds from now."""
        with self._changed:
            if delay > 0:
                heapq.heappush(self._later, (self.clock() + delay, next(self._number), url, task))
            else:
                self._waiting.setdefault(site(host(url)), deque()).append((url, task))
            self._changed.notify()

    def take(self) -> tuple[str, Task] | None:
        """The next task that may start, with its address; waits for one. None once the queue is closed."""
        with self._changed:
            while not self._closed:
                now = self.clock()
                while self._later and self._later[0][0] <= now:
                    _, _, url, task = heapq.heappop(self._later)
                    self._waiting.setdefault(site(host(url)), deque()).append((url, task))
                if (taken := self._pick(now)) is not None:
                    return taken
                self._changed.wait(self._until_next(now))
        return None

    def done(self, url: str, *, failed: bool, began: float = float("inf")) -> None:
        """The task is over and its connection free. A failure counts against the host, anything else clears it.

        A failure of a task that `began` before the host last answered another one does not count: a few slow
        addresses that time out together say nothing about the host.
        """
        name = _door(url)
        with self._changed:
            self._active[site(host(url))] -= 1
            self._running -= 1
            if not failed:
                self._failures[name], self._answered[name] = 0, self.clock()
            elif began > self._answered.get(name, 0.0):
                self._failures[name] += 1
            self._changed.notify_all()

    def park(self, url: str, seconds: float) -> None:
        """Leave a host alone for a while, as it asked."""
        with self._changed:
            self._parked[_door(url)] = self.clock() + seconds

    def hold(self, url: str, seconds: float) -> None:
        """Start nothing on a site for a while; what is queued for it waits."""
        with self._changed:
            self._next_start[site(host(url))] = self.clock() + seconds

    def why_not(self, url: str) -> str:
        """`host-down` or `rate-limited` when an address need not be tried now, else nothing."""
        name = _door(url)
        if self._parked.get(name, 0) > self.clock():
            return "rate-limited"
        return "host-down" if self._failures.get(name, 0) >= STRAIGHT_FAILURES else ""

    def close(self) -> None:
        """No task is given out any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _pick(self, now: float) -> tuple[str, Task] | None:
        if self._running >= self.at_once:
            return None
        for name, queue in self._waiting.items():
            url = queue[0][0]
            given_up = bool(self.why_not(url))
            if given_up or self._has_room(name, url, now):
                self._active[name] += 1
                self._running += 1
                if not given_up and not self.free(url):
                    self._next_start[name] = now + self.pause
                taken = queue.popleft()
                if queue:
                    self._waiting.move_to_end(name)
                else:
                    del self._waiting[name]
                return taken
        return None

    def _has_room(self, name: str, url: str, now: float) -> bool:
        if not name or self._next_start.get(name, 0) > now:
            return not name
        return self.free(url) or self._active[name] < self.limits.get(name, self.per_host)

    def _until_next(self, now: float) -> float | None:
        """Seconds until a task may start without another one ending; None when only an ending can help."""
        starts = [self._next_start.get(name, 0) for name in self._waiting]
        starts += [self._later[0][0]] if self._later else []
        coming = [start - now for start in starts if start > now]
        return min(coming) if coming else None


def host(url: str) -> str:
    """The host an address names, or nothing."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _door(url: str) -> str:
    """Host and port: what is down or asks for a pause."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def site(name: str) -> str:
    """The site a host belongs to: its last two names, or three below the likes of co.uk; an IP address is its own."""
    names = name.split(".")
    if len(names) <= 2 or names[-1].isdigit() or ":" in name:
        return name
    short = len(names[-1]) == 2 and len(names[-2]) <= 3
    return ".".join(names[-3 if short else -2 :])
