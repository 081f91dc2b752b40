"""Set photos aside and bring them back, so that at every moment each of them is in exactly one place.

The manifest gets its line first, then the file moves; a run that is killed in between is put right by `reconcile` at
the start of the next. A file keeps its path: images/ants/x.jpg lies in quarantine/ants/x.jpg.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from lookalike.clean.result import Finding, Restored
from lookalike.files import replacing, sha256_file
from lookalike.project.manifest import Manifest, State
from lookalike.project.names import OutsideError, inside
from lookalike.project.paths import Project
from lookalike.project.records import ImageRecord

REPORT = "report.html"


def new_run() -> str:
    """A name for a run: the time, to the millisecond."""
    return datetime.now(UTC).strftime("clean-%Y%m%d-%H%M%S-%f")[:-3]


def reconcile(project: Project, manifest: Manifest, *, make_room: bool = True) -> State:
    """Make the manifest and the folders agree again after a run that was killed, or after changes by hand.

    With `make_room`, a quarantined photo whose name a new photo has taken gets another name.
    """
    state = manifest.fold()
    for old, new in _in_the_old_place(project, state).items():
        move(old, new)
    for record in state.files.values():
        with suppress(OutsideError):
            if record.status == "quarantined":
                _agree(project, manifest, record, make_room)
    return manifest.fold()


def _in_the_old_place(project: Project, state: State) -> dict[Path, Path]:
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


def set_aside(project: Project, manifest: Manifest, state: State, finding: Finding, run: str) -> bool:
    """Move one photo to the quarantine. False when it is no longer there. Raises OutsideError behind a link."""
    source, target = inside(project.images, finding.file), inside(project.quarantine, finding.file)
    if not source.exists():
        return False
    known = state.files.get(finding.file) or ImageRecord(finding.label, "ok", finding.file)
    with suppress(PermissionError):  # a photo that can't be read can be moved all the same
        known = replace(known, sha256=known.sha256 or sha256_file(source))
    if target.exists():
        _make_room(project, manifest, known)
    detail = " ".join(part for part in (finding.detail, finding.other) if part)
    record = replace(known, status="quarantined", reason=finding.reason, detail=detail, by=run, at="", moved_from="")
    manifest.append([record])
    state.files[finding.file] = record
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


def undo(
    project: Project,
    manifest: Manifest,
    *,
    files: Iterable[str] = (),
    run: str | None = None,
    dry_run: bool = False,
) -> Restored:
    """Bring photos back: the named ones, those of one run (`last`: the newest), or by default all of them.

    A photo whose name is taken by now gets a free one. With a run, the photos it moved to another label move back, too.
    """
    state = manifest.fold() if dry_run else reconcile(project, manifest, make_room=False)
    moves = _label_moves(manifest, state) if run else {}
    if run == "last":
        done = [record for record in state.files.values() if record.status == "quarantined"] + list(moves.values())
        run = max(done, key=lambda record: (record.at, record.by)).by if done else ""
    moves = {file: record for file, record in moves.items() if record.by == run}
    wanted = list(files) or sorted(_quarantined(project, state, run))
    if dry_run:
        back = {file: record.moved_from for file, record in moves.items()}
        return Restored(tuple(wanted), {}, (), moved_back=back, dry_run=True)
    restored, renamed, missing = [], {}, []
    for file in wanted:
        try:
            target = restore(project, manifest, state, file)
        except (OutsideError, FileNotFoundError):
            missing.append(file)
            continue
        restored.append(target)
        if target != file:
            renamed[file] = target
    moved = {file: _move_back(project, manifest, state, record) for file, record in moves.items()}
    _remove_empty(project.quarantine)
    return Restored(tuple(restored), renamed, tuple(missing), moved_back=moved)


def _label_moves(manifest: Manifest, state: State) -> dict[str, ImageRecord]:
    """Photos of the set whose last word is another label, each with the record that gave it."""
    moves: dict[str, ImageRecord] = {}
    for record in manifest.records():
        if not record.moved_from or record.status != "ok" or record.by.startswith("undo"):
            continue
        before = moves.pop(record.moved_from, None)
        twice = before is not None and before.by == record.by  # by one run: back to where it was first
        origin = before.moved_from if before and twice else record.moved_from
        if record.label != PurePosixPath(origin).parts[-2]:
            moves[record.file] = replace(record, moved_from=origin)
    last = {file: state.files[file] for file in moves if file in state.files}
    return {file: moves[file] for file, now in last.items() if now.status == "ok" and now.by == moves[file].by}


def _move_back(project: Project, manifest: Manifest, state: State, record: ImageRecord) -> str:
    """Give a photo its former label again; returns its path, or "" when it is no longer there."""
    if not (project.images / record.file).is_file():
        return ""
    label, wanted = PurePosixPath(record.moved_from).parts[-2], record.moved_from
    with suppress(OutsideError):
        return relabel(project, manifest, state, record.file, label, by="undo", reason="", wanted=wanted)
    return ""


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


def _quarantined(project: Project, state: State, run: str | None) -> Iterator[str]:
    """Files in the quarantine, those that the manifest has forgotten included when all are meant."""
    for folder, _, names in os.walk(project.quarantine):
        for name in names:
            file = (Path(folder) / name).relative_to(project.quarantine).as_posix()
            if len(PurePosixPath(file).parts) < 2 or name.endswith(".part"):
                continue
            record = state.files.get(file)
            if run is None or (record and record.by == run):
                yield file
    for path in _in_the_old_place(project, state).values():  # only before a dry run: else they have been moved
        file = path.relative_to(project.quarantine).as_posix()
        if run in (None, state.files[file].by):
            yield file


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


def _remove_empty(folder: Path) -> None:
    """Remove folders that hold nothing any more; a report of photos that have all come back goes too."""
    if folder.is_dir() and all(path.name == REPORT for path in folder.rglob("*") if not path.is_dir()):
        (folder / REPORT).unlink(missing_ok=True)
    for inner, _, _ in os.walk(folder, topdown=False):
        if not os.listdir(inner):  # noqa: PTH208
            Path(inner).rmdir()
