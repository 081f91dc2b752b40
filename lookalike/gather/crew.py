"""The threads that fetch, and the loop that keeps them busy: a label gets as many tries at once as it lacks photos."""

from __future__ import annotations

import errno
import hashlib
import queue
import random
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from lookalike.errors import UnusablePhoto
from lookalike.gather.fetch import Decode, Fetched, download, verify
from lookalike.gather.hosts import Hosts
from lookalike.gather.providers.base import Hit
from lookalike.gather.robots import Robots
from lookalike.gather.search import Candidate, connections
from lookalike.gather.store import Store
from lookalike.gather.wanted import Errand, Wanted
from lookalike.net.client import Body, Client, FetchError, may_recover
from lookalike.project.records import ImageRecord
from lookalike.report import Task as ProgressTask
from lookalike.settings.fields import GatherSettings

TRIES = {"timeout": 2, "dns": 1, "host-down": 1, "rate-limited": 1}
USUAL_TRIES = 3
LONGEST_WAIT = 30.0
DECODING = 4
"""Threads beyond the number of downloads: they wait for a decoder while others already fetch."""

QUEUED = 1024
SHOWN = 60
"""New files of a label that are remembered for the contact sheet."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})

OnSaved = Callable[[Candidate, str], None]


class Crew:
    """Threads for `settings.jobs` downloads at the same time. Use once."""

    def __init__(
        self,
        settings: GatherSettings,
        client: Client,
        store: Store,
        decode: Decode,
        is_settled: Callable[[str, str], bool],
    ) -> None:
        self.settings, self.client, self.store, self.decode = settings, client, store, decode
        self.is_settled = is_settled
        self.robots = Robots(client) if settings.robots else None
        self.hosts: Hosts[Errand] = Hosts(
            settings.jobs, settings.per_host, settings.pause, client.guard.lists_url, limits=connections()
        )
        self.finished: queue.SimpleQueue[tuple[Errand, ImageRecord] | BaseException] = queue.SimpleQueue()
        self.stopping = threading.Event()
        self.outstanding = 0
        self.next_look = 0.0

    def run(self, plan: list[Wanted], progress: ProgressTask, on_saved: OnSaved) -> None:
        """Fetch until each label has what it wants or its providers have no more. Raises OSError on a full disk."""
        number = self.settings.jobs + DECODING
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(number)]
        for thread in threads:
            thread.start()
        try:
            while True:
                self._count_late(plan)
                self._feed(plan)
                if not self.outstanding or all(wanted.complete for wanted in plan):
                    return self._abandon(plan)
                self._take_in(progress, on_saved, plan)
        finally:
            self.stopping.set()
            self.hosts.close()
            self.store.close()
            for thread in threads:
                thread.join(0 if self.outstanding else 1)

    def _count_late(self, plan: list[Wanted]) -> None:
        """Once a second, see which errands take so long that others are started in their place."""
        now = self.hosts.clock()
        if now < self.next_look:
            return
        self.next_look, limit = now + 1, now - self.settings.patience
        for wanted in plan:
            wanted.late = sum(1 for errand in wanted.errands if errand.since and errand.since < limit)

    def _abandon(self, plan: list[Wanted]) -> None:
        """Nothing is kept from here on. What was still being fetched gets its line; what was just kept is counted."""
        self.stopping.set()
        self.store.close()
        for errand in [errand for wanted in plan for errand in wanted.errands if errand.since]:
            wanted = errand.wanted
            if (wanted.label, errand.address) in self.store.kept:
                wanted.saved += 1
            else:
                wanted.reasons["abandoned"] += 1
                self.store.abandon(wanted.label, errand.candidate, errand.address)

    def _feed(self, plan: list[Wanted]) -> None:
        """Start what is lacking, one candidate of each label in turn."""
        busy = True
        while busy and self.outstanding < QUEUED:
            busy = False
            for wanted in plan:
                candidate = self._next(wanted)
                if candidate is not None:
                    busy = True
                    self._start(wanted, candidate)

    def _next(self, wanted: Wanted) -> Candidate | None:
        """The next candidate worth fetching; None when the label has enough under way, or no more are found."""
        while not wanted.ended and (wanted.lacking > 0 or (wanted.take_all and wanted.held is None)):
            candidate = wanted.held or next(wanted.source, None)
            wanted.held = None
            if candidate is None:
                wanted.ended = True
                return None
            if wanted.lacking <= 0 and not candidate.whole:
                wanted.held = candidate
                return None
            if candidate.hit.address in wanted.started:
                continue
            wanted.started.add(candidate.hit.address)
            wanted.found += 1
            if fault := candidate.hit.fault:
                self._note(wanted, candidate, fault)
            elif not self.is_settled(wanted.label, candidate.hit.address):
                return candidate
            else:
                wanted.known += 1
        return None

    def refuse(self, wanted: Wanted, fault: UnusablePhoto) -> None:
        """Give every candidate of a label its line with a fault that all of them share."""
        for candidate in wanted.source:
            wanted.found += 1
            self._note(wanted, candidate, candidate.hit.fault or fault)
        wanted.ended = True

    def _note(self, wanted: Wanted, candidate: Candidate, fault: UnusablePhoto) -> None:
        """A candidate that makes no sense gets its line, once."""
        address = candidate.hit.address
        if self.is_settled(wanted.label, address):
            wanted.known += 1
        else:
            wanted.reasons[fault.reason] += 1
            self.store.miss(wanted.label, candidate, address, fault.reason, fault.detail)

    def _start(self, wanted: Wanted, candidate: Candidate) -> None:
        wanted.flying += 1
        self.outstanding += 1
        errand = Errand(wanted, candidate, candidate.hit.address, deque(candidate.hit.alternatives))
        wanted.errands.add(errand)
        self.hosts.add("" if candidate.hit.content else errand.address, errand)

    def _take_in(self, progress: ProgressTask, on_saved: OnSaved, plan: list[Wanted]) -> None:
        """Wait for one errand to end and count it, then all others that have ended meanwhile."""
        try:
            item = self.finished.get(timeout=1)
        except queue.Empty:
            return  # time to see who is late
        while True:
            if isinstance(item, BaseException):
                raise item
            errand, record = item
            wanted = errand.wanted
            wanted.flying -= 1
            wanted.errands.discard(errand)
            self.outstanding -= 1
            if record.status == "ok":
                wanted.saved += 1
                if len(wanted.files) < SHOWN:
                    wanted.files.append(record.file)
                on_saved(errand.candidate, wanted.label)
            else:
                wanted.reasons[record.reason] += 1
                if errand.candidate.hit.sha256 and record.status != "duplicate":
                    wanted.lost.append(replace(record, file=errand.candidate.hit.place))
            progress.advance(int(record.status == "ok"), _status(plan))
            try:
                item = self.finished.get_nowait()
            except queue.Empty:
                break
        for name, count in self.store.take_withdrawn().items():
            for wanted in plan:
                wanted.withdrawn += count if wanted.label == name else 0

    def _work(self) -> None:
        while (taken := self.hosts.take()) is not None:
            url, errand = taken
            errand.since = errand.since or self.hosts.clock()
            try:
                record = self._attempt(url, errand)
            except BaseException as error:
                self.finished.put(error)
                return
            if record is not None and not self.stopping.is_set():
                self.finished.put((errand, record))

    def _attempt(self, url: str, errand: Errand) -> ImageRecord | None:
        """One try. Returns the line it ended with, or None when it is to be tried again."""
        label, candidate = errand.wanted.label, errand.candidate
        errand.tries += 1
        try:
            if candidate.hit.content is not None:
                photo = self._from_here(url, candidate.hit)
            else:
                body = self._from_web(url)
                least = 1 if candidate.hit.sha256 else self.settings.min_size
                photo = verify(body, min_size=least, decode=self.decode, sha256=candidate.hit.sha256)
            return self.store.keep(label, candidate, errand.address, photo)
        except UnusablePhoto as error:
            if self.stopping.is_set() or self._again(url, errand, error):
                return None
            why = errand.fault if errand.fault and error.reason == "host-down" else error
            record = self.store.miss(label, candidate, errand.address, why.reason, why.detail)
            return None if self._elsewhere(errand) else record

    def _from_here(self, url: str, hit: Hit) -> Fetched:
        """A photo of this machine, of any size, as long as it is one."""
        try:
            content = hit.content() if hit.content else b""
        except OSError as error:
            raise UnusablePhoto("no-access", error.strerror or type(error).__name__) from None
        finally:
            self.hosts.done(url, failed=False)
        if hit.sha256 and hashlib.sha256(content).hexdigest() != hit.sha256:
            raise UnusablePhoto("changed", "the file has other bytes now")
        return Fetched(content, self.decode(content))

    def _from_web(self, url: str) -> Body:
        """A download. The connection is free for the next one before this one is decoded."""
        failed, began = False, self.hosts.clock()
        try:
            if reason := self.hosts.why_not(url):
                raise FetchError(reason)
            if self.robots:
                self.robots.check(url)
            return download(self.client, url, honour_opt_out=self.settings.opt_out)
        except FetchError as error:
            failed = may_recover(error.reason) and error.reason not in ("rate-limited", "http-429")
            raise
        finally:
            self.hosts.done(url, failed=failed, began=began)

    def _again(self, url: str, errand: Errand, error: UnusablePhoto) -> bool:
        """Queue the same address once more when that may help; a host that asks for a long pause gets it."""
        asked = error.retry_after if isinstance(error, FetchError) else None
        if asked is not None and asked > LONGEST_WAIT:
            self.hosts.park(url, asked)
            return False
        if not may_recover(error.reason) or errand.tries >= TRIES.get(error.reason, USUAL_TRIES):
            return False
        errand.fault = error
        delay = asked if asked is not None else random.uniform(0, min(8.0, 0.5 * 2**errand.tries))
        if asked is not None:
            self.hosts.hold(url, asked)
        self.hosts.add(url, errand, delay)
        return True

    def _elsewhere(self, errand: Errand) -> bool:
        """Go on with another address of the same photo, if there is one."""
        if not errand.left:
            return False
        errand.address, errand.tries, errand.fault = errand.left.popleft(), 0, None
        self.hosts.add(errand.address, errand)
        return True


def _status(plan: list[Wanted]) -> str:
    """Where each label is, or how many are complete when there are many."""
    if len(plan) <= 4:
        return " · ".join(f"{wanted.label} {wanted.total}/{wanted.goal}" for wanted in plan)
    return f"{sum(wanted.lacking + wanted.flying <= 0 for wanted in plan)} of {len(plan)} names complete"
