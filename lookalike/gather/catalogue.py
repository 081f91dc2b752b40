"""`lookalike providers`: where photos can come from, what each place asks for, and whether it answers now."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from lookalike import plugins
from lookalike.errors import ConfigError, NetworkError
from lookalike.gather.api import Api, redact
from lookalike.gather.providers.base import Query, Stop, in_words
from lookalike.project.paths import Project
from lookalike.report import SILENT, Block, Reporter, Table
from lookalike.settings.fields import Settings

WORDS = "cat"


@dataclass(frozen=True)
class Entry:
    """One provider. `answer` is empty unless it was asked.

    `key` is `none needed`, `found`, `optional`, `missing`, or `broken` where an installed package cannot be loaded.
    """

    name: str
    summary: str
    terms: str
    docs: str
    last_verified: str
    variables: tuple[str, ...]
    key: str
    answer: str = ""
    works: bool | None = None


@dataclass(frozen=True)
class Catalogue:
    """Every provider with what it asks for and, after --check, whether it answered."""

    kind: ClassVar[str] = "providers"
    entries: tuple[Entry, ...]

    def data(self) -> dict[str, object]:
        """The whole table in JSON types."""
        return {"providers": [asdict(entry) for entry in self.entries]}

    def show(self) -> Iterable[Block]:
        """A table with a row for each provider."""
        checked = any(entry.answer for entry in self.entries)
        columns = ("provider", "what", "key", *(("answer",) if checked else ()), "terms")
        rows = tuple((e.name, e.summary, _key(e), *((e.answer,) if checked else ()), e.terms) for e in self.entries)
        yield Table("", columns, rows)


def run(project: Project, settings: Settings, *, report: Reporter = SILENT) -> Catalogue:
    """The table of providers; with `--check`, each that can be asked is asked one question.

    Raises NetworkError, with the table, when none of those answers.
    """
    entries = [_describe(name, os.environ) for name in plugins.names("provider")]
    if settings.providers.check:
        with report.task("providers", len(entries)) as task:
            checked = []
            for entry in entries:
                checked.append(_check(entry, settings))
                task.advance(1, entry.name)
        entries = checked
    catalogue = Catalogue(tuple(entries))
    if settings.providers.check and not any(entry.works for entry in entries):
        raise NetworkError("no provider answers", "is there a network? A list of addresses works too", result=catalogue)
    return catalogue


def _describe(name: str, env: Mapping[str, str]) -> Entry:
    try:
        kind = plugins.find("provider", name)
    except ConfigError as error:
        return Entry(name, error.message, "", "", "", (), "broken")
    optional = tuple(getattr(kind, "optional_keys", ()))
    found = any(env.get(variable) for variable in (*kind.keys, *optional))
    key = "found" if found else "missing" if kind.keys else "optional" if optional else "none needed"
    return Entry(name, kind.summary, kind.terms, kind.docs, kind.last_verified, (*kind.keys, *optional), key)


def _key(entry: Entry) -> str:
    return f"{entry.key}: {entry.variables[0]}" if entry.key in ("missing", "optional") else entry.key


def _check(entry: Entry, settings: Settings) -> Entry:
    if entry.key == "broken":
        return entry
    kind = plugins.find("provider", entry.name)
    if kind.local or kind.whole or entry.key == "missing":
        return entry
    with TemporaryDirectory() as folder:  # a check must not be answered from the cache
        provider = kind(settings, os.environ, Api(settings, Path(folder), tries=1).ask)
        try:
            count = len(list(islice(provider.search(Query(WORDS, WORDS, safe=settings.gather.safe)), 10)))
            answer, works = f"works: {count} hits or more", True
        except Stop as stop:
            works = stop.reason == "exhausted"
            answer = in_words(stop.reason, redact(stop.detail, provider.secrets))
    return Entry(**{**asdict(entry), "answer": answer, "works": works})
