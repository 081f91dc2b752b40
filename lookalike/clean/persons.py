"""Sets whose labels are persons: photos of somebody else, photos on which nobody can be told, and two labels of one.

Each photo counts by its face that is most like the label's person (lookalike.people.identity). What is like nobody is
shown, ranked by how little, and moved only where a person says so: a profile, a visor or a face of 20 pixels is
unlike, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lookalike.clean.result import Finding
from lookalike.clean.scan import Seen
from lookalike.clean.suspects import Suspects, Suspicion
from lookalike.errors import NetworkError, NotReadyError
from lookalike.people import boxes, head
from lookalike.people.eyes import PhotoFaces, is_clear, open_eyes, people_in
from lookalike.people.identity import SAME, Identity, of_one_person, same_persons
from lookalike.photos.faces import Face
from lookalike.project.manifest import Manifest
from lookalike.project.paths import Project
from lookalike.report import Reporter
from lookalike.settings.fields import Settings

SMALL = 30  # pixels across, below which faces are not told apart reliably
TURNED = 0.5  # how far the nose is from the middle of the eyes, in distances between them
STEEP = 10.0
Row = tuple[Seen, PhotoFaces]


@dataclass(frozen=True)
class Persons:
    """What is worth a look, and all photos with a face, the one least like its label's person first; no such ranking
    where two labels show the same person, since then the labels mean something else."""

    findings: list[Finding]
    suspects: Suspects | None = None
    shown: dict[str, Shown] = field(default_factory=dict)


@dataclass(frozen=True)
class Shown:
    """The faces of a photo: the photo's width by its height, the boxes as shares of them, and the one that
    counts unless a person has chosen another."""

    ratio: float
    boxes: tuple[boxes.Box, ...]
    chosen: int


def judge(
    project: Project, photos: Sequence[Seen], groups: Mapping[str, str], settings: Settings, report: Reporter
) -> Persons | None:
    """Judge photos that could be measured. None when the labels are no persons, or faces can't be told apart here.

    `groups` names the copies of each other. Where a person has chosen the face that counts, the others don't.
    """
    everything = _seen(project, photos, settings, report)
    known = Manifest(project.images).fold().files
    faces = {photo.file: known[photo.file].face for photo, _ in everything if photo.file in known}
    rows = [(photo, boxes.only(shown, faces.get(photo.file, ""))) for photo, shown in everything]
    labels = sorted({photo.label for photo, _ in rows})
    lesson = head.Lesson(
        tuple(shown.features for _, shown in rows), np.array([labels.index(photo.label) for photo, _ in rows], int),
        tuple(groups.get(photo.file, photo.file) for photo, _ in rows), tuple(shown.leading for _, shown in rows),
        len(labels),
    )  # fmt: skip
    found = dict(zip(labels, head.identities(lesson), strict=True))
    if not labels or not of_one_person(found)[0]:
        return None
    same = same_persons(found)
    for one, other in same:
        report.warn(f"{one!r} and {other!r} show the same person: two names for one, or photos in the wrong folder?")
    alike = np.array([_alike(shown.features, found, labels) for _, shown in rows])
    own = alike[np.arange(len(rows)), lesson.targets]
    findings = [_finding(row, alike[number], labels) for number, row in enumerate(rows) if own[number] < SAME]
    pure = {label: float((own[lesson.targets == k] >= SAME).mean()) for k, label in enumerate(labels)}
    suspects = Suspects(tuple(_ranked(rows, alike, labels)), {label: round(share, 3) for label, share in pure.items()})
    boxed = {photo.file: _shown(shown, found[photo.label]) for photo, shown in everything}
    return Persons(findings, None if same else suspects, boxed)


def _shown(shown: PhotoFaces, person: Identity | None) -> Shown:
    place = int((shown.features @ person.mean).argmax()) if person and shown.faces else -1
    return Shown(shown.width / max(1, shown.height), tuple(boxes.shares(shown)), place)


def _seen(project: Project, photos: Sequence[Seen], settings: Settings, report: Reporter) -> list[Row]:
    """The photos with what they show; none where the network that knows faces is nowhere to be had."""
    measured = [(photo, photo.facts.sha256) for photo in photos if photo.facts]
    try:
        eyes = open_eyes(settings, report)
    except (NetworkError, NotReadyError) as error:
        report.note(f"whether the labels are persons is not looked at: {error.message}")
        return []
    wanted = [(project.images / photo.file, sha256) for photo, sha256 in measured]
    shown, _ = people_in(wanted, eyes, project.cache, report)
    return [(photo, faces) for (photo, _), faces in zip(measured, shown, strict=True) if faces is not None]


def _alike(features: np.ndarray, found: Mapping[str, Identity | None], labels: Sequence[str]) -> list[float]:
    """How like each label's person the photo's likest face is; -1 without a face."""
    persons = [found[label] for label in labels]
    return [float((features @ one.mean).max()) if one and len(features) else -1.0 for one in persons]


def _finding(row: Row, alike: np.ndarray, labels: Sequence[str]) -> Finding:
    photo, shown = row
    if not shown.faces:
        return Finding(photo.file, photo.label, "no-face", "no face was found")
    own, best = float(alike[labels.index(photo.label)]), int(alike.argmax())
    faults = [unclear(face) for face in shown.faces]
    told = f"similarity {own:.2f} to {photo.label}"
    if all(faults):
        return Finding(photo.file, photo.label, "unclear-face", f"{faults[0]}; {told}")
    other = f", {alike[best]:.2f} to {labels[best]}" if alike[best] >= SAME else ""
    return Finding(photo.file, photo.label, "another-person", told + other)


def unclear(face: Face) -> str:
    """Why nobody can be told by this face, in a few words; "" when it is clear."""
    width = min(face.right - face.left, face.bottom - face.top)
    if width < SMALL:
        return f"the face is {width:.0f} pixels wide"
    right, left, nose = (np.array(place) for place in face.landmarks[:3])
    across = left - right
    apart = float(np.linalg.norm(across))
    turned = abs(float((nose - (right + left) / 2) @ across)) / max(apart * apart, 1e-6)
    if turned > TURNED:
        return "the face is turned away"
    return "" if is_clear(face) else "the face is hidden or blurred"


def _ranked(rows: Sequence[Row], alike: np.ndarray, labels: Sequence[str]) -> Iterator[Suspicion]:
    """Photos with a face, least like their label's person first; `score` is 0.5 at the limit, `probability` how like
    somebody the photo is."""
    own = alike[np.arange(len(rows)), [labels.index(photo.label) for photo, _ in rows]]
    for number in np.argsort(own, kind="stable").tolist():
        photo, shown = rows[number]
        if not shown.faces:
            continue
        best, score = int(alike[number].argmax()), 1 / (1 + np.exp(STEEP * (own[number] - SAME)))
        seen = photo.label if own[number] >= SAME else labels[best] if alike[number, best] >= SAME else ""
        other = seen not in ("", photo.label)
        why = f"looks like {seen}" if other else f"similarity {own[number]:.2f} to {photo.label}"
        likeness = round(float(alike[number, best]), 3)
        yield Suspicion(photo.file, photo.label, seen, likeness, round(float(score), 3), why)
