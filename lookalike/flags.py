"""The flags of a command: one for each setting of its section, and those that plug-ins it may use bring along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo

from lookalike import plugins
from lookalike.errors import ConfigError
from lookalike.settings import fields, loading

ProjectFlag = Annotated[Path | None, typer.Option(help="folder to work in [default: here]")]
ImagesFlag = Annotated[Path | None, typer.Option(help="folder of label folders [default: images/ in the project]")]
JsonFlag = Annotated[bool, typer.Option("--json", help="print one JSON document")]
QuietFlag = Annotated[bool, typer.Option("--quiet", help="print nothing but errors")]
DebugFlag = Annotated[bool, typer.Option("--debug", help="show the traceback of a fault")]
EVERYWHERE: dict[str, object] = {
    "project": ProjectFlag, "images": ImagesFlag, "json": JsonFlag, "quiet": QuietFlag, "debug": DebugFlag,
}  # fmt: skip
EVERYWHERE_DEFAULTS: dict[str, object] = {
    "project": None,
    "images": None,
    "json": False,
    "quiet": False,
    "debug": False,
}

LATE = frozenset({"recipe"})
"""Kinds of plug-ins that load torch. Their settings have no flags: nothing waits for torch to read a command line."""


@dataclass(frozen=True)
class Flag:
    """A flag that fills one field of a section; `spelling` is empty where the field's own name is it."""

    section: str
    name: str
    field: FieldInfo
    spelling: str = ""

    @property
    def parameter(self) -> str:
        """A name of its own among the parameters of the command."""
        return f"{self.section}_{self.name}".replace("-", "_") if self.spelling else self.name

    def annotation(self) -> Any:
        """What Typer reads: the type and help of the field. A flag that is not typed is None."""
        kind: Any = list[str] if "list" in str(self.field.annotation) else self.field.annotation
        if "BeforeValidator" in str(self.field.annotation):  # a number with a unit: the settings read it
            kind = str
        names = [f"--{self.spelling}" + (f"/--no-{self.spelling}" if kind is bool else "")] if self.spelling else []
        return Annotated[kind | None, typer.Option(*names, help=_help(self.field), show_default=False)]


def of(section: str) -> list[Flag]:
    """The flags of a command. A plug-in's flag that is taken already is left out: its setting has other ways in."""
    own = fields.SECTIONS[section].model_fields
    flags = [Flag(section, name, field) for name, field in own.items()]
    taken = {name.replace("_", "-") for name in own}
    for flag in _brought(own):
        if flag.spelling not in taken:
            taken.add(flag.spelling)
            flags.append(flag)
    return flags


def _brought(own: Mapping[str, FieldInfo]) -> Iterator[Flag]:
    """The flags of all plug-ins whose names a command takes."""
    kinds = dict.fromkeys(loading.told(field, "names") for field in own.values())
    for kind, name in ((known, name) for known in kinds if known not in {"", *LATE} for name in plugins.names(known)):
        try:
            section: type[fields.Section] | None = getattr(plugins.find(kind, name), "section", None)
        except ConfigError:  # told when it is asked for
            continue
        if section:
            for field_name, field in section.model_fields.items():
                if spelling := loading.told(field, "flag"):
                    yield Flag(section.table, field_name, field, spelling)


def _help(field: FieldInfo) -> str:
    default, text = field.get_default(), loading.words(field)
    shown = ",".join(default) if isinstance(default, list) else default
    if default is not None and "[default" not in text and default not in (False, []):
        text += f" [default: {shown if default is not True else 'yes'}]"
    return text


def by_section(flags: list[Flag], given: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """What was typed, by section and field, out of the parameters of a command."""
    typed: dict[str, dict[str, object]] = {}
    for flag in flags:
        if (value := given[flag.parameter]) not in (None, []):
            typed.setdefault(flag.section, {})[flag.name] = value
    return typed
