"""Bring back what was set aside, and the photos that a run moved to another label."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath

from lookalike.clean.result import Restored
from lookalike.decisions.aside import in_the_old_place, reconcile, relabel, restore
from lookalike.project.manifest import Manifest, State
from lookalike.project.names import OutsideError
from lookalike.project.paths import Project
from lookalike.project.records import ImageRecord

REPORT = "report.html"


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
    for path in in_the_old_place(project, state).values():  # only before a dry run: else they have been moved
        file = path.relative_to(project.quarantine).as_posix()
        if run in (None, state.files[file].by):
            yield file


def _remove_empty(folder: Path) -> None:
    """Remove folders that hold nothing any more; a report of photos that have all come back goes too."""
    if folder.is_dir() and all(path.name == REPORT for path in folder.rglob("*") if not path.is_dir()):
        (folder / REPORT).unlink(missing_ok=True)
    for inner, _, _ in os.walk(folder, topdown=False):
        if not os.listdir(inner):  # noqa: PTH208
            Path(inner).rmdir()
