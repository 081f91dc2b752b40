"""What a person decides about one photo: keep it, set it aside, give it another label, or take that back.

Used by the review page and by files of decisions. Each decision is in the manifest before the next one is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lookalike.decisions import aside
from lookalike.errors import LookalikeError
from lookalike.people import boxes
from lookalike.project.manifest import Manifest, State
from lookalike.project.names import OutsideError, inside
from lookalike.project.paths import Project
from lookalike.project.records import ImageRecord
from lookalike.project.walk import part_of

ACTIONS = ("keep", "aside", "label", "open", "face")


class DecisionError(LookalikeError):
    """A decision that cannot be carried out; the message says why."""


@dataclass(frozen=True)
class Wish:
    """One decision: `keep`, `aside`, `label` (with the new one), `face` (with the box of the one that counts), or
    `open` (no decision: as if never looked at)."""

    file: str
    action: str
    label: str = ""
    face: str = ""


@dataclass(frozen=True)
class Outcome:
    """Where the photo is now, its record, what was done, and whether that changed anything."""

    file: str
    record: ImageRecord
    done: str
    changed: bool


def decision_of(record: ImageRecord) -> str:
    """The decision that a photo's last record stands for, in the words of a decisions file."""
    if record.status == "ok":
        return "keep" if record.reason == "kept" else ""
    return "aside" if record.reason == "review" else ""


def decide(project: Project, manifest: Manifest, state: State, wish: Wish, *, by: str = "review") -> Outcome:
    """Carry out one decision. Raises DecisionError when the photo is not there or the decision makes no sense."""
    if wish.action not in ACTIONS:
        raise DecisionError(f"{wish.action!r} is not one of {', '.join(ACTIONS)}")
    file = wish.file
    try:
        here = inside(project.images, file).is_file()
        outside = inside(project.quarantine, file).is_file()
    except OutsideError:
        raise DecisionError("this is no photo of the set") from None
    parts = PurePosixPath(file).parts
    if not (here or outside):
        raise DecisionError("the photo is gone")
    if wish.action == "face":
        if not here or not boxes.parsed(wish.face):
            raise DecisionError("there is no such face")
        known = state.files.get(file)
        changed = aside.mark(manifest, state, file, known.reason if known else "", by=by, face=wish.face)
        return Outcome(file, state.files[file], "face chosen", changed)
    if wish.action == "aside":
        return _aside(project, manifest, state, file, by, here=here)
    label = wish.label if wish.action == "label" else parts[-2]
    if wish.action == "label":
        _check_label(project, file, label)
    changed = not here
    if not here:
        file = aside.restore(project, manifest, state, file, by=by)
    if label != parts[-2]:
        file = aside.relabel(project, manifest, state, file, label, by=by)
        return Outcome(file, state.files[file], "moved", changed=True)
    record = aside.mark(manifest, state, file, "" if wish.action == "open" else "kept", by=by)
    return Outcome(file, state.files[file], "kept", changed or record)


def _aside(project: Project, manifest: Manifest, state: State, file: str, by: str, *, here: bool) -> Outcome:
    changed = False
    if here:
        changed = aside.set_aside(project, manifest, state, file, reason="review", by=by)
    record = state.files.get(file) or ImageRecord(PurePosixPath(file).parts[-2], "quarantined", file)
    return Outcome(file, record, "set aside", changed)


def _check_label(project: Project, file: str, label: str) -> None:
    """A label must be one that exists, beside the photo's own; a new one is made on disk by the user."""
    folder = (project.images / file).parent.parent
    known = (
        sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")) if folder.is_dir() else []
    )
    if label not in known or (part_of(label) and _holds_folders(folder / label)):
        raise DecisionError(f"there is no label {label!r}; known: {', '.join(known)}")


def _holds_folders(folder: Path) -> bool:
    """Whether a folder called `train` holds label folders, and is no label itself."""
    return any(path.is_dir() for path in folder.iterdir())
