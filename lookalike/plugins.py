"""The tables of plug-ins, and how one is found by its name: in our table, else among installed packages.

A table maps a name to "package.module:attribute", so nothing is imported before it is used. Adding a plug-in is one
new file and one line here, or no line at all: a package of your own declares an entry point in the group
"lookalike.providers", "lookalike.formats", "lookalike.targets", "lookalike.recipes", "lookalike.checks" or
"lookalike.findings".

A plug-in that has settings says so with `section`, a class of fields (settings/fields.py, `Section`) whose `table` is
the plug-in's name: its table in lookalike.toml, and the middle of its environment names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from lookalike.errors import ConfigError

PROVIDERS: dict[str, str] = {
    "openverse": "lookalike.gather.providers.openverse:Openverse",
    "commons": "lookalike.gather.providers.commons:Commons",
    "bing": "lookalike.gather.providers.bing:Bing",
    "webiq": "lookalike.gather.providers.webiq:WebIQ",
    "brave": "lookalike.gather.providers.brave:Brave",
    "inat": "lookalike.gather.providers.inat:INaturalist",
    "ddgs": "lookalike.gather.providers.ddgs:Ddgs",
    "searxng": "lookalike.gather.providers.searxng:SearXNG",
    "serpapi": "lookalike.gather.providers.serpapi:SerpApi",
    "urls": "lookalike.gather.providers.urls:Urls",
    "folder": "lookalike.gather.providers.folder:Folder",
    "digits": "lookalike.gather.providers.digits:Digits",
}
RECIPES: dict[str, str] = {
    "auto": "lookalike.vision.recipes.auto:auto",
    "book": "lookalike.vision.recipes.book:book",
    "probe": "lookalike.vision.recipes.probe:linear_probe",
    "people": "lookalike.train.people:train",
}
FORMATS: dict[str, str] = {
    "onnx": "lookalike.export.formats.onnx:Onnx",
    "learner": "lookalike.export.formats.learner:Learner",
    "safetensors": "lookalike.export.formats.safetensors:Safetensors",
    "torchscript": "lookalike.export.formats.torchscript:TorchScript",
}
TARGETS: dict[str, str] = {
    "web": "lookalike.export.web:Web",
    "voila": "lookalike.export.voila:Voila",
    "space": "lookalike.export.space:Space",
    "hub": "lookalike.export.hub:Hub",
    "dataset": "lookalike.export.dataset:DataSet",
    "docker": "lookalike.export.docker:Docker",
}
FINDINGS: dict[str, str] = {
    "leak": "lookalike.evaluate.leak:Leak",
    "naive_split": "lookalike.evaluate.leakage:NaiveSplit",
    "shortcuts": "lookalike.evaluate.shortcuts:Shortcuts",
    "calibration": "lookalike.evaluate.calibration:Calibration",
    "folds": "lookalike.evaluate.folds:Folds",
    "neither": "lookalike.evaluate.neither:Neither",
    "people": "lookalike.evaluate.people:People",
    "learning_curve": "lookalike.evaluate.learning_curve:LearningCurve",
    "provenance": "lookalike.evaluate.provenance:Provenance",
}
CHECKS: dict[str, str] = {
    "unreadable": "lookalike.clean.checks:unreadable",
    "damaged": "lookalike.clean.checks:damaged",
    "too-small": "lookalike.clean.checks:too_small",
    "extreme-shape": "lookalike.clean.checks:extreme_shape",
    "one-colour": "lookalike.clean.checks:one_colour",
    "too-dark": "lookalike.clean.checks:too_dark",
    "too-bright": "lookalike.clean.checks:too_bright",
    "blurred": "lookalike.clean.checks:blurred",
    "animated": "lookalike.clean.checks:animated",
    "placeholder": "lookalike.clean.checks:placeholder",
    "duplicate": "lookalike.clean.others:copies",
    "near-copy": "lookalike.clean.others:copies",
    "two-labels": "lookalike.clean.others:copies",
    "no-face": "lookalike.clean.others:people",
    "several-faces": "lookalike.clean.others:people",
    "another-person": "lookalike.clean.others:people",
    "unclear-face": "lookalike.clean.others:people",
    "suspect": "lookalike.clean.others:suspects",
}
"""By the reason that stands in the manifest; one function may find several. They look in this order."""

TABLES: dict[str, dict[str, str]] = {
    "provider": PROVIDERS, "recipe": RECIPES, "format": FORMATS, "target": TARGETS, "check": CHECKS,
    "finding": FINDINGS,
}  # fmt: skip
"""By kind, the singular word for messages; its plural names the entry-point group."""

MOST_NAMES = 20


def find(kind: str, name: str) -> Any:
    """The plug-in called `name` of a kind.

    Raises ConfigError: with the nearest known name, or saying why an installed package's plug-in cannot be loaded.
    """
    require(kind, name)
    if name in TABLES[kind]:
        module, _, attribute = TABLES[kind][name].partition(":")
        return getattr(import_module(module), attribute)
    points = _installed(kind)
    try:
        return points[name].load()
    except Exception as error:  # whatever a stranger's module does while it is imported
        package = getattr(points[name].dist, "name", points[name].module)
        reason = f"{type(error).__name__}: {error}"
        raise ConfigError(f"the {kind} {name!r} cannot be loaded: {reason}", f"update or remove {package}") from None


def require(kind: str, name: str) -> None:
    """See that there is such a plug-in, without loading it. Raises ConfigError with the nearest known name."""
    if name not in TABLES[kind] and name not in (known := names(kind)):
        raise ConfigError(f"there is no {kind} called {name!r}", nearest(name, known))


def ours(kind: str | None = None) -> list[str]:
    """The plug-ins of a kind, or of all, that come with lookalike."""
    return [name for known, table in TABLES.items() if kind in (None, known) for name in table]


def names(kind: str) -> list[str]:
    """All plug-ins of a kind: ours in the order of the table, then those of installed packages."""
    return list(dict.fromkeys([*TABLES[kind], *sorted(_installed(kind))]))


def called(name: str) -> Iterator[object]:
    """The plug-ins of any kind that have this name. Raises ConfigError like `find`."""
    kinds = [kind for kind, table in TABLES.items() if name in table]
    for kind in kinds or [kind for kind in TABLES if name in _installed(kind)]:
        yield find(kind, name)


def nearest(name: str, known: list[str]) -> str:
    """A hint: the name that was probably meant, or those there are, as far as a line holds them."""
    spelt = {each.casefold(): each for each in reversed(known)}
    close = get_close_matches(name.casefold(), spelt, n=1)
    if close:
        return f"did you mean {spelt[close[0]]!r}?"
    more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
    return f"choose from: {', '.join(known[:MOST_NAMES])}{more}"


@cache
def _installed(kind: str) -> Mapping[str, EntryPoint]:
    # once in a process: it reads what every installed package says of itself, 13 ms
    return {point.name: point for point in entry_points(group=f"lookalike.{kind}s")}
