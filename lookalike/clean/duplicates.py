"""Copies of one photo: found, grouped, and the best of each group chosen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence

import numpy as np

from lookalike.clean import near
from lookalike.clean.memory import Memory
from lookalike.clean.result import Finding
from lookalike.clean.scan import Seen
from lookalike.project.records import Part

_PART_ORDER: dict[Part | None, int] = {"test": 0, "valid": 1, "train": 2, None: 2}
_SAME_FEATURES = 0.8
_IN_MEMORY = 25_000

Features = Callable[[Sequence[Seen]], dict[str, np.ndarray]]


def groups(photos: Iterable[Seen], memory: Memory, features: Features) -> list[list[Seen]]:
    """Photos that are copies of each other, exact or near, as groups of at least two."""
    same: dict[str, list[Seen]] = defaultdict(list)
    for photo in photos:
        if photo.facts:
            same[photo.facts.sha256].append(photo)
    contents = list(same)
    root = list(range(len(contents)))

    def find(number: int) -> int:
        while root[number] != number:
            root[number] = root[root[number]]
            number = root[number]
        return number

    for left, right in _near_pairs([same[content][0] for content in contents], memory, features):
        root[find(right)] = find(left)
    joined: dict[int, list[Seen]] = defaultdict(list)
    for number, content in enumerate(contents):
        joined[find(number)] += same[content]
    return [group for group in joined.values() if len(group) > 1]


def _near_pairs(photos: Sequence[Seen], memory: Memory, features: Features) -> list[tuple[int, int]]:
    """Pairs of different files that show the same photo; doubtful ones are decided by the packaged network."""
    contents = [photo.facts.sha256 for photo in photos if photo.facts]
    every = memory.pictures(contents) if len(contents) <= _IN_MEMORY else None

    def load(numbers: np.ndarray) -> np.ndarray:
        return memory.pictures([contents[number] for number in numbers]) if every is None else every[numbers]

    likely = near.find(len(contents), load)
    doubtful = [pair for pair in likely if not pair.sure]
    pairs = [(pair.left, pair.right) for pair in likely if pair.sure]
    if doubtful:
        seen = features([photos[number] for pair in doubtful for number in (pair.left, pair.right)])
        for pair in doubtful:
            left, right = seen.get(contents[pair.left]), seen.get(contents[pair.right])
            if left is not None and right is not None and float(left @ right) >= _SAME_FEATURES:
                pairs.append((pair.left, pair.right))
    return pairs


def best_first(group: Sequence[Seen], wanted: Collection[str] = ()) -> list[Seen]:
    """The copy to keep comes first: chosen by a person, held out to measure, largest, sharpest, shortest name."""

    def order(photo: Seen) -> tuple[bool, int, int, float, int, str]:
        facts = photo.facts
        pixels, detail = (facts.width * facts.height, facts.detail) if facts else (0, 0.0)
        return photo.file not in wanted, _PART_ORDER[photo.part], -pixels, -detail, len(photo.file), photo.file

    return sorted(group, key=order)


def findings(ranked: Sequence[Seen]) -> list[Finding]:
    """What to set aside of a group, best first: all but the best, or every one when they carry different labels."""
    best = ranked[0]
    if len({photo.label for photo in ranked}) > 1:
        others = {photo.file: next(other.file for other in ranked if other.label != photo.label) for photo in ranked}
        return [Finding(p.file, p.label, "two-labels", "the same photo as", others[p.file]) for p in ranked]
    return [Finding(p.file, p.label, _reason(p, best), "a copy of", best.file) for p in ranked[1:]]


def _reason(photo: Seen, best: Seen) -> str:
    same = photo.facts and best.facts and photo.facts.sha256 == best.facts.sha256
    return "duplicate" if same else "near-copy"
