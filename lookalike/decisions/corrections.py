"""A photo with a person's word on what it shows: kept in the set, or among what is none of the labels, and taken back.

A photo that is new is stored as `gather` stores one, file first, then its line (provider `correction`). One that the
set has already, by its bytes, gets the label it was given, or is set aside when it is none of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from lookalike.decisions import aside, decide, history
from lookalike.decisions.decide import DecisionError, Wish
from lookalike.errors import NotReadyError
from lookalike.files import sha256_file, write_bytes
from lookalike.photos.whole import Decoded, file_name
from lookalike.project import layout
from lookalike.project.dataset import read_examples
from lookalike.project.manifest import CORRECTION, Manifest, State
from lookalike.project.names import NEITHER, OutsideError, inside
from lookalike.project.paths import Project
from lookalike.project.records import ImageRecord
from lookalike.project.walk import walk
from lookalike.text import counted

LOCK_SECONDS = 2.0
WORTH = 10
"""Corrections from which another training is worth its time."""
NONE_OF_THESE = "none-of-these"
BY_PEOPLE = (history.REVIEW, history.CORRECTED)


@dataclass(frozen=True)
class Correction:
    """What was done: `name` takes it back ("" where everything was so already), the photo's sha256, what it shows, and
    where it is now, from the project's folder on."""

    name: str
    sha256: str
    label: str
    file: str


class Corrections:
    """Takes corrections for `labels`, of which those count that have a folder. Safe from several processes."""

    def __init__(self, project: Project, labels: Sequence[str]) -> None:
        self.project, self.manifest = project, Manifest(project.images)
        base = layout.base(project.images) if project.images.is_dir() else project.images
        self.folders = {label: base / label for label in labels if _is_folder(base, label)}

    def keep(self, content: bytes, decoded: Decoded, label: str) -> Correction:
        """Keep the bytes of a photo, decoded as said, under the label that a person gave, or as none of them (NEITHER).

        Raises DecisionError for another label, NotReadyError while another command works in the set.
        """
        if label not in (*self.folders, NEITHER):
            raise DecisionError(f"there is no label {label!r} here")
        sha256 = hashlib.sha256(content).hexdigest()
        with self.manifest.lock(wait=LOCK_SECONDS):
            state = aside.reconcile(self.project, self.manifest)
            name = history.CORRECTED + datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
            if file := self._file_of(state, sha256, len(content)):
                return self._decide(state, file, sha256, label, name)
            if label == NEITHER:
                return self._put_aside(content, decoded, sha256, name)
            return self._add(content, decoded, sha256, label, name)

    def _add(self, content: bytes, decoded: Decoded, sha256: str, label: str, name: str) -> Correction:
        for other in [other for other in _others(self.manifest) if other.sha256 == sha256]:
            self._remove(other)
        path = self.folders[label] / file_name(CORRECTION, sha256, decoded.format)
        write_bytes(path, content)
        record = ImageRecord(
            label, "ok", path.relative_to(self.project.images).as_posix(), reason="kept", sha256=sha256,
            width=decoded.width, height=decoded.height, provider=CORRECTION, by=name,
        )  # fmt: skip
        self.manifest.append([record])
        return Correction(name, sha256, label, self._told(path))

    def _file_of(self, state: State, sha256: str, size: int) -> str:
        """The photo of the set with these bytes, in the set or set aside; "" when there is none."""
        for record in state.files.values():
            if record.sha256 == sha256 and self._place(record).is_file():
                return record.file
        unknown = (item.file for item in walk(self.project.images).photos if not _is_known(state, item.file))
        return next((file for file in unknown if _has(self.project.images / file, sha256, size)), "")

    def _place(self, record: ImageRecord) -> Path:
        root = self.project.quarantine if record.status == "quarantined" else self.project.images
        return root / record.file

    def _decide(self, state: State, file: str, sha256: str, label: str, name: str) -> Correction:
        ours = False
        if not _is_known(state, file):
            ours = PurePosixPath(file).name.startswith(f"{CORRECTION}-{sha256[:16]}")  # a kill has cost it its line
            found = ImageRecord(PurePosixPath(file).parts[-2], "ok", file, provider="by-hand")  # as `clean` says
            found = state.files.get(file) or found
            found = replace(found, provider=CORRECTION, reason="kept", by=name) if ours else found
            state.files[file] = replace(found, sha256=sha256, at="", moved_from="")
            self.manifest.append([state.files[file]])
        wish = Wish(file, "aside") if label == NEITHER else Wish(file, "label", label)
        done = decide.decide(self.project, self.manifest, state, wish, by=name)
        return Correction(name if done.changed or ours else "", sha256, label, self._told(self._place(done.record)))

    def _put_aside(self, content: bytes, decoded: Decoded, sha256: str, name: str) -> Correction:
        """Keep what is none of the labels outside of them."""
        path = self.project.others / file_name(CORRECTION, sha256, decoded.format)
        if known := [other for other in _others(self.manifest) if other.sha256 == sha256 and path.is_file()]:
            return Correction("", sha256, NEITHER, known[0].detail)
        write_bytes(path, content)
        record = ImageRecord(
            NEITHER, "note", reason=NONE_OF_THESE, detail=path.relative_to(self.project.root).as_posix(),
            sha256=sha256, width=decoded.width, height=decoded.height, provider=CORRECTION, by=name,
        )  # fmt: skip
        self.manifest.append([record])
        return Correction(name, sha256, NEITHER, self._told(path))

    def undo(self, name: str) -> None:
        """Take a correction back: the photo is gone again, or where it was, with the decision it had.

        Raises DecisionError when there is no such correction, or when the photo has been decided about since.
        """
        with self.manifest.lock(wait=LOCK_SECONDS):
            state = aside.reconcile(self.project, self.manifest)
            if none := next((other for other in _others(self.manifest) if other.by == name), None):
                return self._remove(none)
            batch = next((b for b in history.batches(self.manifest, history.CORRECTED) if b.name == name), None)
            if not batch:
                raise DecisionError("there is no such correction, or it was taken back already")
            before, last = batch.steps[0][0], batch.steps[-1][1]
            now = state.files.get(last.file)
            if not now or _word(now) != _word(last):
                raise DecisionError("this photo has been decided about since; see `lookalike clean --review`")
            if before is None and last.provider == CORRECTION:
                return self._remove(last)
            history.revert(self.project, self.manifest, state, batch)
        return None

    def undo_of(self, sha256: str) -> bool:
        """Take back the last word of a correction on the photo with these bytes. Whether there was one that stands."""
        batches = history.batches(self.manifest, history.CORRECTED)
        names = [batch.name for batch in batches if batch.steps[-1][1].sha256 == sha256]
        names += [other.by for other in _others(self.manifest) if other.sha256 == sha256]
        if names:
            self.undo(max(names))
        return bool(names)

    def _remove(self, record: ImageRecord) -> None:
        """Take away a photo that only a correction has brought: the file first, so that nothing learns from it."""
        aside = record.status == "quarantined"
        root, name = self.project.quarantine if aside else self.project.images, record.file
        if not name:
            root, name = self.project.others, PurePosixPath(record.detail).name
        with suppress(OutsideError, FileNotFoundError):
            path = inside(root, name, parts=1)
            if sha256_file(path) == record.sha256:
                path.unlink()
        undone = ImageRecord(record.label, "note", reason="undone", moved_from=record.file, by=history.UNDO + record.by)
        self.manifest.append([undone])

    def _told(self, path: Path) -> str:
        root = self.project.root
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)

    def waiting(self) -> int:
        """How many photos people have decided about since the newest training, so that it learnt them otherwise."""
        return len(_unlearnt(self.project, self.manifest))

    def unlearnt(self) -> list[tuple[Correction, Path]]:
        """Photos of the set that the newest training learnt under another label or not at all, and where they are."""
        rows = [record for record in _unlearnt(self.project, self.manifest) if record.status == "ok"]
        found = ((Correction(r.by, r.sha256, r.label, r.file), self._place(r)) for r in rows)
        return [(each, path) for each, path in found if path.is_file()]


