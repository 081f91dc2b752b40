"""`lookalike correct`: what a person says that photos show, kept to learn from; and that taken back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lookalike.decisions.corrections import Corrections, advice
from lookalike.decisions.decide import DecisionError
from lookalike.errors import ConfigError, NotReadyError, UnusablePhoto
from lookalike.files import JsonObject, sha256_file
from lookalike.photos.decode import Pool
from lookalike.photos.whole import Decoded
from lookalike.project.layout import GATHER
from lookalike.project.names import NEITHER
from lookalike.project.paths import Project
from lookalike.project.sorted import RECORD, SortedPhotos, folder_name
from lookalike.project.walk import walk
from lookalike.report import SILENT, Block, Reporter, Table
from lookalike.text import counted, typed

SHOWN = 20
Said = tuple[Path, str, str]  # a photo, its sha256, and the label that a person gave it, or the folder it is in


@dataclass(frozen=True)
class CorrectResult:
    """Photos with what a person said they show: kept now, known already, or not kept, and why; or taken back."""

    kind: ClassVar[str] = "correct"
    kept: tuple[tuple[str, str, str], ...] = ()
    already: int = 0
    refused: tuple[tuple[str, str], ...] = ()
    undone: int = 0
    waiting: int = 0
    advice: str = ""

    def data(self) -> JsonObject:
        """Each photo that was kept with its label and its place in the project; each refused one with the reason."""
        return {
            "kept": [{"photo": photo, "label": label, "file": file} for photo, label, file in self.kept],
            "already": self.already, "refused": [{"photo": photo, "why": why} for photo, why in self.refused],
            "undone": self.undone, "waiting": self.waiting,
        }  # fmt: skip

    def show(self) -> Iterable[Block]:
        """What was kept, what not, and when it is worth to train again."""
        if self.kept:
            yield Table("kept", ("photo", "as", "file"), self.kept[:SHOWN])
        if self.refused:
            yield Table("not kept", ("photo", "why"), self.refused[:SHOWN])
        known = f", {self.already} known already" if self.already else ""
        yield (
            f"{counted(self.undone, 'correction')} taken back"
            if self.undone
            else (f"{counted(len(self.kept), 'correction')} kept{known}")
        )
        if self.advice:
            yield self.advice


def run(
    project: Project, names: Sequence[str], label: str | None, *, undo: bool = False, report: Reporter = SILENT
) -> CorrectResult:
    """Keep each named photo under `label`; of folders that `predict --sort-into` made, the photos that were moved since
    under the label of the folder they are in now. With `undo`, take back what was said about these photos.

    Raises ConfigError for names that mean nothing, NotReadyError without a data set or while it is in use.
    """
    labels = walk(project.images).labels if project.images.is_dir() else []
    if not labels:
        raise NotReadyError(f"there are no photos in {project.images} to learn with", GATHER)
    corrections = Corrections(project, labels)
    said = list(_said([Path(name) for name in names], label, undo))
    if undo:
        done = sum(corrections.undo_of(sha256) for _, sha256, _ in said)
        waiting = corrections.waiting()
        return CorrectResult(undone=done, waiting=waiting, advice=advice(project, waiting))
    return _keep(project, corrections, said, report)


def _said(paths: Sequence[Path], label: str | None, undo: bool) -> Iterator[Said]:
    """Each photo meant, and what a person says it shows."""
    if not paths:
        raise ConfigError("there is nothing to correct", "name a folder of sorted photos, or photos with --as LABEL")
    for path in paths:
        if path.is_dir():
            sorted_photos = SortedPhotos(path)
            if not sorted_photos.put:
                raise ConfigError(
                    f"{path} has no {RECORD}: nothing was sorted into it", "lookalike predict PHOTOS --sort-into FOLDER"
                )
            yield from ((photo, sha256, photo.parent.name) for photo, sha256 in sorted_photos.moved())
        elif not path.is_file():
            raise ConfigError(f"there is no file or folder {path}", "name a folder of sorted photos, or photos")
        elif label is None and not undo:
            hint = f"lookalike correct --as LABEL {typed(path)}, or --as {NEITHER}"
            raise ConfigError(f"what does {path} show?", hint)
        else:
            yield path, sha256_file(path), label or ""


def _keep(project: Project, corrections: Corrections, said: Sequence[Said], report: Reporter) -> CorrectResult:
    labels = {folder_name(name): name for name in (*corrections.folders, NEITHER)}
    kept, refused, already = [], [], 0
    with Pool() as pool, report.task("corrections", len(said)) as task:
        for path, _, word in said:
            try:
                content = path.read_bytes()
                decoded = pool.call("lookalike.photos.whole:decode", content)
                if isinstance(decoded, UnusablePhoto):
                    raise decoded
                done = corrections.keep(content, Decoded(*decoded), labels.get(folder_name(word), word))
                if done.name:
                    kept.append((str(path), done.label, done.file))
                already += not done.name
            except (DecisionError, UnusablePhoto, OSError) as error:
                refused.append((str(path), str(error)))
            task.advance()
    waiting = corrections.waiting()
    result = CorrectResult(tuple(kept), already, tuple(refused), 0, waiting, advice(project, waiting))
    if refused and not kept and not already:
        known = ", ".join((*corrections.folders, NEITHER))
        raise NotReadyError("none of it could be kept", f"the rows above say why; labels are: {known}", result=result)
    return result
