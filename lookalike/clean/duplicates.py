"""Copies of one photo: found, grouped around the one to keep, and what only looks like a copy.

A copy agrees with the kept photo itself, in colour and detail, once one is laid on the other; nothing is joined over a
third. What agrees almost everywhere is the same scene with something changed, which may be what the labels are about:
it is grouped, so that a split keeps it together, and shown, but stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lookalike.clean import near
from lookalike.clean.memory import Memory
from lookalike.clean.result import Finding
from lookalike.clean.scan import Seen
from lookalike.errors import UnusablePhoto
from lookalike.photos.agree import Agreement, Pair
from lookalike.photos.decode import Pool
from lookalike.project.records import Part
from lookalike.report import Reporter

LARGE = 5  # photos of one group from which it is more likely a crowd than copies
_PART_ORDER: dict[Part | None, int] = {"test": 0, "valid": 1, "train": 2, None: 2}
_IN_MEMORY = 25_000
_POORER = 3.0

_COPY, _WORST = 0.93, 70.0  # agreeing cells, and the largest difference of a small spot in them
_PIXEL, _PIXEL_WORST = 0.98, 14.0
_SMALL_COPY, _SMALL_WORST = 0.75, 90.0  # where a cell is few pixels, saving leaves more
_RECOLOURED, _RECOLOURED_WORST = 0.93, 110.0
_LIKELY, _STRUCTURE, _MUCH_SHOWN = 0.8, 0.95, 0.3  # nearly so, but light and dark run alike everywhere
_EXACT, _EXACT_WORST = 0.99, 12.0  # the same drawing in other colours, nothing moved
_SHOWN, _COLOURS = 0.1, 4  # with less to see, a part of one picture fits many others
_SMALL, _FEW_COLOURS, _SMALL_COLOURS = 80, 12, 40  # with fewer colours, any picture is a recoloured other one
_ALIKE = 0.75

Links = dict[frozenset[int], str]


@dataclass(frozen=True)
class Copies:
    """`groups` are copies of one photo, the one to keep first; `alike` are photos of one scene. `pixel` holds the pairs
    of contents (sha256) that are the same to the pixel, but for what saving left."""

    groups: list[list[Seen]] = field(default_factory=list)
    alike: list[list[Seen]] = field(default_factory=list)
    pixel: frozenset[frozenset[str]] = frozenset()


def find(
    images: Path, photos: Iterable[Seen], memory: Memory, wanted: Collection[str], *, jobs: int | None, report: Reporter
) -> Copies:
    """Copies among the photos that could be read. Photos in `wanted` are kept before others."""
    same: dict[str, list[Seen]] = defaultdict(list)
    for photo in photos:
        if photo.facts:
            same[photo.facts.sha256].append(photo)
    members = [sorted(files, key=lambda photo: _order(photo, wanted)) for files in same.values()]
    links = _links(images, [files[0] for files in members], memory, jobs, report)
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


def _links(images: Path, photos: Sequence[Seen], memory: Memory, jobs: int | None, report: Reporter) -> Links:
    """How pairs of different files agree: `pixel`, `copy` or `alike`; those that don't are left out."""
    contents = [photo.facts.sha256 for photo in photos if photo.facts]
    every = memory.pictures(contents) if len(contents) <= _IN_MEMORY else None

    def load(numbers: np.ndarray) -> np.ndarray:
        return memory.pictures([contents[number] for number in numbers]) if every is None else every[numbers]

    likely = sorted(near.find(len(contents), load), key=lambda pair: pair.left)
    links: Links = {}
    if not likely:
        return links
    asked = [Pair(images / photos[p.left].file, images / photos[p.right].file, p.box, p.mirrored) for p in likely]
    with Pool(jobs) as pool, report.task("laying likely copies on each other", len(asked)) as task:
        answers = pool.map("lookalike.photos.agree:agree", asked)
        for pair, (_, answer) in zip(likely, answers, strict=True):
            task.advance()
            if not isinstance(answer, UnusablePhoto) and (kind := _kind(answer)):
                links[frozenset((pair.left, pair.right))] = kind
    return links


def _kind(seen: Agreement) -> str:
    """What an agreement stands for: `pixel`, `copy`, `alike`, or nothing."""
    if seen.whole and seen.plain >= _PIXEL and seen.worst <= _PIXEL_WORST:
        return "pixel"
    tells = seen.shown >= _SHOWN and seen.colours >= _COLOURS
    small = seen.side < _SMALL
    cells, worst = (_SMALL_COPY, _SMALL_WORST) if small and tells else (_COPY, _WORST)
    if seen.plain >= cells and seen.worst <= worst and (seen.whole or tells):
        return "copy"
    colours = _SMALL_COLOURS if small else _FEW_COLOURS
    likely = seen.cells >= _LIKELY and seen.changed <= _RECOLOURED_WORST and seen.shown >= _MUCH_SHOWN
    if not small and likely and seen.structure >= _STRUCTURE and seen.colours >= colours:
        return "copy"
    if not small and seen.whole and tells and seen.cells >= _EXACT and seen.changed <= _EXACT_WORST:
        return "copy"
    if seen.cells >= _RECOLOURED and seen.changed <= _RECOLOURED_WORST and tells and seen.colours >= colours:
        return "copy"
    return "alike" if seen.plain >= _ALIKE and tells else ""


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
