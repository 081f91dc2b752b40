"""model.json before it is believed: it must fit its own checksum, and every value must make sense."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from pathlib import Path

from lookalike.errors import NotReadyError, in_words
from lookalike.project.names import NEITHER, NOT_A_LABEL
from lookalike.project.records import Bundle

AGAIN = "run `lookalike export` again, or copy the model again"
VERSION = 1
MAX_DESCRIPTION = 10_000_000


def require_sealed(path: Path) -> None:
    """Refuse a model.json with a wrong checksum or with keys we do not know. One made by hand may have no checksum.

    Raises NotReadyError.
    """
    try:
        if path.stat().st_size > MAX_DESCRIPTION:
            raise ValueError("it is too large")
        text = path.read_bytes().decode()
        data = json.loads(text)
        json.dumps(data, allow_nan=False)  # NaN and 1e999 are no JSON to those it is passed on to, such as a browser
        version, checksum, unknown = data.get("version", 1), data.get("checksum", ""), data.keys() - _KEYS
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise NotReadyError(f"{path} is damaged or not ours: {in_words(error)}", AGAIN) from None
    if version != VERSION:
        raise NotReadyError(
            f"{path} is of version {version!r:.40}; this lookalike reads version {VERSION}", "update lookalike"
        )
    if unknown:
        raise NotReadyError(f"{path} holds unknown keys: {', '.join(sorted(map(repr, unknown)))[:200]}", AGAIN)
    if checksum and checksum != checksum_of(text.replace(str(checksum), "")):
        raise NotReadyError(f"{path} is damaged: it does not fit its own checksum", AGAIN)


def checksum_of(text: str) -> str:
    """The sha256 of model.json's text, which is written with an empty checksum for this."""
    return hashlib.sha256(text.encode()).hexdigest()


_KEYS = {item.name for item in dataclasses.fields(Bundle)}


def fault(description: Bundle) -> str:
    """What makes a description unusable, or "" when nothing does."""
    labels = description.labels
    if len(labels) < 2 or not all(labels):
        return "labels must be two names or more"
    if len(set(labels)) != len(labels):
        return "two labels are the same"
    if NEITHER in labels:
        return NOT_A_LABEL
    if not _number(description.temperature, 1e-3, 1e3):
        return "temperature must be a number above 0"
    if description.threshold is not None and not _number(description.threshold, 0, 1):
        return "threshold must be between 0 and 1"
    limits = description.min_similarity
    each = limits if isinstance(limits, tuple) else (limits,) * len(labels)
    if len(each) != len(labels) or (limits is not None and not all(_number(limit, -1, 1) for limit in each)):
        return "min_similarity must be between -1 and 1, once or for each label"
    return ""


def _number(value: object, low: float, high: float) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value) and low <= value <= high
