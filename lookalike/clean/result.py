"""What cleaning found and did, as one value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import ClassVar

from lookalike.files import JsonObject
from lookalike.project.walk import Found, tell
from lookalike.report import Block, Table
from lookalike.text import counted

SUSPECT = 0.5
MOST_QUESTIONS = 5


@dataclass(frozen=True)
class Finding:
    """Something about one photo: a stable reason and a few words. `other` is the photo it was compared with."""

    file: str
    label: str
    reason: str
    detail: str = ""
    other: str = ""


@dataclass(frozen=True)
class Cleaning:
    """The result of `clean`: per label how many photos there were, what was set aside, what is only worth a look.

    `held` is what was not moved because nobody agreed, and `questions` what to agree to; a dry run has what would be
    asked about in `aside`, too.
    """

    kind: ClassVar[str] = "clean"
    run: str
    dry_run: bool
    before: dict[str, int]
    aside: tuple[Finding, ...] = ()
    held: tuple[Finding, ...] = ()
    questions: tuple[str, ...] = ()
    notes: tuple[Finding, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    suspects: tuple[JsonObject, ...] = ()
    purity: dict[str, float] | None = None
    adopted: int = 0
    skipped: tuple[Found, ...] = ()
    report: str = ""

    @property
    def after(self) -> dict[str, int]:
        """How many photos of each label would be left."""
        gone = Counter(finding.label for finding in self.aside)
        return {label: count - gone[label] for label, count in self.before.items()}

    @property
    def likely_wrong(self) -> tuple[JsonObject, ...]:
        """The suspects that are more likely wrong than right."""
        return tuple(item for item in self.suspects if item["score"] >= SUSPECT)

    def data(self) -> dict[str, object]:
        """Counts by label and reason, each finding and suspect, groups of copies, files passed over."""
        return {
            "run": self.run,
            "dry_run": self.dry_run,
            "before": self.before,
            "after": self.after,
            "reasons": dict(Counter(finding.reason for finding in self.aside)),
            "aside": [_short(finding) for finding in self.aside],
            "held": [_short(finding) for finding in self.held],
            "questions": list(self.questions),
            "notes": [_short(finding) for finding in self.notes],
            "groups": [list(group) for group in self.groups],
            "suspects": list(self.suspects),
            "purity": self.purity,
            "adopted": self.adopted,
            "skipped": [item.told() for item in self.skipped],
            "report": self.report,
        }

    def show(self) -> Iterable[Block]:
        """Counts per label and per reason, then what to do next."""
        after = self.after
        rows = [
            (label, str(count), str(count - after[label]), str(after[label])) for label, count in self.before.items()
        ]
        title = "would be set aside (nothing was moved)" if self.dry_run else "photos"
        yield Table(title, ("label", "before", "aside", "left"), tuple(rows), right=("before", "aside", "left"))
        if self.aside:
            yield _by_reason("set aside because", self.aside)
        if self.dry_run and self.aside:
            yield _list("each of them", self.aside)
        if self.held:
            yield from self._held()
        if self.notes:
            yield _by_reason("only worth a look (not moved)", self.notes)
        if self.likely_wrong:
            yield self._suspects()
        if self.skipped:
            yield tell(self.skipped)
        if self.report:
            yield f"report: {self.report}"
        if self.aside and not self.dry_run:
            yield "`lookalike clean --undo` brings them back"
        yield f"next: {self._next()}"

    def _next(self) -> str:
        if self.dry_run:
            return "lookalike clean"
        if self.likely_wrong or self.held:
            return "lookalike clean --review to look at them, or lookalike train"
        return "lookalike train"

    def _held(self) -> Iterable[Block]:
        if not self.dry_run:
            yield _by_reason("only shown, as nobody agreed (not moved)", self.held)
            yield _list("each of them", self.held)
        yield f"{'asked about first' if self.dry_run else 'not moved'}: {'; '.join(self.questions[:MOST_QUESTIONS])}"
        yield "`lookalike clean --yes` sets them aside without asking"

    def _suspects(self) -> Table:
        rows = tuple(
            (item["file"], item["label"], item["predicted"] or "nobody", f"{item['score']:.2f}", item["why"])
            for item in self.likely_wrong[:10]
        )
        return Table(
            "most suspect labels (not moved)", ("file", "label", "looks like", "score", "why"), rows, ("score",)
        )


@dataclass(frozen=True)
class Restored:
    """The result of `clean --undo`. `renamed` maps a photo's former name to the free one it was given, `moved_back`
    the name under a label that a run gave it to the name under its former label."""

    kind: ClassVar[str] = "undo"
    restored: tuple[str, ...]
    renamed: dict[str, str]
    missing: tuple[str, ...]
    moved_back: dict[str, str] = field(default_factory=dict)
    dry_run: bool = False

    def data(self) -> dict[str, object]:
        """The photos that came back, with the names that changed, and those that could not."""
        return asdict(self)

    def show(self) -> Iterable[Block]:
        """How many came back, and each whose name changed or that is gone."""
        yield f"{counted(len(self.restored), 'photo')} {'would come' if self.dry_run else 'brought'} back"
        if self.moved_back:
            moved = "would move" if self.dry_run else "moved"
            yield f"{counted(len(self.moved_back), 'photo')} {moved} back to the former label"
        for old, new in self.renamed.items():
            yield f"{old} came back as {new}: its name was taken"
        for name in self.missing:
            yield f"{name} is not in the quarantine any more"


def _short(finding: Finding) -> dict[str, str]:
    return {key: value for key, value in asdict(finding).items() if value}


def _by_reason(title: str, findings: tuple[Finding, ...]) -> Table:
    counts = Counter(finding.reason for finding in findings).most_common()
    return Table(
        title, ("reason", "photos"), tuple((reason, str(count)) for reason, count in counts), right=("photos",)
    )


def _list(title: str, findings: tuple[Finding, ...], limit: int = 50) -> Table:
    rows = [(f.file, f.reason, f.detail + (f" {f.other}" if f.other else "")) for f in findings[:limit]]
    if len(findings) > limit:
        rows.append((f"… and {len(findings) - limit} more", "", ""))
    return Table(title, ("file", "reason", ""), tuple(rows))
