"""What predict hands out: rows for people, documents for programs, copies sorted into label folders."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from lookalike.bundle.answer import document, unicode, unsure
from lookalike.errors import UnusablePhoto
from lookalike.files import replacing, sha256_file
from lookalike.predict.photos import Source
from lookalike.project.kinds import HEAD, sniff
from lookalike.project.names import NEITHER
from lookalike.project.records import Bundle, Prediction
from lookalike.project.sorted import SortedPhotos, folder_name
from lookalike.project.walk import Found, tell
from lookalike.report import Block, Table
from lookalike.text import CsvWriter, counted, json_text


@dataclass
class Predictions:
    """The answers of one command. Those that were printed already, as they came, are only counted."""

    kind: ClassVar[str] = "predictions"
    model: Bundle
    top: int
    kept: list[Prediction] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    printed: bool = False
    passed: list[Found] = field(default_factory=list)

    def add(self, prediction: Prediction) -> None:
        """Count one answer, and keep it unless answers are printed as they come."""
        if prediction.reason:
            self.reasons[prediction.reason] += 1
        else:
            self.counts[answer(prediction)] += 1
        if not self.printed:
            self.kept.append(prediction)

    @property
    def total(self) -> int:
        """How many photos were asked about."""
        return self.counts.total() + self.reasons.total()

    def data(self) -> dict[str, object]:
        """Every answer, with the counts by answer and by reason."""
        model = {name: getattr(self.model, name) for name in ("name", "labels", "threshold", "min_similarity")}
        return {
            "model": model,
            "predictions": [document(prediction, self.top) for prediction in self.kept],
            "counts": dict(self.counts.most_common()),
            "unreadable": dict(self.reasons.most_common()),
            "passed_over": [item.told() | {"file": unicode(item.file)} for item in self.passed],
        }

    def show(self) -> Iterable[Block]:
        """One row for each photo, best labels first; nothing when the rows were printed already."""
        if self.printed:
            return
        shown = min(self.top, len(self.model.labels))
        rows = [_row(prediction, shown) for prediction in self.kept]
        width = 4 if any(row[3] for row in rows) else 3
        columns = ("photo", "label", "probability", "others" if shown > 1 else "")[:width]
        yield Table("", columns, tuple(row[:width] for row in rows), right=("probability",))
        if self.total > 1 or self.passed:
            yield self.summary()

    def summary(self) -> str:
        """One line: how often each answer was given, and how many photos had none."""
        parts = [f"{label} {number}" for label, number in self.counts.most_common()]
        parts += [f"no answer {self.reasons.total()} ({', '.join(self.reasons)})"] if self.reasons else []
        return "; ".join(filter(None, (f"{counted(self.total, 'photo')}: {', '.join(parts)}", tell(self.passed))))


def answer(prediction: Prediction) -> str:
    """The label, or "neither"."""
    return prediction.label if prediction.known else NEITHER


def _row(prediction: Prediction, shown: int) -> tuple[str, str, str, str]:
    """Photo, label, probability, and the other labels or the reason."""
    name = unicode(prediction.file)
    if prediction.reason:
        detail = f"{prediction.reason}: {prediction.detail}" if prediction.detail else prediction.reason
        return name, "–", "", detail
    if prediction.doubt:
        return name, NEITHER, "", unsure(prediction)
    (_, best), *others = prediction.probabilities[:shown]
    words = _faces(prediction) or ", ".join(f"{o} {p:.1%}" for o, p in others)
    return name, prediction.label, f"{best:.1%}", words


def _faces(prediction: Prediction) -> str:
    """How often each name is among several faces: `2 faces: ann, neither`."""
    faces = prediction.faces or ()
    names = Counter(face.label if face.known else NEITHER for face in faces)
    told = ", ".join(name if times == 1 else f"{times} {name}" for name, times in names.most_common())
    return f"{len(faces)} faces: {told}" if len(faces) > 1 else ""


def plain_line(prediction: Prediction) -> str:
    """One answer as one line for a person."""
    if prediction.doubt:
        said = unsure(prediction)
    else:
        said = prediction.reason or f"{prediction.label}  {prediction.probabilities[0][1]:.1%}"
    return f"{unicode(prediction.file)}: {said}"


def jsonl_line(prediction: Prediction, top: int) -> str:
    """One answer as one line of JSON."""
    return json_text(document(prediction, top))


class CsvLines:
    """Answers as lines of CSV: file, label, probability, one column for each label, reason; of people also every face,
    as JSON."""

    def __init__(self, labels: tuple[str, ...], *, people: bool = False) -> None:
        self.labels, self.people = labels, people

    def header(self) -> str:
        """The names of the columns."""
        return self._line(
            ["file", "label", "probability", *(f"p:{label}" for label in self.labels), "reason", *self._also("faces")]
        )

    def _also(self, cell: str) -> list[str]:
        """A last column, of models of people."""
        return [cell] if self.people else []

    def line(self, prediction: Prediction) -> str:
        """One answer as a row: label and probability where it is sure, all probabilities, why there is none."""
        by_label = dict(prediction.probabilities)
        numbers = [f"{by_label[label]:.6f}" if by_label else "" for label in self.labels]
        best = f"{prediction.probabilities[0][1]:.6f}" if by_label and prediction.known else ""
        label = answer(prediction) if by_label or prediction.doubt else ""
        reason = unsure(prediction) if prediction.doubt else prediction.reason
        faces = json_text(document(prediction, 1).get("faces", []))
        return self._line([prediction.file, label, best, *numbers, reason, *self._also(faces)])

    @staticmethod
    def _line(cells: list[str]) -> str:
        buffer = io.StringIO()
        CsvWriter(buffer, end="").row(map(unicode, cells))
        return buffer.getvalue()


def sort_into(photos: SortedPhotos, prediction: Prediction, source: Source) -> Path | None:
    """Copy a photo into the folder of its answer, and return where it is. A copy that is there already is left alone,
    and so is one that a person has moved to another folder since: that is their word against ours."""
    if prediction.reason or isinstance(source, (str, UnusablePhoto)):
        return None
    folder = folder_name(answer(prediction))
    sha256 = hashlib.sha256(source).hexdigest() if isinstance(source, bytes) else sha256_file(source)
    if photos.is_moved(sha256, len(source) if isinstance(source, bytes) else source.stat().st_size):
        return None
    for name in _names(prediction.file, source):
        target = photos.root / folder / name
        if not os.path.lexists(target):
            photos.note(sha256, folder)
            with replacing(target) as part:
                if isinstance(source, bytes):
                    part.write_bytes(source)
                else:
                    shutil.copyfile(source, part)
            return target
        if _same(target, source):
            return target
    return None


def _names(file: str, source: Path | bytes) -> Iterator[str]:
    """File names to try: the photo's own, then the same with a number. Bytes are named by their sha256."""
    if isinstance(source, bytes):
        from lookalike.photos import images  # only here, and it loads Pillow

        suffix = images.SUFFIXES.get(sniff(source[:HEAD]), "")
        yield hashlib.sha256(source).hexdigest()[:16] + suffix
        return
    path = Path(file)
    yield path.name
    for number in range(2, 100_000):
        yield f"{path.stem}-{number}{path.suffix}"


def _same(target: Path, source: Path | bytes) -> bool:
    try:
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        return target.stat().st_size == size and target.read_bytes() == (
            source if isinstance(source, bytes) else source.read_bytes()
        )
    except OSError:
        return False
