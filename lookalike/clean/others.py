"""Checks in which photos are compared with the others: copies, people, suspects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from lookalike.clean import duplicates
from lookalike.clean.photoset import PhotoSet
from lookalike.clean.result import Finding
from lookalike.clean.suspects import LEAST, Suspects, rank

ABOUT_PEOPLE = {"another-person", "unclear-face", "no-face", "several-faces"}
FEWEST = 4  # photos: of two labels with one each nothing can be said


def copies(photos: PhotoSet) -> list[Finding]:
    """Copies of one photo (`duplicate`, `near-copy`), one photo under two labels, and what only looks much alike."""
    photos.copies = duplicates.find(
        photos.project.images, photos.good, photos.memory, photos.kept,
        pool=photos.pool, report=photos.report,
    )  # fmt: skip
    return duplicates.findings(photos.copies)


def people(photos: PhotoSet) -> Iterable[Finding]:
    """Photos with no face, several, or another person's, where that is wanted and can be seen; where the labels are
    persons, the suspects are ranked by that."""
    settings = photos.settings.clean
    good = photos.good
    wanted = settings.faces and (settings.suspects or ABOUT_PEOPLE & set(settings.aside))
    if not (wanted and len(good) >= FEWEST):
        return ()
    from lookalike.clean import people

    persons = people.findings(
        photos.project, good, photos.names(), photos.memory, photos.settings, pool=photos.pool, report=photos.report
    )
    photos.suspects, photos.faces = persons.suspects, persons.shown
    return persons.findings


def suspects(photos: PhotoSet) -> Iterator[Finding]:
    """Photos that probably carry a wrong label: all are ranked, so many go as somebody asked for."""
    found = photos.suspects or _ranked(photos)
    photos.suspects = replace(found, ranked=tuple(item for item in found.ranked if item.file not in photos.away))
    wanted = [item for item in photos.suspects.ranked if item.file not in photos.kept]
    for item in wanted[: photos.settings.clean.apply_suspects or 0]:
        yield Finding(item.file, item.label, "suspect", f"{item.why} ({item.score:.2f})")


def _ranked(photos: PhotoSet) -> Suspects:
    """Suspects among the photos that stay, unless they are not wanted or too few to tell."""
    settings, staying = photos.settings.clean, photos.good
    counts = Counter(photo.label for photo in staying)
    if not (settings.suspects or settings.apply_suspects) or len(counts) < 2 or min(counts.values()) < LEAST:
        return Suspects()
    from lookalike.clean.features import features

    seen = features(photos.project.images, staying, photos.memory, pool=photos.pool, report=photos.report)
    return rank(staying, seen, photos.names())
