"""Decisions in the order they were taken, read from the manifest, and how to take the last of them back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from lookalike.decisions import aside
from lookalike.project.manifest import Manifest, State
from lookalike.project.names import OutsideError, inside
from lookalike.project.paths import Project
from lookalike.project.records import ImageRecord

REVIEW, CORRECTED, UNDO = "review-", "correction-", "undo "
"""How the names of those begin that decided: on the review page, by a correction, and by taking back what follows."""


@dataclass
class Batch:
    """Decisions taken together: each photo's record before and after, in order."""

    name: str
    steps: list[tuple[ImageRecord | None, ImageRecord]] = field(default_factory=list)


def batches(manifest: Manifest, of: str = REVIEW) -> list[Batch]:
    """The decisions that stand, oldest first: of the review page, or corrections, as their names begin."""
    known: dict[str, ImageRecord] = {}
    stack: dict[str, Batch] = {}
    for record in manifest.records():
        if record.by.startswith(UNDO):
            stack.pop(record.by.removeprefix(UNDO), None)
        moved = known.pop(record.moved_from, None)
        if not record.file or record.status not in ("ok", "quarantined"):
            continue
        before = moved if record.moved_from else known.get(record.file)
        known[record.file] = record
        if record.by.startswith(of):
            stack.setdefault(record.by, Batch(record.by)).steps.append((before, record))
    return list(stack.values())


def revert(project: Project, manifest: Manifest, state: State, batch: Batch) -> list[str]:
    """Take a batch back, last step first. Returns the files touched, by their names now; what is gone stays gone."""
    touched, by = [], UNDO + batch.name
    for before, after in reversed(batch.steps):
        earlier = before or ImageRecord(after.label, "ok", after.file)
        root = project.quarantine if after.status == "quarantined" else project.images
        with suppress(OutsideError):
            if inside(root, after.file).is_file():
                touched.append(_step_back(project, manifest, state, earlier, after, by=by))
    return touched


def _step_back(
    project: Project, manifest: Manifest, state: State, before: ImageRecord, after: ImageRecord, *, by: str
) -> str:
    if after.status == "quarantined":
        return aside.restore(project, manifest, state, after.file, by=by, reason=before.reason)
    if before.status == "quarantined":
        aside.set_aside(project, manifest, state, after.file, reason=before.reason, detail=before.detail, by=by)
        return after.file
    if before.label != after.label:
        return aside.relabel(
            project, manifest, state, after.file, before.label, by=by, reason=before.reason, wanted=before.file
        )
    aside.mark(manifest, state, after.file, before.reason, by=by, face=before.face)
    return after.file
