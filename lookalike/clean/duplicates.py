"""Copies of one photo: found, grouped, and the best of each group chosen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from lookalike.clean.result import Finding
from lookalike.clean.scan import Seen
from lookalike.records import Part

_PART_ORDER: dict[Part | None, int] = {"test": 0, "valid": 1, "train": 2, None: 2}


def exact(photos: Iterable[Seen]) -> list[list[Seen]]:
    """Groups of files with the same bytes."""
    same: dict[str, list[Seen]] = defaultdict(list)
    for photo in photos:
        if photo.facts:
            same[photo.facts.sha256].append(photo)
    return [group for group in same.values() if len(group) > 1]


def best_first(group: Sequence[Seen]) -> list[Seen]:
    """The copy to keep comes first: one held out to measure, then the largest, the sharpest, the first by name."""

    def order(photo: Seen) -> tuple[int, int, float, str]:
        assert photo.facts
        return (
            _PART_ORDER[photo.part],
            -photo.facts.width * photo.facts.height,
            -photo.facts.detail,
            photo.file,
        )

    return sorted(group, key=order)


def findings(group: Sequence[Seen], reason: str) -> list[Finding]:
    """What to set aside of a group: all copies but the best, or every one when they carry different labels."""
    ranked = best_first(group)
    if len({photo.label for photo in group}) > 1:
        others = {photo.file: next(other.file for other in ranked if other.label != photo.label) for photo in ranked}
        return [Finding(p.file, p.label, "two-labels", "the same photo is also", others[p.file]) for p in ranked]
    return [Finding(photo.file, photo.label, reason, "a copy of", ranked[0].file) for photo in ranked[1:]]