def _unlearnt(project: Project, manifest: Manifest) -> list[ImageRecord]:
    """The photos that carry another label than the newest training learnt, or none, because a person said so."""
    try:
        learnt = {example.sha256: example.label for example in read_examples(project.run_dir() / "split.csv")}
    except NotReadyError:
        return []
    decided = [r for r in manifest.fold().files.values() if r.sha256 and r.by.startswith(BY_PEOPLE)]
    return [
        r for r in decided if (r.sha256 in learnt if r.status == "quarantined" else learnt.get(r.sha256) != r.label)
    ]


def advice(project: Project, number: int) -> str:
    """When it is worth to train again, in a line; "" while nothing waits."""
    if not number:
        return ""
    since = f"{counted(number, 'correction')} since the last training"
    train = project.command("train")
    return f"{since}: {train}" if number >= WORTH else f"{since}; from {WORTH} on it is worth it: {train}"


def _others(manifest: Manifest) -> list[ImageRecord]:
    """The photos that are none of the labels, and still are, oldest first."""
    standing: dict[str, ImageRecord] = {}
    for record in manifest.records():
        if record.status == "note" and record.by.startswith(history.UNDO):
            standing.pop(record.by.removeprefix(history.UNDO), None)
        elif record.status == "note" and (record.provider, record.reason) == (CORRECTION, NONE_OF_THESE):
            standing[record.by] = record
    return list(standing.values())


def _is_folder(base: Path, label: str) -> bool:
    """Whether a label, which may come with a stranger's model, is a folder of the set."""
    try:
        folder = inside(base, label, parts=1)
    except OutsideError:
        return False
    return folder.parent == base and folder.is_dir() and not folder.is_symlink()


def _word(record: ImageRecord) -> tuple[str, str, str]:
    """What was decided, whoever said so: a later decision may have been taken back."""
    return record.status, record.label, record.reason


def _is_known(state: State, file: str) -> bool:
    return file in state.files and bool(state.files[file].sha256)


def _has(path: Path, sha256: str, size: int) -> bool:
    """Whether a file holds these bytes; only one of their number is read."""
    try:
        return path.stat().st_size == size and sha256_file(path) == sha256
    except OSError:
        return False
