"""Photos to faces with features, each photo looked at once: what was seen is kept by content."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.errors import ConfigError, UnusablePhoto
from lookalike.net import weights
from lookalike.people import graph
from lookalike.photos import align, faces, images
from lookalike.photos.memory import Memory
from lookalike.photos.store import open_store
from lookalike.photos.views import View, shrunk, views
from lookalike.report import Reporter
from lookalike.settings.fields import Settings

WITHOUT = "train as for other things with --recipe probe"
BATCH = 16
CLEAR = 0.8
LEADING = 0.5  # of the area of the first face
VERSION = 3  # of what is kept; another one whenever the same photo would be seen otherwise
_TABLE = "CREATE TABLE IF NOT EXISTS seen (key TEXT PRIMARY KEY, faces TEXT, features BLOB) WITHOUT ROWID"


@dataclass(frozen=True)
class PhotoFaces:
    """What a photo shows: its faces, clear ones first and of those the largest, their features (faces, d) of length 1.
    Width and height are those of the upright photo."""

    faces: tuple[faces.Face, ...]
    features: np.ndarray
    width: int
    height: int

    @property
    def leading(self) -> int:
        """How many of the faces the photo may be about: the first and those that are about as large and as clear."""
        if not self.faces:
            return 0
        first = self.faces[0]
        alike = [is_clear(face) == is_clear(first) and face.area >= LEADING * first.area for face in self.faces]
        return ([*alike, False]).index(False)

    def alone(self, place: int) -> PhotoFaces:
        """The same photo with one of its faces."""
        return replace(self, faces=self.faces[place : place + 1], features=self.features[place : place + 1])


def is_clear(face: faces.Face) -> bool:
    """Whether the finder is sure: of a face hidden, blurred or turned away it is not."""
    return face.score >= CLEAR


class Eyes:
    """The network that knows faces: `model` as `graph.features` makes it, `name` for what is kept."""

    def __init__(self, published: bytes, name: str) -> None:
        from lookalike.bundle.running import Session

        self.model = graph.features(published, name)
        self.size = self.model.graph.output[0].type.tensor_type.shape.dim[-1].dim_value
        self.name = f"{VERSION}-{hashlib.sha256(published).hexdigest()[:16]}"
        self._session = Session(self.model.SerializeToString())

    def features(self, aligned: Sequence[np.ndarray]) -> np.ndarray:
        """Features (n, d) of aligned faces (112, 112, 3)."""
        rows = [np.zeros((0, self.size), np.float32)]
        for start in range(0, len(aligned), BATCH):
            rows += self._session.run(None, {"image": np.stack(aligned[start : start + BATCH])})
        return np.concatenate(rows)


def open_eyes(settings: Settings, report: Reporter) -> Eyes:
    """What finds faces and what knows them, made ready; `train.weights` may name another file for the second.

    Raises ConfigError for a file that does not fit, NetworkError when one is nowhere to be had.
    """
    faces.require(settings.network, report)
    given = Path(settings.train.weights)
    network = settings.network
    if settings.train.weights not in ("auto", "none"):
        if given.is_file():
            return Eyes(given.read_bytes(), str(given))
        if not given.is_dir():
            raise ConfigError(f"--weights: there is no file or folder {given}", graph.HINT)
        network = network.model_copy(update={"weights": given})
    path = weights.get("sface", network, without=WITHOUT, report=report)
    return Eyes(path.read_bytes(), str(path))


def people_in(
    photos: Sequence[tuple[Path, str]], eyes: Eyes, cache: Path, report: Reporter, *, looks: Memory | None = None
) -> tuple[list[PhotoFaces | None], dict[Path, UnusablePhoto]]:
    """What each (path, sha256) shows, None where it can't be read, and why by path. Views that `looks` does not have
    yet are made on the way and kept there."""
    faults: dict[Path, UnusablePhoto] = {}
    with _Memory(cache, eyes.name) as memory:
        known = {sha256: memory.recall(sha256, eyes.size) for _, sha256 in photos}
        unseen = {sha256 for sha256 in known if known[sha256] is None or (looks and not looks.views(sha256))}
        new = list({sha256: path for path, sha256 in photos if sha256 in unseen}.items())
        with report.task("looking for faces", len(new)) as task:
            for (sha256, path), found in zip(new, _look(new, eyes), strict=True):
                if isinstance(found, UnusablePhoto):
                    faults[path] = found
                else:
                    known[sha256], seen = found
                    if looks:
                        looks.keep_views(sha256, seen)
                    memory.keep(sha256, found[0])  # at once: whatever ends the process, no photo is looked at again
                task.advance()
    return [known[sha256] for _, sha256 in photos], faults


Cut = tuple[tuple[faces.Face, ...], list[np.ndarray], list[View], tuple[int, int]]


def _look(photos: Sequence[tuple[str, Path]], eyes: Eyes) -> Iterator[tuple[PhotoFaces, list[View]] | UnusablePhoto]:
    """Photos are decoded and searched on all cores, some while the network looks at the faces of those before."""
    workers = os.cpu_count() or 1
    step, paths = 8 * workers, [path for _, path in photos]
    with ThreadPoolExecutor(workers) as pool:
        ahead = pool.map(_cut, paths[:step])
        for start in range(step, len(paths) + step, step):
            cuts = list(ahead)
            ahead = pool.map(_cut, paths[start : start + step])
            seen = eyes.features([face for cut in cuts if not isinstance(cut, UnusablePhoto) for face in cut[1]])
            for cut in cuts:
                if isinstance(cut, UnusablePhoto):
                    yield cut
                else:
                    found, aligned, shown, (width, height) = cut
                    yield PhotoFaces(found, seen[: len(aligned)], width, height), shown
                    seen = seen[len(aligned) :]


def _cut(path: Path) -> Cut | UnusablePhoto:
    """The faces of a photo, aligned, its views and its size."""
    try:
        photo = images.open_rgb(path)
    except UnusablePhoto as error:
        return error
    found = tuple(sorted(faces.find(photo), key=lambda face: not is_clear(face)))
    return found, [align.aligned(photo, face.landmarks) for face in found], views(shrunk(photo)), photo.size


class _Memory:
    """The store of one project. It only saves time: without room on the disk nothing is kept."""

    def __init__(self, cache: Path, name: str) -> None:
        self.name = name
        self._store: Any = None
        with contextlib.suppress(OSError, sqlite3.Error):
            cache.mkdir(parents=True, exist_ok=True)
            self._store = open_store(cache / "people.sqlite", _TABLE)
            self._store.isolation_level = None

    def __enter__(self) -> _Memory:
        return self

    def __exit__(self, *_: object) -> None:
        if self._store:
            self._store.close()

    def recall(self, sha256: str, size: int) -> PhotoFaces | None:
        """The faces of a photo and their features (faces, size), or None where it is not kept or by another network."""
        if not self._store:
            return None
        with contextlib.suppress(sqlite3.Error, ValueError, TypeError, OverflowError, RecursionError):
            key = f"{self.name}:{sha256}"
            row = self._store.execute("SELECT faces, features FROM seen WHERE key = ?", (key,)).fetchone()
            if row:
                width, height, *table = json.loads(row[0])
                found = tuple(_face(*kept) for kept in table)
                features = np.frombuffer(row[1], np.float32).reshape(len(found), size)
                return PhotoFaces(found, features, int(width), int(height))
        return None

    def keep(self, sha256: str, seen: PhotoFaces) -> None:
        """Write the faces and features of a photo, and commit: whatever ends the process, it is not looked at again."""
        if not self._store:
            return
        table = [[f.left, f.top, f.right, f.bottom, f.score, f.landmarks] for f in seen.faces]
        row = (json.dumps([seen.width, seen.height, *table]), seen.features.tobytes())
        with contextlib.suppress(sqlite3.Error):
            self._store.execute(
                "INSERT OR REPLACE INTO seen (key, faces, features) VALUES (?, ?, ?)", (f"{self.name}:{sha256}", *row)
            )


def _face(left: Any, top: Any, right: Any, bottom: Any, score: Any, landmarks: Any) -> faces.Face:
    marks = tuple((float(x), float(y)) for x, y in landmarks)
    return faces.Face(float(left), float(top), float(right), float(bottom), float(score), marks)
