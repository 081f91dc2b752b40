"""Everything known about a set before anything is moved: faults, copies, suspects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lookalike.clean import checks, duplicates
from lookalike.clean.memory import Memory
from lookalike.clean.persons import Persons, Shown
from lookalike.clean.result import SUSPECT, Finding
from lookalike.clean.scan import Seen, look, unseen
from lookalike.clean.suspects import LEAST, Suspects, Suspicion, rank
from lookalike.project.layout import require_photos
from lookalike.project.manifest import State
from lookalike.project.paths import Project
from lookalike.project.walk import Found, walk
from lookalike.report import Reporter
from lookalike.settings.fields import CleanSettings, Settings


@dataclass(frozen=True)
class Survey:
    """`away` is to be set aside, `notes` are only worth a look; `groups` are copies of one photo, the best first;
    `together` is what a split keeps on one side: copies, and photos of one scene.

    `passed` are files that nobody looked at, each with its reason.
    """

    photos: list[Seen]
    away: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    groups: list[list[Seen]] = field(default_factory=list)
    together: list[list[Seen]] = field(default_factory=list)
    suspects: Suspects = field(default_factory=Suspects)
    faces: dict[str, Shown] = field(default_factory=dict)
    passed: tuple[Found, ...] = ()

    @property
    def most_suspect(self) -> tuple[Suspicion, ...]:
        """Photos whose label the probe does not believe, or that are far from their label, most suspect first."""
        return tuple(item for item in self.suspects.ranked if item.score >= SUSPECT)


def survey(project: Project, state: State, everything: Settings, memory: Memory, *, report: Reporter) -> Survey:
    """Look at every photo and judge it; what a person has decided to keep is not to be set aside.

    Raises NotReadyError when there are no photos.
    """
    settings = everything.clean
    walked = walk(project.images)
    photos = look(walked, memory, jobs=settings.jobs, report=report)
    if not photos:
        require_photos(walked)
    kept = {file for file, record in state.files.items() if record.reason == "kept" and record.status == "ok"}

    def features(wanted: Sequence[Seen]) -> dict[str, np.ndarray]:
        from lookalike.clean.features import features as compute

        return compute(project.images, wanted, memory, jobs=settings.jobs, report=report)

    away: dict[str, Finding] = {}
    notes: list[Finding] = []
    for finding in checks.faults(photos, settings):
        if checks.moves(finding.reason, settings) and finding.file not in kept:
            away.setdefault(finding.file, finding)
        else:
            notes.append(finding)
    good = [photo for photo in photos if photo.facts and photo.file not in away]
    copies = duplicates.find(project.images, good, memory, kept, jobs=settings.jobs, report=report)
    together = duplicates.together(copies)
    for finding in duplicates.findings(copies):
        moves = finding.reason == "two-labels" or (finding.reason != "alike" and not settings.keep_copies)
        if finding.file not in kept and moves:
            away.setdefault(finding.file, finding)
        else:
            notes.append(finding)
    persons = _people(project, good, everything, memory, report, together)
    for finding in persons.findings:
        if checks.moves(finding.reason, settings) and finding.file not in kept:
            away.setdefault(finding.file, finding)
        else:
            notes.append(finding)
    suspects = persons.suspects or _suspects(good, together, away, settings, features)
    suspects = replace(suspects, ranked=tuple(item for item in suspects.ranked if item.file not in away))
    for item in [item for item in suspects.ranked if item.file not in kept][: settings.apply_suspects or 0]:
        away.setdefault(item.file, Finding(item.file, item.label, "suspect", f"{item.why} ({item.score:.2f})"))
    notes = [finding for finding in notes if finding.file not in away]
    return Survey(
        photos,
        sorted(away.values(), key=lambda finding: finding.file),
        notes,
        copies.groups,
        together,
        suspects,
        persons.shown,
        unseen(walked),
    )


def _people(
    project: Project, good: list[Seen], everything: Settings, memory: Memory, report: Reporter, groups: list[list[Seen]]
) -> Persons:
    """Photos with no face, several, or another person's, where that is wanted and can be seen; and where the labels
    are persons, the photos ranked by that, with their faces."""
    settings = everything.clean
    if not (settings.faces and settings.suspects and len(good) >= 2 * LEAST):
        return Persons([])
    from lookalike.clean import people

    return people.findings(project, good, _names(groups), memory, everything, report=report)


def _names(groups: list[list[Seen]]) -> dict[str, str]:
    """One name for the copies of a photo, by file."""
    return {photo.file: group[0].file for group in groups for photo in group}


def _suspects(
    good: list[Seen],
    groups: list[list[Seen]],
    away: dict[str, Finding],
    settings: CleanSettings,
    features: Callable[[Sequence[Seen]], dict[str, np.ndarray]],
) -> Suspects:
    """Suspects among the photos that stay, unless they are not wanted or too few to tell."""
    staying = [photo for photo in good if photo.file not in away]
    counts = {label: sum(photo.label == label for photo in staying) for label in {photo.label for photo in staying}}
    if not (settings.suspects or settings.apply_suspects) or len(counts) < 2 or min(counts.values()) < LEAST:
        return Suspects()
    return rank(staying, features(staying), _names(groups))
