"""What `gather` hands back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import ClassVar

from lookalike.gather.providers.base import in_words
from lookalike.gather.reasons import meaning
from lookalike.gather.search import SearchOutcome
from lookalike.gather.store import Conflict
from lookalike.project.walk import Found, tell
from lookalike.report import Block, Table
from lookalike.text import counted

LISTED = 10
EXPLAINED = 4


@dataclass(frozen=True)
class LabelResult:
    """One label: photos wanted (None: all of a list or folder), found, saved now, and there in all.

    `reasons` counts why others were not saved; `known` of those found were settled by an earlier run.
    """

    label: str
    wanted: int | None
    found: int
    known: int
    saved: int
    total: int
    reasons: Mapping[str, int]


@dataclass(frozen=True)
class Lost:
    """A photo of a set to rebuild that its address no longer gives."""

    label: str
    file: str
    address: str
    reason: str


@dataclass(frozen=True)
class Gathered:
    """What a run of gather found, saved and passed over, label by label."""

    kind: ClassVar[str] = "gathered"
    images: str
    labels: tuple[LabelResult, ...]
    outcomes: tuple[SearchOutcome, ...]
    calls: Mapping[str, int]
    conflicts: tuple[Conflict, ...] = ()
    placeholders: tuple[str, ...] = ()
    lost: tuple[Lost, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    passed: tuple[Found, ...] = ()
    source_passed: tuple[Found, ...] = ()

    def data(self) -> dict[str, object]:
        """The whole result in JSON types."""
        return {
            "images": self.images,
            "saved": sum(label.saved for label in self.labels),
            "labels": [asdict(label) | {"reasons": dict(label.reasons)} for label in self.labels],
            "providers": [asdict(outcome) for outcome in self.outcomes],
            "calls": dict(self.calls),
            "conflicts": [asdict(conflict) for conflict in self.conflicts],
            "placeholders": list(self.placeholders),
            "lost": [asdict(item) for item in self.lost],
            "files": dict(self.files),
            "passed_over": [item.told() for item in self.passed],
            "source_passed_over": [item.told() for item in self.source_passed],
        }

    def show(self) -> Iterable[Block]:
        """Two tables: what each name got, and what each provider gave."""
        rows = tuple(
            (row.label, str(row.wanted or "all"), str(row.found), str(row.saved), str(row.total), _reasons(row))
            for row in self.labels
        )
        columns = ("name", "wanted", "found", "saved", "now", "not saved")
        yield Table("", columns, rows, right=("wanted", "found", "saved", "now"))
        reasons = sum((Counter(row.reasons) for row in self.labels), Counter[str]())
        for reason, _ in reasons.most_common(EXPLAINED):
            yield f"  {reason}: {meaning(reason)}"
        if self.outcomes:
            headings = ("provider", "name", "found", "saved", "stopped because")
            yield Table("", headings, self._why(), right=("found", "saved"))
        if self.calls:
            yield "calls: " + ", ".join(f"{name} {count}" for name, count in sorted(self.calls.items()))
        yield from self._warnings()
        for where, passed in ((self.images, self.passed), ("the source", self.source_passed)):
            if passed:
                yield f"in {where}, {tell(passed)}"
        aside = len(self.conflicts) + len(self.placeholders)
        less = f", {aside} of them set aside again" if aside else ""
        saved = sum(label.saved for label in self.labels)
        yield f"{counted(saved, 'new photo')} in {self.images}{less}"
        if saved:
            yield "next: lookalike clean"

    def _why(self) -> tuple[tuple[str, ...], ...]:
        return tuple(
            (o.provider, o.label, str(o.found), str(o.saved), in_words(o.reason, o.detail)) for o in self.outcomes
        )

    def _warnings(self) -> Iterable[str]:
        for conflict in self.conflicts[:LISTED]:
            yield f"set aside, the same photo was found for {conflict.label}: {conflict.file}"
        if len(self.conflicts) > LISTED:
            yield f"… and {len(self.conflicts) - LISTED} more such photos"
        for file in self.placeholders[:LISTED]:
            yield f"set aside, one site serves it for several addresses: {file}"
        for item in self.lost[:LISTED]:
            yield f"no longer there ({item.reason}): {item.file} {item.address}"
        if len(self.lost) > LISTED:
            yield f"… and {len(self.lost) - LISTED} more; --json lists all"
        for what, path in self.files.items():
            yield f"{what}: {path}"


def _reasons(row: LabelResult) -> str:
    counted = Counter(row.reasons)
    if row.known:
        counted["known before"] = row.known
    return ", ".join(f"{reason} {count}" for reason, count in counted.most_common())
