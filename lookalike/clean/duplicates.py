"""Copies of one photo: found, grouped around the one to keep, and what only looks like a copy.

A copy agrees with the kept photo itself, in colour and detail, once one is laid on the other; nothing is joined over a
third. What agrees almost everywhere is the same scene with something changed, which may be what the labels are about:
it is grouped, so that a split keeps it together, and shown, but stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lookalike.clean.result import Finding
from lookalike.clean.scan import Seen
from lookalike.errors import UnusablePhoto
from lookalike.photos.copies import links as linking
from lookalike.photos.copies.links import Links
from lookalike.photos.decode import Pool
from lookalike.photos.memory import Memory
from lookalike.project.records import Part
from lookalike.report import Reporter

_PART_ORDER: dict[Part | None, int] = {"test": 0, "valid": 1, "train": 2, None: 2}
_COMPARED = 4  # copies of a photo, the largest, that are asked whether it is one of them enlarged
_AS_LARGE = 0.9  # of the other's side, and more
_HARDLY, _FAR_LESS = 0.3, 0.5  # of what the other loses: of two sizes, and of one, where the same is compared


@dataclass(frozen=True)
class Copies:
    """`groups` are copies of one photo, the one to keep first; `alike` are photos of one scene; `together` is what a
    split keeps on one side. `pixel` holds the pairs of contents (sha256) that are the same to the pixel, but for what
    saving left."""

    groups: list[list[Seen]] = field(default_factory=list)
    alike: list[list[Seen]] = field(default_factory=list)
    together: list[list[Seen]] = field(default_factory=list)
    pixel: frozenset[frozenset[str]] = frozenset()


def find(
    root: Path, photos: Iterable[Seen], memory: Memory, wanted: Collection[str], *, pool: Pool, report: Reporter
) -> Copies:
    """Copies among the photos that could be read. Photos in `wanted` are kept before others."""
    same: dict[str, list[Seen]] = defaultdict(list)
    for photo in photos:
        if photo.facts:
            same[photo.facts.sha256].append(photo)
    contents, members = list(same), list(same.values())
    found = linking.find(contents, memory, pool, report)
    enlarged = _enlarged(root, [files[0] for files in members], linking.sure(found.links), pool, report)
    ranks = [[_order(photo, wanted, number in enlarged) for photo in files] for number, files in enumerate(members)]
    members = [[photo for _, photo in sorted(zip(rank, files, strict=True), key=lambda one: one[0])]
               for rank, files in zip(ranks, members, strict=True)]  # fmt: skip
    order = sorted(range(len(members)), key=lambda number: min(ranks[number]))
    paths = [root / files[0].file for files in members]
    labels = [{photo.label for photo in files} for files in members]

    def across(pair: frozenset[int]) -> bool:
        return len(set().union(*(labels[number] for number in pair))) > 1

    links = linking.confirmed(found, order, contents, paths, memory, pool, report, across)
    groups = _with_twins(members, linking.stars(order, linking.sure(links)))
    together = _with_twins(members, linking.together(len(members), links))
    alike = [[members[number][0] for number in star] for star in linking.scenes(order, links)]
    pixel = {frozenset(contents[number] for number in pair) for pair, kind in links.items() if kind == "pixel"}
    return Copies(groups, alike, together, frozenset(pixel))


def _with_twins(members: Sequence[Sequence[Seen]], groups: Iterable[Iterable[int]]) -> list[list[Seen]]:
    """The photos of each group, and beside them those that have nothing but files with their very bytes."""
    found = [list(group) for group in groups]
    alone = set(range(len(members))) - {number for group in found for number in group}
    found += [[number] for number in sorted(alone) if len(members[number]) > 1]
    return [[photo for number in group for photo in members[number]] for group in found]


def _enlarged(root: Path, photos: Sequence[Seen], links: Links, pool: Pool, report: Reporter) -> set[int]:
    """Those that hold no more than a smaller copy of them: shrunk to its size and enlarged again, they lose hardly
    anything of what that loses when it shrinks as much. Of two as large as each other either may be it, at half."""
    pairs: list[tuple[int, int | None]] = []
    asked = []
    for large, small in _by_size(photos, links):
        share = (_area(photos[small]) / max(1, _area(photos[large]))) ** 0.5
        pairs.append((large, small if share >= _AS_LARGE else None))
        asked += [(root / photos[number].file, share if share < _AS_LARGE else 0.5) for number in (large, small)]
    answers = []
    with report.task("comparing the detail of copies", len(asked)) as task:
        for _, loss in pool.map("lookalike.photos.measure:lost", asked):
            answers.append(loss)
            task.advance()
    found: set[int] = set()
    for (large, equal), own, other in zip(pairs, answers[::2], answers[1::2], strict=True):
        if isinstance(own, UnusablePhoto) or isinstance(other, UnusablePhoto):
            continue
        if equal is None:
            found |= {large} if own < _HARDLY * other else set()
        elif min(own, other) < _FAR_LESS * max(own, other):
            found.add(large if own < other else equal)
    return found


def _by_size(photos: Sequence[Seen], links: Links) -> Iterator[tuple[int, int]]:
    """Each photo with copies as large as it or smaller, the largest of them: with all, so many pairs of one photo's
    copies would take minutes."""
    smaller: dict[int, list[int]] = defaultdict(list)
    for pair in links:
        large, small = sorted(pair, key=lambda number: (-_area(photos[number]), number))
        smaller[large].append(small)
    for large, others in smaller.items():
        for small in sorted(others, key=lambda number: (-_area(photos[number]), number))[:_COMPARED]:
            yield large, small


def _area(photo: Seen) -> int:
    return photo.facts.width * photo.facts.height if photo.facts else 0


def _order(photo: Seen, wanted: Collection[str], enlarged: bool) -> tuple[object, ...]:
    """The copy to keep comes first: chosen by a person, held out to measure, in colour, with more tones, not enlarged,
    largest, sharpest, least compressed, shortest name."""
    name = len(photo.file), photo.file
    facts = photo.facts
    if facts is None:
        return photo.file not in wanted, _PART_ORDER[photo.part], True, 0, True, 0, 0.0, 0, *name
    quality = facts.grey, -facts.bits, enlarged, -facts.width * facts.height, -facts.detail, -facts.size
    return photo.file not in wanted, _PART_ORDER[photo.part], *quality, *name


def findings(copies: Copies) -> list[Finding]:
    """What is to go: of copies under one label all but the first; under two labels those that are the same to the
    pixel, both. The rest that looks like a copy is only worth a look (`alike`)."""
    found: dict[str, Finding] = {}
    for group in copies.groups:
        for photo in group:
            if twin := next((other for other in group if _contradicts(photo, other, copies.pixel)), None):
                found.setdefault(
                    photo.file, Finding(photo.file, photo.label, "two-labels", "the same photo as", twin.file)
                )
        best = group[0]
        for photo in group[1:]:
            if photo.label == best.label:
                found.setdefault(
                    photo.file, Finding(photo.file, photo.label, _reason(photo, best), "a copy of", best.file)
                )
            else:
                found.setdefault(photo.file, Finding(photo.file, photo.label, "alike", "nearly the same as", best.file))
    for star in copies.alike:
        for photo in star[1:]:
            found.setdefault(photo.file, Finding(photo.file, photo.label, "alike", "nearly the same as", star[0].file))
    return list(found.values())


def _content(photo: Seen) -> str:
    return photo.facts.sha256 if photo.facts else photo.file


def _contradicts(photo: Seen, other: Seen, pixel: Collection[frozenset[str]]) -> bool:
    pair = frozenset((_content(photo), _content(other)))
    return photo.label != other.label and (len(pair) == 1 or pair in pixel)


def _reason(photo: Seen, best: Seen) -> str:
    return "duplicate" if _content(photo) == _content(best) else "near-copy"
