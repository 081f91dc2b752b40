"""Who answers for photos, and takes it down when an answer is wrong."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from lookalike.bundle import bundle
from lookalike.decisions.corrections import Correction, Corrections, advice
from lookalike.errors import UnusablePhoto
from lookalike.files import JsonObject
from lookalike.photos.decode import Pool
from lookalike.photos.whole import Decoded
from lookalike.project.names import NEITHER
from lookalike.project.records import Prediction
from lookalike.serve.people import NamedFaces


class Desk:
    """Answers for photos, a few at a time: decoding in limited processes, the network in as many threads.

    `corrections` is who takes them, where they are taken; `corrected` counts those taken here that stand.
    """

    def __init__(
        self, folder: Path, model: bundle.OnnxModel, pool: Pool, corrections: Corrections | None = None
    ) -> None:
        self.folder, self.model, self.pool, self.corrections = folder, model, pool, corrections
        self.threads = ThreadPoolExecutor(pool.jobs + 1, thread_name_prefix="answer")
        self.answered = self.corrected = 0
        self._named: NamedFaces | None = None
        self._guard = threading.Lock()
        if corrections and self.of_people:
            self._learn([(each.name, path.read_bytes(), each.label) for each, path in corrections.unlearnt()])

    @property
    def of_people(self) -> bool:
        """Whether a correction counts at once."""
        return self.model.description.input.crop == "aligned"

    async def ask(self, name: str, photo: bytes) -> Prediction:
        """The answer for the bytes of a photo, or the reason there is none."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, partial(self._answer, name, photo))

    def _answer(self, name: str, photo: bytes) -> Prediction:
        pixels = self.pool.call("lookalike.bundle.bundle:read_named", (name, photo, self.model.reader))
        if isinstance(pixels, UnusablePhoto):
            return Prediction(name, reason=pixels.reason, detail=pixels.detail)
        self.answered += 1
        return next(self.model.answers([(name, pixels)]))

    def correct(self, photo: bytes, label: str) -> JsonObject:
        """Keep a photo with what it shows, and say what that is good for.

        Raises UnusablePhoto, DecisionError for a label there isn't, NotReadyError while the set is in use.
        """
        assert self.corrections
        decoded = self.pool.call("lookalike.photos.whole:decode", photo)
        if isinstance(decoded, UnusablePhoto):
            raise decoded
        kept: Correction = self.corrections.keep(photo, Decoded(*decoded), label)
        self.corrected += bool(kept.name)
        learnt = self.of_people and self._learn([(kept.name or kept.sha256, photo, label)])
        told = {"correction": kept.name, "label": kept.label, "file": kept.file, "learnt": learnt}
        return {**told, **self._worth()}

    def _learn(self, photos: Sequence[tuple[str, bytes, str]]) -> bool:
        """Have the model of people know these photos: name, bytes and label of each. Whether it learnt anything."""
        crowds = [
            (name, self.pool.call("lookalike.bundle.bundle:read_named", (name, photo, self.model.reader)), label)
            for name, photo, label in photos if label != NEITHER
        ]  # fmt: skip
        readable = [row for row in crowds if not isinstance(row[1], UnusablePhoto)]
        if not readable:
            return False
        with self._guard:
            self._named = self._named or NamedFaces(self.folder, self.model)
            self.model = self._named.take(readable)
        return True

    def undo(self, name: str) -> JsonObject:
        """Take a correction back. Raises DecisionError, NotReadyError while the set is in use."""
        assert self.corrections
        self.corrections.undo(name)
        self.corrected -= 1
        if self._named:
            with self._guard:
                self.model = self._named.drop(name)
        return {"undone": name, "learnt": self.of_people, **self._worth()}

    def _worth(self) -> JsonObject:
        assert self.corrections
        waiting = self.corrections.waiting()
        return {"waiting": waiting, "advice": advice(self.corrections.project, waiting)}
