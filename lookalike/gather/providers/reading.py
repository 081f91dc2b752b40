"""Answers of search services, read once: values that are none are taken out, items that make no sense are set apart."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from lookalike.text import json_value

UNKNOWN_SHAPE = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError)


def decoded(text: str | bytes) -> Any:
    """A JSON document with nothing in it that is no value: None for numbers without end, � for half a letter.

    Raises ValueError when it is no JSON, or nested deeper than anybody means.
    """
    try:
        return _sound(json_value(text))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _sound(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode() if _is_broken(value) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_sound(item) for item in value]
    if isinstance(value, dict):
        return {_sound(key): _sound(item) for key, item in value.items()}
    return value


def _is_broken(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def split(
    payload: object, place: Sequence[str], read: Callable[[object], object]
) -> tuple[object, list[tuple[str, str]]]:
    """An answer without the items of its list at `place` that `read` stumbles over, and these: a name and the fault.

    Raises ValueError when there is no such list, or nothing in it can be read.
    """
    items = payload
    for key in place:
        items = items.get(key) if isinstance(items, dict) else None
    if not isinstance(items, list):
        raise ValueError("no list")
    good, odd = [], []
    for item in items:
        try:
            read(_with(payload, place, [item]))
            good.append(item)
        except UNKNOWN_SHAPE as error:
            name = hashlib.sha256(json.dumps(item, sort_keys=True, default=str).encode()).hexdigest()[:16]
            odd.append((name, type(error).__name__))
    if not good:
        raise ValueError("nothing that can be read")
    return _with(payload, place, good), odd


def _with(payload: Any, place: Sequence[str], items: list[object]) -> object:
    """The same answer with other items."""
    return {**payload, place[0]: _with(payload[place[0]], place[1:], items)} if place else items


def whole_number(value: Any) -> int:
    """A size from an answer, where null, text and nonsense mean "not known"."""
    try:
        return max(0, int(value))
    except (TypeError, ValueError, OverflowError):
        return 0


def text(value: object, limit: int = 300) -> str:
    """A line of text from an answer: never None, one line, not endless."""
    return " ".join(str(value or "").split())[:limit]
