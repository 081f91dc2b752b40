"""One run of gather: names in, photos and their lines out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from lookalike.config import Settings
from lookalike.decode import Pool
from lookalike.errors import ConfigError, NetworkError, NotReadyError, UnusablePhoto
from lookalike.gather import history, labels
from lookalike.gather.api import Api
from lookalike.gather.crew import FULL, Crew, Wanted
from lookalike.gather.looks import Looks
from lookalike.gather.providers.base import OUTCOMES
from lookalike.gather.result import Gathered, LabelResult
from lookalike.gather.search import Candidate, Search
from lookalike.gather.store import Store
from lookalike.http import Client
from lookalike.manifest import Manifest
from lookalike.project import Project
from lookalike.report import Reporter

DEFAULT_COUNT = 150
LOCK_WAIT = 600.0


class Gathering:
    """Everything one run holds: set up, `fetch`, `result`."""

    def __init__(self, project: Project, settings: Settings, names: list[str], report: Reporter) -> None:
        self.project, self.settings, self.report = project, settings, report
        self.api = Api(settings, project.cache / "search")
        self.search = Search(settings, os.environ, self.api)
        self.manifest = Manifest(project.images)
        chosen = list(dict.fromkeys(names)) or self.search.labels() or self._labels_before()
        self.names = labels.check(chosen)
        base = labels.base(project)
        self.folders = {label: base / label for label in self.names.values()}
        labels.make_ready(project, self.folders.values())

    def _labels_before(self) -> list[str]:
        seen = list(dict.fromkeys(record.label for record in self.manifest.records()))
        if not seen:
            raise ConfigError("no name is given", 'for example: lookalike gather "grizzly bear" "black bear"')
        return seen

    def fetch(self) -> None:
        """Fetch what is missing. Raises NotReadyError when the disk is full, after keeping what was done."""
        gather = self.settings.gather
        past = history.read(self.project, self.manifest, retry_failed=gather.retry_failed)
        self.store = Store(self.project, self.manifest, past, self.folders)
        count = gather.count or DEFAULT_COUNT
        whole = [provider.whole for provider in self.search.providers]
        take_all, self.all_of_it = gather.count is None and any(whole), gather.count is None and all(whole)
        self.wanted = [
            Wanted(label, count, past.had.get(label, 0), self.search.candidates(name, label, count), take_all=take_all)
            for name, label in self.names.items()
        ]
        with ExitStack() as stack:
            look = _decoder(stack.enter_context(Pool()))
            is_settled = lambda label, address: (label, address) in past.settled  # noqa: E731
            crew = Crew(gather, Client(self.settings.network), self.store, look, is_settled)
            lacking = sum(max(0, label.lacking) for label in self.wanted)
            progress = stack.enter_context(self.report.task("photos", None if take_all else lacking))
            try:
                crew.run(self.wanted, progress, self._count)
            except OSError as error:
                if error.errno not in FULL:
                    raise
                missing = sum(max(0, label.wanted - label.total) for label in self.wanted)
                raise NotReadyError(
                    f"the disk is full ({error.strerror}): {missing} photos are still missing",
                    "free some space and run the same command again",
                    result=self.result(),
                ) from None

    def _count(self, candidate: Candidate, label: str) -> None:
        self.search.outcomes[candidate.provider, label].saved += 1

    def result(self) -> Gathered:
        """What was done so far."""
        return Gathered(
            images=str(self.project.images),
            labels=tuple(
                LabelResult(
                    w.label,
                    None if self.all_of_it else w.wanted,
                    w.found,
                    w.known,
                    w.saved,
                    w.total,
                    dict(w.reasons.most_common()),
                )
                for w in self.wanted
            ),
            outcomes=tuple(self.search.outcomes.values()),
            calls=dict(self.api.calls),
            conflicts=tuple(self.store.conflicts),
            placeholders=tuple(self.store.placeholders),
        )

    def judge(self, result: Gathered) -> None:
        """Raise NetworkError when a label has too few photos to be of use."""
        least = min(self.settings.gather.min_per_label, self.settings.gather.count or DEFAULT_COUNT)
        short = [row for row in result.labels if row.total < least]
        if not short:
            return
        counts = ", ".join(f"{row.label} {row.total}" for row in short)
        raise NetworkError(f"too few photos ({least} needed): {counts}", self._way_on(), result=result)

    def _way_on(self) -> str:
        """What to do about it: the first provider's reason tells."""
        for outcome in self.search.outcomes.values():
            if outcome.reason not in ("enough", "exhausted", "no-hits"):
                return f"{outcome.provider}: {OUTCOMES.get(outcome.reason, outcome.reason)}. {outcome.detail}".strip()
        return "try other words with --query, or more places with --provider a,b,c"


def gather(project: Project, settings: Settings, names: list[str], report: Reporter) -> Gathered:
    """Search, fetch, keep and report; see `lookalike.gather.run`."""
    gathering = Gathering(project, settings, names, report)
    with waiting_lock(gathering.manifest, report):
        gathering.fetch()
        result = gathering.result()
    gathering.judge(result)
    return result


@contextmanager
def waiting_lock(manifest: Manifest, report: Reporter) -> Iterator[None]:
    """Hold the data set; when another command does, say so and wait for its end."""
    with ExitStack() as stack:
        try:
            stack.enter_context(manifest.lock())
        except NotReadyError as error:
            report.note(f"{error.message}; waiting for its end")
            stack.enter_context(manifest.lock(LOCK_WAIT))
        yield


def _decoder(pool: Pool) -> Callable[[bytes], Looks]:
    def look(content: bytes) -> Looks:
        answer = pool.call("lookalike.gather.looks:look", content)
        if isinstance(answer, UnusablePhoto):
            raise answer
        return Looks(*answer)

    return look
