"""Who answers for photos, and takes it down when an answer is wrong."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from lookalike.bundle import bundle
from lookalike.decisions.corrections import Correction, Corrections, advice
from lookalike.errors import UnusablePhoto
from lookalike.files import JsonObject
from lookalike.photos.decode import Pool
from lookalike.photos.whole import Decoded
from lookalike.project.records import Prediction


class Desk:
    """Answers for photos, a few at a time: decoding in limited processes, the network in as many threads.

    `corrections` is who takes them, where they are taken; `corrected` counts those taken here that stand.
    """

    def __init__(self, model: bundle.OnnxModel, pool: Pool, corrections: Corrections | None = None) -> None:
        self.model, self.pool, self.corrections = model, pool, corrections
        self.threads = ThreadPoolExecutor(pool.jobs + 1, thread_name_prefix="answer")
        self.answered = self.corrected = 0

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
        return {"correction": kept.name, "label": kept.label, "file": kept.file, **self._worth()}

    def undo(self, name: str) -> JsonObject:
        """Take a correction back. Raises DecisionError, NotReadyError while the set is in use."""
        assert self.corrections
        self.corrections.undo(name)
        self.corrected -= 1
        return {"undone": name, **self._worth()}

    def _worth(self) -> JsonObject:
        assert self.corrections
        waiting = self.corrections.waiting()
        return {"waiting": waiting, "advice": advice(self.corrections.project, waiting)}
