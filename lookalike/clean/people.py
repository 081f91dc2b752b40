"""Sets about people: photos without a face, or with several, where nearly every photo shows one; and where the labels
are persons, photos of others (persons).

Whether a set is about faces is asked of a few photos of each label first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from lookalike.clean.persons import Persons, judge
from lookalike.clean.result import Finding
from lookalike.clean.scan import Seen
from lookalike.errors import UnusablePhoto
from lookalike.photos import faces
from lookalike.photos.decode import Pool
from lookalike.photos.memory import Memory
from lookalike.project.paths import Project
from lookalike.report import Reporter
from lookalike.settings.fields import Settings

SAMPLE = 4
ABOUT_FACES = 0.7
AS_LARGE = 0.25


def findings(
    project: Project, photos: Sequence[Seen], groups: Mapping[str, str], memory: Memory, settings: Settings,
    *, pool: Pool, report: Reporter,
) -> Persons:  # fmt: skip
    """Photos with no face or several faces of similar size, or of another person than the label's, and those ranked;
    nothing when the set is not about faces, or can't be searched for them. `groups` names the copies of each other."""
    if not faces.offered(settings.network, report):
        return Persons([])
    by_label: dict[str, list[Seen]] = defaultdict(list)
    for photo in photos:
        by_label[photo.label].append(photo)
    sample = [photo for members in by_label.values() for photo in members[:: max(1, len(members) // SAMPLE)][:SAMPLE]]
    counts = _count(project.images, sample, memory, pool, report)
    if not counts or sum(number > 0 for number in counts.values()) < ABOUT_FACES * len(counts):
        return Persons([])
    if persons := judge(project, photos, groups, settings, report):
        return persons
    counts = _count(project.images, photos, memory, pool, report)
    return Persons(list(_judge(photos, counts)))


def _judge(photos: Sequence[Seen], counts: dict[str, int]) -> Iterator[Finding]:
    for photo in photos:
        number = counts.get(photo.facts.sha256) if photo.facts else None
        if number == 0:
            yield Finding(photo.file, photo.label, "no-face", "no face was found")
        elif number and number > 1:
            yield Finding(photo.file, photo.label, "several-faces", f"{number} faces of similar size")


def _count(images: Path, photos: Sequence[Seen], memory: Memory, pool: Pool, report: Reporter) -> dict[str, int]:
    """How many main faces each photo has, by sha256."""
    known: dict[str, int] = {}
    unknown: dict[str, Path] = {}
    for photo in photos:
        if photo.facts:
            number = memory.faces(photo.facts.sha256)
            if number is None:
                unknown[photo.facts.sha256] = images / photo.file
            else:
                known[photo.facts.sha256] = number
    if not unknown:
        return known
    with ThreadPoolExecutor(pool.jobs) as threads, report.task("faces", len(unknown)) as task:
        pixels = (answer for _, answer in pool.map("lookalike.photos.measure:modest", unknown.values()))
        for content, number in zip(unknown, threads.map(_main_faces, pixels), strict=True):
            task.advance()
            if number is not None:
                memory.keep_faces(content, number)
                known[content] = number
    return known


def _main_faces(pixels: np.ndarray | UnusablePhoto) -> int | None:
    """How many faces are at least a quarter as large as the largest."""
    if isinstance(pixels, UnusablePhoto):
        return None
    found = faces.find(Image.fromarray(pixels))
    return sum(face.area >= AS_LARGE * found[0].area for face in found)
