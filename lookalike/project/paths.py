"""Every path of a project, and how the JSON file that marks an artefact complete is read."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from lookalike.errors import NotReadyError, in_words
from lookalike.project.records import Bundle, Evaluation, TrainedRun
from lookalike.project.typed import Record

MOST_BYTES = 200_000_000
END_OF_TIME = datetime(9000, 1, 1, tzinfo=UTC)  # nothing was made later, and after Python's last day nothing can be

RecordType = TypeVar("RecordType", bound=Record)


@dataclass(frozen=True)
class Project:
    """A folder a user works in. `images_dir` replaces the project's own images/ when given; `cache_limit` is how many
    bytes of decoded photos may stay in .cache/."""

    root: Path
    images_dir: Path | None = None
    cache_limit: int = 10_000_000_000

    @property
    def images(self) -> Path:
        """Label folders with the photos, and their manifest."""
        return self.images_dir or self.root / "images"

    def locate(self, images: str) -> Path:
        """Where a run's photos are now: `images` is as a run keeps it, relative when they are inside the project."""
        return self.images_dir or self.root / images

    def keep(self, images: Path) -> str:
        """A folder of photos as a run keeps it, so that a project may move."""
        whole, root = images.resolve(), self.root.resolve()
        return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else str(whole)

    def command(self, words: str) -> str:
        """A command of ours as it is typed to work in this project."""
        place = "" if self.root == Path() else f" --project {shlex.quote(str(self.root))}"
        return f"lookalike {words}{place}"

    @property
    def quarantine(self) -> Path:
        """What `clean` set aside, under the same names: one folder for each folder of photos.

        Raises NotReadyError when it is a link: nothing is moved to where a link leads.
        """
        return self._beside("quarantine")

    @property
    def others(self) -> Path:
        """Photos that a person said show none of the labels: one folder for each folder of photos.

        Raises NotReadyError when it is a link.
        """
        return self._beside("others")

    def _beside(self, kind: str) -> Path:
        """A folder that belongs to the folder of photos, and lies in the project wherever that does."""
        name = kind
        if self.images.resolve() != (self.root / "images").resolve():
            own = re.sub(r"[^\w-]+", "-", self.images.resolve().name).strip("-")[:40]
            name = f"{kind}-{own}-{hashlib.sha256(os.fsencode(self.keep(self.images))).hexdigest()[:8]}"
        folder = self.root / name
        if folder.is_symlink():
            raise NotReadyError(f"{folder} is a link", "photos are set aside inside the project only: remove the link")
        return folder

    @property
    def runs(self) -> Path:
        """One folder for each training."""
        return self.root / "runs"

    @property
    def models(self) -> Path:
        """One folder for each exported model."""
        return self.root / "models"

    @property
    def apps(self) -> Path:
        """One folder for each app that `export --to` wrote."""
        return self.root / "apps"

    @property
    def cache(self) -> Path:
        """Decoded pixels, search answers, logs; always safe to delete."""
        return self.root / ".cache"

    def stamp(self) -> str:
        """The time at which something new is made, for its `created`: now; or, where the clock was put back, a moment
        after the newest run, evaluation or model there is, so that the newest stays the one made last."""
        kinds = ("runs/*/started.json", "runs/*/run.json", "runs/*/evaluation.json", "runs/*/model/model.json")
        made = [_made(path) for kind in (*kinds, "models/*/model.json") for path in self.root.glob(kind)]
        latest = max((time + timedelta(milliseconds=1) for time in made), default=datetime.now(UTC))
        return max(latest, datetime.now(UTC)).isoformat(timespec="milliseconds")

    def run_dir(self, run: str | None = None) -> Path:
        """The folder of a finished run, by default the newest. Raises NotReadyError."""
        return _newest(self.runs, "run.json", run, "run", "run `lookalike train` first")

    def model_dir(self, model: str | None = None) -> Path:
        """The folder of a model: that, or a run, by its path or name; by default the newest of models/ and runs/.

        Raises NotReadyError.
        """
        if model:
            places = (Path(model), self.models / model, Path(model) / "model", self.runs / model / "model")
            if there := [place for place in places if (place / "model.json").is_file()]:
                return there[0]
            return _newest(self.models, "model.json", model, "model", "run `lookalike train`, then `lookalike export`")
        found = [*self.models.glob("[!.]*/model.json"), *self.runs.glob("[!.]*/model/model.json")]
        if not found:
            raise NotReadyError(f"there is no model in {self.root}", "run `lookalike train` first")
        return newest(found).parent


def _newest(folder: Path, marker: str, name: str | None, what: str, hint: str) -> Path:
    if name:
        if (folder / name / marker).is_file():
            return folder / name
        known = sorted(path.parent.name for path in folder.glob(f"[!.]*/{marker}"))
        raise NotReadyError(f"there is no {what} {name!r} in {folder}", f"known: {', '.join(known)}" if known else hint)
    found = list(folder.glob(f"[!.]*/{marker}"))
    if not found:
        raise NotReadyError(f"there is no finished {what} in {folder}", hint)
    return newest(found).parent


def newest(markers: Iterable[Path]) -> Path:
    """Of JSON files that each mark an artefact complete, the one whose artefact was made last, as its `created` says.

    The time of a file says less: it changes when an old run is evaluated again, or a project is copied. It counts only
    for a file that doesn't tell. Raises ValueError when there are none.
    """
    return max(markers, key=_made)


def _made(marker: Path) -> datetime:
    try:
        made = datetime.fromisoformat(json.loads(marker.read_text(encoding="utf-8"))["created"])
        made = made if made.tzinfo else made.replace(tzinfo=UTC)
        if made < END_OF_TIME:
            return made
    except (OSError, ValueError, TypeError, LookupError, RecursionError, OverflowError):
        pass
    return datetime.fromtimestamp(marker.stat().st_mtime, UTC)


def load_run(folder: Path) -> TrainedRun:
    """The run kept in `folder`, called as that is. Raises NotReadyError when run.json is damaged."""
    run = _load(folder / "run.json", TrainedRun.from_json, "run `lookalike train` again")
    return replace(run, id=folder.name)


def load_evaluation(folder: Path) -> Evaluation | None:
    """The evaluation of the run in `folder`, or None when there is none yet."""
    path = folder / "evaluation.json"
    return _load(path, Evaluation.from_json, "run `lookalike evaluate` again") if path.is_file() else None


def load_bundle(folder: Path) -> Bundle:
    """The description of the model in `folder`; its files are not checked here. Raises NotReadyError."""
    return _load(folder / "model.json", Bundle.from_json, "export the model again")


def _load(path: Path, read: Callable[[object], RecordType], hint: str) -> RecordType:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError("it is too large")
        return read(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise NotReadyError(f"{path} is damaged or not ours: {in_words(error)}", hint) from None
