"""The flags of a command: one for each setting of its section, and those that plug-ins it may use bring along; and how
its help shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo
from typer.core import TyperCommand

from lookalike import plugins
from lookalike.errors import ConfigError
from lookalike.settings import fields, loading

ALWAYS = "With every command"
ProjectFlag = Annotated[Path | None, typer.Option(help="folder to work in [default: here]", rich_help_panel=ALWAYS)]
ImagesFlag = Annotated[
    Path | None, typer.Option(help="folder of label folders [default: images/ in the project]", rich_help_panel=ALWAYS)
]
JsonFlag = Annotated[bool, typer.Option("--json", help="print one JSON document", rich_help_panel=ALWAYS)]
QuietFlag = Annotated[bool, typer.Option("--quiet", help="print nothing but errors", rich_help_panel=ALWAYS)]
DebugFlag = Annotated[bool, typer.Option("--debug", help="show the traceback of a fault", rich_help_panel=ALWAYS)]
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

LATE = frozenset({"recipe", "check"})
"""Kinds of plug-ins that load torch or much else. Their settings have no flags: no command line waits for that."""


@dataclass(frozen=True)
class Flag:
    """A flag that fills one field of a section; `spelling` is empty where the field's own name is it.

    `group` is the heading under which the help shows it.
    """

    section: str
    name: str
    field: FieldInfo
    spelling: str = ""
    group: str = "Options"

    @property
    def parameter(self) -> str:
        """A name of its own among the parameters of the command."""
        return f"{self.section}_{self.name}".replace("-", "_") if self.spelling else self.name

    def annotation(self) -> object:
        """What Typer reads: the type and help of the field. A flag that is not typed is None."""
        kind: Any = list[str] if "list" in str(self.field.annotation) else self.field.annotation
        if "BeforeValidator" in str(self.field.annotation):  # a number with a unit: the settings read it
            kind = str
        names = [f"--{self.spelling}" + (f"/--no-{self.spelling}" if kind is bool else "")] if self.spelling else []
        return Annotated[
            kind | None, typer.Option(*names, help=_help(self.field), show_default=False, rich_help_panel=self.group)
        ]


def of(section: str) -> list[Flag]:
    """The flags of a command. A plug-in's flag that is taken already is left out: its setting has other ways in."""
    own = fields.SECTIONS[section].model_fields
    flags, group = [], "Options"
    for name, field in own.items():
        group = fields.SECTIONS[section].groups.get(name, group)
        flags.append(Flag(section, name, field, group=group))
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
                    yield Flag(section.table, field_name, field, spelling, f"Of {section.table}")


def _help(field: FieldInfo) -> str:
    default, text = field.get_default(), loading.words(field)
    shown = ", ".join(default) if isinstance(default, list) else default
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


UNBROKEN = "\u2011"  # the hyphen at which a line is not broken


class GroupedCommand(TyperCommand):
    """Prints as plain text what Typer knows as `rich_help_panel`; rich would make `--help` three times as slow."""

    def get_help(self, ctx: Any) -> str:
        """The help, in which no name with a hyphen is broken over two lines."""
        return super().get_help(ctx).replace(UNBROKEN, "-")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments, then each group of flags under its heading, those that every command takes last."""
        groups: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        last: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            if not (found := parameter.get_help_record(ctx)):
                continue
            record = (found[0], found[1].replace("-", UNBROKEN))
            heading = getattr(parameter, "rich_help_panel", None) or "Options"
            if parameter.param_type_name == "argument":
                groups["Arguments"].append(record)
            elif heading == ALWAYS or parameter.name == "help":
                last.append(record)
            else:
                groups.setdefault(heading, []).append(record)
        for heading, records in {**groups, ALWAYS: last}.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Lines to type, as they are: wrapped they could not be copied."""
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.splitlines():
                    formatter.write(f"  {line}\n")
