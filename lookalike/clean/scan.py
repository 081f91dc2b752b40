"""Look at every photo of the set: decode it in a limited child, measure it, remember the facts.

What was seen is kept in .cache/, so that a second run, and one that was stopped, decode only what is new.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lookalike.errors import UnusablePhoto
from lookalike.photos.decode import Pool
from lookalike.photos.measure import Facts
from lookalike.photos.memory import Memory, Stamp, stamp_of
from lookalike.project.records import Part
from lookalike.project.walk import Found, Walk
from lookalike.report import Reporter


@dataclass(frozen=True, slots=True)
class Seen:
    """One file of the set: its facts, or the reason why there are none. `stamp` is its size and time of change."""

    file: str
    label: str
    part: Part | None
    stamp: Stamp
    facts: Facts | None
    reason: str = ""
    detail: str = ""


NO_PHOTOS = ("not-an-image", "empty")
"""What lies in a label folder without being a photo is looked at, too: it is to be set aside."""


def _is_looked_at(item: Found) -> bool:
    return not item.reason or bool(item.label and item.reason in NO_PHOTOS)


def unseen(walked: Walk) -> tuple[Found, ...]:
    """The files of a walk that `look` does not look at."""
    return tuple(item for item in walked.passed if not _is_looked_at(item))


def scan(walked: Walk, memory: Memory, *, pool: Pool, report: Reporter) -> list[Seen]:
    """Every file in the label folders with its facts."""
    images = walked.root
    found = [*walked.photos, *filter(_is_looked_at, walked.passed)]
    shared: dict[str, Facts] = {}  # files with the same bytes share their facts
    with report.task("looking at photos", len(found)) as task:
        seen, unknown = [], []
        for item in found:
            stamp, answer = memory.recall(images / item.file)
            if answer is None:
                unknown.append(item)
            else:
                seen.append(_seen(item, stamp, answer, shared))
                task.advance()
        for item, stamp, answer in _measure(images, unknown, memory, pool):
            seen.append(_seen(item, stamp, answer, shared))
            task.advance()
    return sorted(seen, key=lambda item: item.file)


def _seen(item: Found, stamp: Stamp, answer: Facts | UnusablePhoto, shared: dict[str, Facts]) -> Seen:
    if isinstance(answer, UnusablePhoto):
        return Seen(item.file, item.label, item.part, stamp, None, answer.reason, answer.detail)
    return Seen(item.file, item.label, item.part, stamp, shared.setdefault(answer.sha256, answer))


def _measure(
    images: Path, items: list[Found], memory: Memory, pool: Pool
) -> Iterator[tuple[Found, Stamp, Facts | UnusablePhoto]]:
    answers = pool.map("lookalike.photos.measure:measure", (images / item.file for item in items))
    for item, (path, answer) in zip(items, answers, strict=True):
        stamp = stamp_of(path) or (0, 0)
        if isinstance(answer, UnusablePhoto):
            memory.keep(path, stamp, answer)
            yield item, stamp, answer
        else:
            memory.keep(path, stamp, *answer)
            yield item, stamp, answer[0]
