"""Set photos aside and bring them back, so that at every moment each of them is in exactly one place.

The manifest gets its line first, then the file moves; a run that is killed in between is put right by `reconcile` at
the start of the next. A file keeps its path: images/ants/x.jpg lies in quarantine/ants/x.jpg.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from lookalike.files import replacing, sha256_file
from lookalike.project.manifest import Manifest, State
from lookalike.project.names import OutsideError, inside
from lookalike.project.paths import Project
from lookalike.project.records import ImageRecord


def new_run() -> str:
    """A name for a run: the time, to the millisecond."""
    return datetime.now(UTC).strftime("clean-%Y%m%d-%H%M%S-%f")[:-3]


def reconcile(project: Project, manifest: Manifest, *, make_room: bool = True) -> State:
    """Make the manifest and the folders agree again after a run that was killed, or after changes by hand.

    With `make_room`, a quarantined photo whose name a new photo has taken gets another name.
    """
    state = manifest.fold()
    for old, new in in_the_old_place(project, state).items():
        move(old, new)
    for record in state.files.values():
        with suppress(OutsideError):
            if record.status == "quarantined":
                _agree(project, manifest, record, make_room)
    return manifest.fold()


def in_the_old_place(project: Project, state: State) -> dict[Path, Path]:
    """Photos of another folder than images/ that are in quarantine/, where all folders once shared one place.

    They are told by their bytes; where the manifest does not know these, by being no photo of images/.
    """
    usual = Project(project.root)
    if usual.quarantine == project.quarantine or not usual.quarantine.is_dir():
        return {}
    others, found = Manifest(usual.images).fold().files, {}
    for record in state.files.values():
        with suppress(OutsideError):
            old, new = inside(usual.quarantine, record.file), inside(project.quarantine, record.file)
            if record.status != "quarantined" or new.exists() or not old.is_file():
                continue
            other = others.get(record.file)
            theirs = other is not None and other.status == "quarantined"
            if sha256_file(old) == record.sha256 if record.sha256 else not theirs:
                found[old] = new
    return found


def _agree(project: Project, manifest: Manifest, record: ImageRecord, make_room: bool) -> None:
    here, aside = inside(project.images, record.file), inside(project.quarantine, record.file)
    if not here.exists():
        return
    if not aside.exists():
        manifest.append([replace(record, status="ok", reason="", detail="", by="", at="", moved_from="")])
    elif sha256_file(here) == sha256_file(aside):
        here.unlink()  # a move between two file systems was cut off after the copy was complete
    elif make_room:
        _make_room(project, manifest, record)


def set_aside(
    project: Project, manifest: Manifest, state: State, file: str, *, reason: str, detail: str = "", by: str
) -> bool:
    """Move one photo to the quarantine. False when it is no longer there. Raises OutsideError behind a link."""
    source, target = inside(project.images, file), inside(project.quarantine, file)
    if not source.exists():
        return False
    known = state.files.get(file) or ImageRecord(PurePosixPath(file).parts[-2], "ok", file)
    with suppress(PermissionError):  # a photo that can't be read can be moved all the same
        known = replace(known, sha256=known.sha256 or sha256_file(source))
    if target.exists():
        _make_room(project, manifest, known)
    record = replace(known, status="quarantined", reason=reason, detail=detail, by=by, at="", moved_from="")
    manifest.append([record])
    state.files[file] = record
    move(source, target)
    return True


def relabel(
    project: Project,
    manifest: Manifest,
    state: State,
    file: str,
    label: str,
    *,
    by: str,
    reason: str = "kept",
    wanted: str = "",
) -> str:
    """Move one photo of the set to another label; returns its new path below images/, `wanted` where that is free.

    Raises OutsideError when a link is in the way.
    """
    parts, source = PurePosixPath(file).parts, inside(project.images, file)
    target = _free(project.images, wanted or str(PurePosixPath(*parts[:-2], label, parts[-1])))
    known = state.files.get(file) or ImageRecord(parts[-2], "ok", file)
    record = replace(known, file=target, label=label, status="ok", reason=reason, by=by, at="", moved_from=file)
    place = inside(project.images, target)
    manifest.append([record])
    state.files.pop(file, None)
    state.files[target] = record
    move(source, place)
    return target


def mark(manifest: Manifest, state: State, file: str, reason: str, *, by: str, face: str | None = None) -> bool:
    """Write a decision that moves nothing: `kept`, or none, and which face counts. False when the manifest says so
    already."""
    known = state.files.get(file) or ImageRecord(PurePosixPath(file).parts[-2], "ok", file)
    face = known.face if face is None else face
    if file in state.files and known.status == "ok" and (known.reason, known.face) == (reason, face):
        return False
    record = replace(known, status="ok", reason=reason, detail="", by=by, at="", moved_from="", face=face)
    manifest.append([record])
    state.files[file] = record
    return True


def restore(
    project: Project, manifest: Manifest, state: State, file: str, *, by: str = "undo", reason: str = ""
) -> str:
    """Bring one photo back from the quarantine; returns its path below images/.

    Raises FileNotFoundError when it is not there, OutsideError when a link is in the way.
    """
    source, target = inside(project.quarantine, file), _free(project.images, file)
    place = inside(project.images, target)
    if not source.is_file():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(source))
    known = state.files.get(file) or ImageRecord(PurePosixPath(file).parts[-2], "quarantined", file)
    record = replace(known, file=target, status="ok", reason=reason, detail="", by=by, at="", moved_from="")
    move(source, place)
    manifest.append([replace(record, moved_from=file) if target != file else record])
    state.files.pop(file, None)
    state.files[target] = record
    return target


def _make_room(project: Project, manifest: Manifest, record: ImageRecord) -> None:
    """Give a quarantined photo another name, because a new photo has come under its own."""
    source, name = inside(project.quarantine, record.file), _free(project.quarantine, record.file)
    manifest.append([replace(record, file=name, status="quarantined", moved_from=record.file, at="")])
    move(source, project.quarantine / name)


def _free(root: Path, file: str) -> str:
    """The path itself, or the first of x~2.jpg, x~3.jpg, … that is not taken below `root`."""
    path, number, candidate = PurePosixPath(file), 1, file
    while os.path.lexists(root / candidate):
        number += 1
        candidate = str(path.with_name(f"{path.stem[:200]}~{number}{path.suffix}"))
    return candidate


def move(source: Path, target: Path) -> None:
    """Move a file in one step; between file systems, copy it under a temporary name first.

    A link is moved itself, never what it leads to, and leads there from its new place, too.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink() and not (goal := source.readlink()).is_absolute():
        words = os.path.relpath(source.parent.resolve() / goal, target.parent.resolve())
        if words != os.path.normpath(goal):
            target.symlink_to(words)
            source.unlink()
            return
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with replacing(target) as part:
            shutil.copy2(source, part)
        source.unlink()
