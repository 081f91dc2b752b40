"""One run of gather: names in, photos and their lines out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lookalike.errors import ConfigError, MissingExtraError, NetworkError, NotReadyError, UnusablePhoto
from lookalike.gather import again, attribution, history, labels, sheet
from lookalike.gather.api import Api
from lookalike.gather.crew import FULL, Crew
from lookalike.gather.providers.base import in_words
from lookalike.gather.result import Gathered, LabelResult, Lost
from lookalike.gather.search import Candidate, Search
from lookalike.gather.store import Store
from lookalike.gather.wanted import Wanted
from lookalike.net.client import Client
from lookalike.photos.decode import Pool
from lookalike.photos.whole import Decoded
from lookalike.project import layout
from lookalike.project.manifest import Manifest
from lookalike.project.paths import Project
from lookalike.report import Reporter
from lookalike.settings.fields import Settings
from lookalike.text import counted

DEFAULT_COUNT = 150
LOCK_WAIT = 600.0


class Gathering:
    """Everything one run holds: set up, `fetch`, `result`.

    Candidates come from a search, or are `given` by a manifest: those that failed, or those of a set to rebuild.
    """

    def __init__(
        self, project: Project, settings: Settings, names: list[str], rebuild: Path | None, report: Reporter
    ) -> None:
        self.project, self.settings, self.report = project, settings, report
        self.manifest = Manifest(project.images)
        self.api = Api(settings, project.cache / "search", report=report)
        self.given, self.search = self._sources(rebuild, names)
        base = layout.base(project.images)
        self.names, self.refused = labels.sort_out(dict.fromkeys(names) or self._labels_known(), base)
        if self.refused and (names or not self.names):
            raise next(iter(self.refused.values()))  # typed, or all there is; of a list, a few cost only their rows
        self.folders = {label: base / label for label in self.names.values()}
        labels.make_ready(project, self.folders.values())
        self._tell_terms()
        self.wanted: list[Wanted] = []

    def _sources(
        self, rebuild: Path | None, names: list[str]
    ) -> tuple[dict[str, list[Candidate]] | None, Search | None]:
        if rebuild:
            return again.rebuilding(rebuild, self.settings.gather.source), None
        if self.settings.gather.retry_failed:
            return again.failed(self.manifest, self.settings.gather.source), None
        return None, Search(self.settings, os.environ, self.api, names)

    def _tell_terms(self) -> None:
        """Say once what the terms of a restricted provider are, and that services like to know whom to write to."""
        providers = self.search.providers if self.search else []
        for provider in providers:
            if provider.restricted:
                self.report.note(f"{provider.name}: {provider.terms}")
            if (why := getattr(provider, "contact", "")) and not self.settings.network.contact:
                self.report.note(f"set LOOKALIKE_NETWORK_CONTACT to your e-mail or page: {why}")

    def _labels_known(self) -> list[str]:
        """Without names: all that are given, that the providers have, or that earlier runs had."""
        if self.given is not None:
            known = list(self.given)
        else:
            known = self.search.labels() if self.search else []
            past = (record.label for record in self.manifest.records() if record.reason != "bad-label")
            known = known or list(dict.fromkeys(past))
        if not known and self.given is not None:
            raise NotReadyError("there is nothing to fetch again", "run `lookalike gather NAME NAME`")
        if not known:
            raise ConfigError(*self._unnamed())
        return known

    def _unnamed(self) -> tuple[str, str]:
        """What to say where nothing has a name."""
        for provider in self.search.providers if self.search else []:
            if told := getattr(provider, "unnamed", None):
                return told
        return "no name is given", 'for example: lookalike gather "grizzly bear" "black bear"'

    def _plan(self, past: history.History) -> list[Wanted]:
        """What is wanted of each label, and where its candidates come from."""
        count = self.settings.gather.count
        plan = []
        for name, label in self.names.items():
            had, wanted = past.had.get(label, 0), count or DEFAULT_COUNT
            if self.search:
                take_all = count is None and any(provider.whole for provider in self.search.providers)
            else:
                take_all = count is None and any(item.whole for item in (self.given or {}).get(name, []))
            plan.append(Wanted(label, wanted, had, self._candidates(name, label, wanted), take_all=take_all))
        return plan

    def _candidates(self, name: str, label: str, wanted: int) -> Iterator[Candidate]:
        """What may become photos of a name: what is found, or what a manifest gives."""
        return self.search.candidates(name, label, wanted) if self.search else iter((self.given or {}).get(name, []))

    def _refuse(self, crew: Crew) -> Iterator[Wanted]:
        """The rows of a list whose label can't have a folder are counted, each with the reason."""
        for name, why in self.refused.items():
            wanted = Wanted(name, 0, 0, self._candidates(name, name, 0))
            crew.refuse(wanted, UnusablePhoto("bad-label", why.message))
            yield wanted

    @property
    def all_of_it(self) -> bool:
        """Whether there is no number to reach: everything in a list, a folder or a manifest is wanted."""
        if self.settings.gather.count is not None:
            return False
        return all(provider.whole for provider in self.search.providers) if self.search else True

    def fetch(self) -> dict[str, str]:
        """Fetch what is missing; returns the other files that were written, by what they are.

        Raises NotReadyError when the disk is full, after keeping what was done.
        """
        gather = self.settings.gather
        labels.sweep([self.project.images, *self.folders.values()])
        self.past = past = history.read(self.project, self.manifest, gather, retry_failed=self.given is not None)
        self.store = Store(self.project, self.manifest, past, self.folders)
        self.wanted = self._plan(past)
        with ExitStack() as stack:
            pool = stack.enter_context(Pool())
            is_settled = lambda label, address: (label, address) in past.settled  # noqa: E731
            crew = Crew(gather, Client(self.settings.network), self.store, _decoder(pool), is_settled)
            self.wanted += self._refuse(crew)
            lacking = sum(max(0, wanted.lacking) for wanted in self.wanted)
            progress = stack.enter_context(self.report.task("photos", None if self.all_of_it else lacking))
            try:
                crew.run(self.wanted, progress, self._count)
            except OSError as error:
                if error.errno not in FULL:
                    raise
                raise self._disk_full(error) from None
            return self._extras(pool)

    def _disk_full(self, error: OSError) -> NotReadyError:
        missing = sum(max(0, wanted.goal - wanted.total) for wanted in self.wanted)
        return NotReadyError(
            f"the disk is full ({error.strerror}): still missing: {counted(missing, 'photo')}",
            "free some space and run the same command again",
            result=self.result({}),
        )

    def _extras(self, pool: Pool) -> dict[str, str]:
        written = {"attribution": attribution.write(self.project.images, self.manifest)}
        if self.settings.gather.sheet:
            files = {wanted.label: wanted.files for wanted in self.wanted}
            written["contact sheet"] = sheet.write(self.project.root / sheet.NAME, self.project.images, files, pool)
        return {what: str(path) for what, path in written.items() if path}

    def _count(self, candidate: Candidate, label: str) -> None:
        if self.search:
            self.search.outcomes[candidate.provider, label].saved += 1

    def result(self, files: dict[str, str]) -> Gathered:
        """Counts so far, also when the run is stopped in the middle."""
        providers = self.search.providers if self.search else []
        return Gathered(
            images=str(self.project.images),
            labels=tuple(self._label(item) for item in self.wanted),
            outcomes=tuple(self.search.outcomes.values()) if self.search else (),
            calls=dict(self.api.calls),
            conflicts=tuple(self.store.conflicts),
            placeholders=tuple(self.store.placeholders),
            lost=tuple(Lost(r.label, r.file, r.image_url, r.reason) for item in self.wanted for r in item.lost),
            files=files,
            passed=self.past.passed,
            source_passed=tuple(item for provider in providers for item in getattr(provider, "passed", ())),
        )

    def _label(self, item: Wanted) -> LabelResult:
        wanted = None if self.all_of_it else item.goal
        reasons = dict(item.reasons.most_common())
        return LabelResult(item.label, wanted, item.found, item.known, item.saved, item.total, reasons)

    def judge(self, result: Gathered) -> None:
        """Raise NetworkError when a label has too few photos to be of use, MissingExtraError when that is why."""
        least = min(self.settings.gather.min_per_label, self.settings.gather.count or DEFAULT_COUNT)
        short = [row for row in result.labels if row.total < least and row.label not in self.refused]
        if not short:
            return
        counts = ", ".join(f"{row.label} {row.total}" for row in short)
        outcomes = self.search.outcomes.values() if self.search else ()
        lacking = outcomes and all(outcome.reason == "no-extra" for outcome in outcomes)
        kind = MissingExtraError if lacking else NetworkError
        raise kind(f"too few photos ({least} needed): {counts}", self._way_on(), result=result)

    def _way_on(self) -> str:
        """What to do about it: the first provider's reason tells."""
        outcomes = list(self.search.outcomes.values()) if self.search else []
        if outcomes and all(outcome.reason == "unreachable" for outcome in outcomes):
            return f"no network? no provider could be reached: {outcomes[0].detail}; run the same command to try again"
        for outcome in outcomes:
            if outcome.reason not in ("enough", "exhausted", "no-hits"):
                return f"{outcome.provider}: {in_words(outcome.reason, outcome.detail)}"
        return "try other words with --query, or more places with --provider a,b,c"


def gather(project: Project, settings: Settings, names: list[str], rebuild: Path | None, report: Reporter) -> Gathered:
    """Search, fetch, keep and report; see `lookalike.gather.run`."""
    gathering = Gathering(project, settings, names, rebuild, report)
    with waiting_lock(gathering.manifest, report):
        result = gathering.result(gathering.fetch())
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


def _decoder(pool: Pool) -> Callable[[bytes], Decoded]:
    def decode(content: bytes) -> Decoded:
        answer = pool.call("lookalike.photos.whole:decode", content)
        if isinstance(answer, UnusablePhoto):
            raise answer
        return Decoded(*answer)

    return decode
