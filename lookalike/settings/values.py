"""What a setting's value may be written as: lists with commas, hosts, spans of time."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from lookalike.text import host_of


def _split_commas(value: object) -> object:
    """`a,b` and `["a,b", "c"]` both become a list, so that flags, environment and file read alike."""
    parts = [value] if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)):
        return value
    return [piece.strip() for part in parts for piece in str(part).split(",") if piece.strip()]


def one_or_many(value: object) -> object:
    """A word alone as a list of it, commas and all: it may be a question or a file's name."""
    return [value] if isinstance(value, str) else value


def _seconds(value: object) -> object:
    """`90s`, `3m` and `1h` as seconds; numbers are seconds already."""
    if isinstance(value, str) and value[-1:] in _UNITS and value[:-1].replace(".", "", 1).isdigit():
        return float(value[:-1]) * _UNITS[value[-1]]
    return value


def _hosts(values: list[str]) -> list[str]:
    """What can't be a host would allow nobody, without a word."""
    for value in values:
        if not _is_host(value):
            raise ValueError(f"{value!r} is neither host nor host:port")
    return values


def _is_host(typed: str) -> bool:
    """Whether this is a host, as it stands in an address bar or alone: no network of many, and not `null`, which a
    browser sends for no site at all."""
    found = _HOST(host_of(typed))
    network = "/" in typed.rstrip("/") and "://" not in typed
    return bool(found) and not network and host_of(typed) != "null" and int(found[1] or 0) <= 65_535  # type: ignore[index]


_HOST = re.compile(r"(?:[\w.-]+|\[[\da-f:.]+\])(?::(\d{1,5}))?|[\da-f.]*:[\da-f:.]*:[\da-f:.]*").fullmatch
_UNITS = {"s": 1, "m": 60, "h": 3600}
Seconds = Annotated[float, Field(gt=0), BeforeValidator(_seconds)]
Words = Annotated[list[str], BeforeValidator(_split_commas)]
Hosts = Annotated[list[str], BeforeValidator(_split_commas), AfterValidator(_hosts)]
