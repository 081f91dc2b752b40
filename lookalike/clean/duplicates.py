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
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image

from lookalike.clean import near
from lookalike.clean.likeness import KINDS, kind_of
from lookalike.clean.memory import Memory
from lookalike.clean.result import Finding
from lookalike.clean.scan import Seen
from lookalike.errors import UnusablePhoto
from lookalike.photos import images
from lookalike.photos.agree import agree
from lookalike.photos.decode import Pool, cores
from lookalike.photos.similar import connected
from lookalike.project.records import Part
from lookalike.report import Reporter

LARGE = 5  # photos of one group from which it is more likely a crowd than copies
_PART_ORDER: dict[Part | None, int] = {"test": 0, "valid": 1, "train": 2, None: 2}
_IN_MEMORY = 25_000
_AS_LARGE = 0.9  # of the other's side
_HARDLY = 0.3
_MOST_COPIES = 40  # of one photo that are all compared with each other

Links = dict[frozenset[int], str]


@dataclass(frozen=True)
class Copies:
    """`groups` are copies of one photo, the one to keep first; `alike` are photos of one scene. `pixel` holds the pairs
    of contents (sha256) that are the same to the pixel, but for what saving left."""

    groups: list[list[Seen]] = field(default_factory=list)
    alike: list[list[Seen]] = field(default_factory=list)
    pixel: frozenset[frozenset[str]] = frozenset()


def find(
    root: Path, photos: Iterable[Seen], memory: Memory, wanted: Collection[str], *, jobs: int | None, report: Reporter
) -> Copies:
    """Copies among the photos that could be read. Photos in `wanted` are kept before others."""
    same: dict[str, list[Seen]] = defaultdict(list)
    for photo in photos:
        if photo.facts:
            same[photo.facts.sha256].append(photo)
    contents, members = list(same), list(same.values())
    links = _links([files[0] for files in members], memory, report)
    sure = {pair: kind for pair, kind in links.items() if kind != "alike"}
    enlarged = _enlarged(root, [files[0] for files in members], sure, jobs)
    ranks = [[_order(photo, wanted, number in enlarged) for photo in files] for number, files in enumerate(members)]
    members = [[photo for _, photo in sorted(zip(rank, files, strict=True), key=lambda one: one[0])]
               for rank, files in zip(ranks, members, strict=True)]  # fmt: skip
    order = sorted(range(len(members)), key=lambda number: min(ranks[number]))
    groups = [[photo for number in star for photo in members[number]] for star in _stars(order, sure)]
    grouped = {photo.file for group in groups for photo in group}
    groups += [files for files in members if len(files) > 1 and files[0].file not in grouped]
    alike = [[members[number][0] for number in star] for star in _stars(order, links)]
    pixel = {frozenset(contents[number] for number in pair) for pair, kind in links.items() if kind == "pixel"}
    return Copies(groups, [star for star in alike if len(star) <= LARGE], frozenset(pixel))


def _enlarged(root: Path, photos: Sequence[Seen], links: Links, jobs: int | None) -> set[int]:
    """Those that are larger than a copy of them but hold no more: shrunk to its size and enlarged again, they lose
    hardly anything of what the smaller loses when it shrinks as much."""
    pairs, asked = [], []
    for pair in links:
        large, small = sorted(pair, key=lambda number: -_area(photos[number]))
        share = (_area(photos[small]) / max(1, _area(photos[large]))) ** 0.5
        if share < _AS_LARGE:
            pairs.append(large)
            asked += [(root / photos[number].file, share) for number in (large, small)]
    if not asked:
        return set()
    with Pool(min(jobs or len(asked), len(asked), cores())) as pool:
        losses = [loss for _, loss in pool.map("lookalike.photos.measure:lost", asked)]
    return {
        large
        for large, own, other in zip(pairs, losses[::2], losses[1::2], strict=True)
        if not isinstance(own, UnusablePhoto) and not isinstance(other, UnusablePhoto) and own < _HARDLY * other
    }


def _area(photo: Seen) -> int:
    return photo.facts.width * photo.facts.height if photo.facts else 0


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

    links: Links = {}

    def look(pairs: Sequence[near.Likeness]) -> None:
        with report.task("laying likely copies on each other", len(pairs)) as task:
            for pair in sorted(pairs, key=lambda pair: pair.left):
                task.advance()
                kind = "alike"
                if pair.likely:
                    seen = agree(small(pair.left), small(pair.right), pair.box, mirrored=pair.mirrored)
                    framed = bool(names[pair.left][1] or names[pair.right][1])
                    kind = kind_of(seen, framed=framed, mirrored=pair.mirrored)
                both = frozenset((views[pair.left][0], views[pair.right][0]))
                links[both] = min(kind, links.get(both, kind), key=KINDS.index)

    look(near.find([owner for owner, _ in views], load))
    if missing := _missing(len(photos), links):
        first = {owner: view for view, (owner, _) in reversed(list(enumerate(views)))}
        look(near.between([(first[one], first[other]) for one, other in missing], load))
    return {pair: kind for pair, kind in links.items() if kind != "other"}


def _missing(count: int, links: Links) -> list[tuple[int, int]]:
    """The pairs that nobody looked at among photos that hang together as copies."""
    copies = [tuple(pair) for pair, kind in links.items() if kind in ("pixel", "copy")]
    groups = [group[:_MOST_COPIES] for group in connected(count, copies)]
    return [pair for group in groups for pair in combinations(group, 2) if frozenset(pair) not in links]


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
