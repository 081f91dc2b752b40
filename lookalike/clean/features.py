"""What the packaged network sees in the photos of a set. Loads torch, so it is imported only when that is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from lookalike.clean.scan import Seen
from lookalike.errors import UnusablePhoto
from lookalike.photos.decode import Pool
from lookalike.photos.memory import Memory
from lookalike.report import Reporter
from lookalike.vision import features as network

_BATCH = 32


def features(
    images: Path, photos: Sequence[Seen], memory: Memory, *, pool: Pool, report: Reporter
) -> dict[str, np.ndarray]:
    """Features of length 1 by sha256; photos that cannot be read any more are left out."""
    known: dict[str, np.ndarray] = {}
    missing: dict[str, Seen] = {}
    for photo in photos:
        if photo.facts and photo.facts.sha256 not in known:
            found = memory.features(photo.facts.sha256, network.WIDTH)
            if found is None:
                missing[photo.facts.sha256] = photo
            else:
                known[photo.facts.sha256] = found
    if missing:
        known |= _compute(images, missing, memory, pool, report)
    return known


def _compute(
    images: Path, missing: dict[str, Seen], memory: Memory, pool: Pool, report: Reporter
) -> dict[str, np.ndarray]:
    spec, found = network.spec(), {}
    with report.task("comparing photos", len(missing)) as task:
        requests = ((images / photo.file, spec) for photo in missing.values())
        answers = zip(
            missing, (answer for _, answer in pool.map("lookalike.photos.measure:square", requests)), strict=True
        )
        while batch := list(islice(answers, _BATCH)):
            readable = [(content, pixels) for content, pixels in batch if not isinstance(pixels, UnusablePhoto)]
            if readable:
                rows = network.embed(np.stack([pixels for _, pixels in readable]))
                rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
                rows = rows.astype(np.float16).astype(np.float32)  # as they are kept: the next run must judge the same
                for (content, _), row in zip(readable, rows, strict=True):
                    memory.keep_features(content, row)
                    found[content] = row
            task.advance(len(batch))
    return found
