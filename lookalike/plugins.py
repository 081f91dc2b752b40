"""Find a plug-in by name: in our own table first, then among installed packages' entry points.

A table maps a name to "package.module:attribute", so nothing is imported before it is used, and adding a plug-in
is one new file and one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from lookalike.errors import ConfigError

MOST_NAMES = 20


def find(kind: str, table: Mapping[str, str], name: str) -> Any:
    """The plug-in called `name`.

    `kind` is the singular word for messages ("provider"); its plural names the entry-point group
    ("lookalike.providers"). Raises ConfigError with the nearest known name.
    """
    if name in table:
        module, _, attribute = table[name].partition(":")
        return getattr(import_module(module), attribute)
    installed = {point.name: point for point in entry_points(group=f"lookalike.{kind}s")}
    if name in installed:
        return installed[name].load()
    known = sorted({*table, *installed})
    raise ConfigError(f"there is no {kind} called {name!r}", nearest(name, known))


def nearest(name: str, known: list[str]) -> str:
    """A hint: the name that was probably meant, or those there are, as far as a line holds them."""
    close = get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
    return f"choose from: {', '.join(known[:MOST_NAMES])}{more}"
