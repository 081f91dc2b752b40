"""Copies of one photo: found, grouped around the one to keep, and what only looks like a copy.

A copy agrees with the kept photo itself, in colour and detail, once one is laid on the other; nothing is joined over a
third. What agrees almost everywhere is the same scene with something changed, which may be what the labels are about:
it is grouped, so that a split keeps it together, and shown, but stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from PIL import Image

from lookalike.clean import near
from lookalike.clean.likeness import KINDS, kind_of
from lookalike.clean.memory import Memory
from lookalike.clean.result import Finding
from lookalike.clean.scan import Seen
from lookalike.photos import images
from lookalike.photos.agree import agree
from lookalike.project.records import Part
from lookalike.report import Reporter

LARGE = 5  # photos of one group from which it is more likely a crowd than copies
_PART_ORDER: dict[Part | None, int] = {"test": 0, "valid": 1, "train": 2, None: 2}
_IN_MEMORY = 25_000
_POORER = 3.0


Links = dict[frozenset[int], str]


@dataclass(frozen=True)
class Copies:
    """`groups` are copies of one photo, the one to keep first; `alike` are photos of one scene. `pixel` holds the pairs
    of contents (sha256) that are the same to the pixel, but for what saving left."""

    groups: list[list[Seen]] = field(default_factory=list)
    alike: list[list[Seen]] = field(default_factory=list)
    pixel: frozenset[frozenset[str]] = frozenset()


def find(photos: Iterable[Seen], memory: Memory, wanted: Collection[str], *, report: Reporter) -> Copies:
    """Copies among the photos that could be read. Photos in `wanted` are kept before others."""
    same: dict[str, list[Seen]] = defaultdict(list)
    for photo in photos:
        if photo.facts:
            same[photo.facts.sha256].append(photo)
    members = [sorted(files, key=lambda photo: _order(photo, wanted)) for files in same.values()]
    links = _links([files[0] for files in members], memory, report)
    order = sorted(range(len(members)), key=lambda number: _order(members[number][0], wanted))
    sure = {pair: kind for pair, kind in links.items() if kind != "alike"}
    groups = [[photo for number in star for photo in members[number]] for star in _stars(order, sure)]
    grouped = {photo.file for group in groups for photo in group}
    groups += [files for files in members if len(files) > 1 and files[0].file not in grouped]
    alike = [[members[number][0] for number in star] for star in _stars(order, links)]
    contents = list(same)
    pixel = {frozenset(contents[number] for number in pair) for pair, kind in links.items() if kind == "pixel"}
    return Copies(groups, [star for star in alike if len(star) <= LARGE], frozenset(pixel))


def _stars(order: Sequence[int], links: Links) -> list[list[int]]:
    """Groups in which every photo is linked to the first, which comes before them in `order`."""
    partners: dict[int, set[int]] = defaultdict(set)
    for pair in links:
        left, right = pair
        partners[left].add(right)
        partners[right].add(left)
    taken: set[int] = set()
    stars = []
    for hub in order:
        if hub not in taken and (rays := [other for other in order if other in partners[hub] - taken]):
            stars.append([hub, *rays])
            taken.update(stars[-1])
    return stars


def _links(photos: Sequence[Seen], memory: Memory, report: Reporter) -> Links:
    """How pairs of different files agree: `pixel`, `copy` or `alike`; those that don't are left out."""
    views = [
        (number, (photo.facts.sha256, part))
        for number, photo in enumerate(photos)
        if photo.facts
        for part in range(1 + photo.facts.framed)
    ]
    names = [view for _, view in views]
    every = memory.greys(names) if len(names) <= _IN_MEMORY else None

    def load(numbers: np.ndarray) -> np.ndarray:
        return memory.greys([names[number] for number in numbers]) if every is None else every[numbers]

    @lru_cache(maxsize=4096)
    def small(view: int) -> Image.Image:
        return images.open_rgb(memory.small(names[view]))

    found: dict[frozenset[int], list[str]] = defaultdict(list)
    pairs = near.find([owner for owner, _ in views], load)
    with report.task("laying likely copies on each other", len(pairs)) as task:
        for pair in sorted(pairs, key=lambda pair: pair.left):
            task.advance()
            kind = "alike"
            if pair.likely:
                seen = agree(small(pair.left), small(pair.right), pair.box, mirrored=pair.mirrored)
                framed = bool(names[pair.left][1] or names[pair.right][1])
                kind = kind_of(seen, framed=framed, mirrored=pair.mirrored)
            found[frozenset((views[pair.left][0], views[pair.right][0]))].append(kind)
    best = {pair: min(kinds, key=KINDS.index) for pair, kinds in found.items()}
    return {pair: kind for pair, kind in best.items() if kind != "other"}


def _order(photo: Seen, wanted: Collection[str]) -> tuple[bool, int, bool, int, float, int, int, str]:
    """The copy to keep comes first: chosen by a person, held out to measure, in colour, largest, sharpest, least
    compressed, shortest name."""
    facts = photo.facts
    if facts is None:
        return photo.file not in wanted, _PART_ORDER[photo.part], True, 0, 0.0, 0, len(photo.file), photo.file
    pixels = facts.width * facts.height
    return (
        photo.file not in wanted,
        _PART_ORDER[photo.part],
        facts.grey,
        -pixels,
        -facts.detail,
        -facts.size,
        len(photo.file),
        photo.file,
    )


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


def together(copies: Copies) -> list[list[Seen]]:
    """What a split must keep together: the scenes, each with all copies of its photos."""
    first = {star[0].file: list(star) for star in copies.alike}
    scene = {photo.file: star[0].file for star in copies.alike for photo in star}
    for group in copies.groups:
        home = first.setdefault(scene.get(group[0].file, group[0].file), [])
        home += [photo for photo in group if photo not in home]
    return list(first.values())


def _content(photo: Seen) -> str:
    return photo.facts.sha256 if photo.facts else photo.file


def _contradicts(photo: Seen, other: Seen, pixel: Collection[frozenset[str]]) -> bool:
    pair = frozenset((_content(photo), _content(other)))
    return photo.label != other.label and (len(pair) == 1 or pair in pixel)


def _reason(photo: Seen, best: Seen) -> str:
    return "duplicate" if _content(photo) == _content(best) else "near-copy"
