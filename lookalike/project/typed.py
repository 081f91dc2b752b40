"""Frozen dataclasses that go to JSON and back, every value checked on the way back."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache, partial
from types import UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin, get_type_hints

from lookalike.files import JsonObject

Fit = Callable[[object], Any]
_HALF_LETTERS = re.compile("[\ud800-\udc7f\udd00-\udfff]")


class Record:
    """A frozen dataclass that goes to JSON and back."""

    def to_json(self) -> JsonObject:
        """The fields as JSON types; empty optional fields are left out."""
        return {key: value for key, value in dataclasses.asdict(self).items() if value not in (None, "", ())}  # type: ignore[call-overload]

    @classmethod
    def from_json(cls, data: object) -> Self:
        """The record again; fields it does not know are ignored, so that newer files still read.

        Such files come from strangers, too: every value is checked here against the type of its field, and nowhere
        else. Raises ValueError or TypeError.
        """
        if not isinstance(data, Mapping):
            raise TypeError(f"{cls.__name__} is no object")
        fit = _fits(cls)  # type: ignore[arg-type]
        return cls(**{name: fit[name](value) for name, value in data.items() if name in fit})


@cache
def _fits(kind: type[Record]) -> dict[str, Fit]:
    """How each field's value is checked, worked out once: manifests have tens of thousands of lines."""
    return {name: partial(_named, name, _fit(hint)) for name, hint in get_type_hints(kind, include_extras=True).items()}


def _named(name: str, fit: Fit, value: object) -> object:
    try:
        return fit(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{name}: {error}") from None


def _fit(hint: Any) -> Fit:
    """What turns a JSON value into a type, or raises. Handles the types that records are made of.

    A type may bring its own check: Annotated[str, check].
    """
    origin, inner = get_origin(hint), [item for item in get_args(hint) if item is not Ellipsis]
    if origin is Annotated:
        return inner[1]
    if origin in (Union, UnionType):
        return partial(_optional, [_fit(item) for item in inner if item is not type(None)])
    if origin is Literal:
        return partial(_one_of, inner)
    if origin is tuple:
        return partial(_tuple, [_fit(item) for item in inner], get_args(hint)[-1] is Ellipsis)
    if origin is dict:
        return partial(_dict, _fit(inner[0]), _fit(inner[1]))
    if isinstance(hint, type) and issubclass(hint, Record):
        return hint.from_json
    if hint in (Any, object):
        return lambda value: value
    return {str: _text, int: _whole, float: _real, bool: _truth}[hint]


def one_of(*known: str) -> Fit:
    """A check for Annotated: one of these words."""
    return partial(_one_of, list(known))


def between(least: int, most: int) -> Fit:
    """A check for Annotated: a whole number within these bounds."""

    def fit(value: object) -> int:
        if not least <= _whole(value) <= most:
            raise ValueError(f"not from {least} to {most}")
        return _whole(value)

    return fit


def numbers(*needed: str) -> Fit:
    """A check for Annotated: numbers by name, these names among them."""

    def fit(value: object) -> dict[str, object]:
        known = _dict(_text, _real, value)
        if lacking := [name for name in needed if name not in known]:
            raise ValueError(f"without {' and '.join(lacking)}")
        return known

    return fit


def several(value: object) -> tuple[object, ...]:
    """A check for Annotated: two texts or more."""
    if len(known := _tuple([_text], True, value)) < 2:
        raise ValueError("fewer than two")
    return known


def reals(value: object) -> tuple[object, ...]:
    """A check for Annotated: one number or more."""
    if not (known := _tuple([_real], True, value)):
        raise ValueError("an empty list")
    return known


def _optional(fits: list[Fit], value: object) -> object:
    """Nothing, or a value of the first type that it fits; the last one says what is wrong."""
    for fit in fits[:-1]:
        with suppress(TypeError):
            return None if value is None else fit(value)
    return None if value is None else fits[-1](value)


def _one_of(known: list[object], value: object) -> object:
    if value not in known:
        raise ValueError(f"not one of {known}")
    return value


def _tuple(fits: list[Fit], endless: bool, value: object) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return tuple(fit(item) for fit, item in zip(fits * len(value) if endless else fits, value, strict=True))


def _dict(key: Fit, fit: Fit, value: object) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError("not an object")
    return {key(name): fit(item) for name, item in value.items()}


def _text(value: object) -> str:
    """Text; halves of letters become �, but for bytes of a file name that is no text."""
    if not isinstance(value, str):
        raise TypeError("not text")
    return value if value.isascii() else _HALF_LETTERS.sub("\ufffd", value)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 1 << 63:
        raise TypeError("not a whole number")
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def _real(value: object) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError("not a number")
    return float(value)
