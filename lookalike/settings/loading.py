"""Reading settings: flag before environment before lookalike.toml before default; and writing the example file."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from lookalike import plugins
from lookalike.errors import ConfigError, in_words, refused
from lookalike.files import JsonObject
from lookalike.settings import fields

FILE_NAME = "lookalike.toml"
MOST_BYTES = 1_000_000
PREFIX = "LOOKALIKE_"


Layers = Mapping[str, Mapping[str, object]]
"""Values as they were written, by section and field."""


def env_name(section: str, field: FieldInfo, name: str) -> str:
    """The environment variable that holds a setting."""
    return str(told(field, "env") or f"LOOKALIKE_{section}_{name}".upper().replace("-", "_"))


def told(field: FieldInfo, key: str) -> str:
    """What a field says of itself besides type, default and words, or nothing."""
    more = field.json_schema_extra
    return str(more.get(key, "")) if isinstance(more, dict) else ""


def words(field: FieldInfo, names: Callable[[str], Iterable[str]] = plugins.names) -> str:
    """What a field is for; one that takes names of plug-ins lists those there are."""
    listed = f": {', '.join(names(kind))}" if (kind := told(field, "names")) else ""
    return f"{field.description or ''}{listed}"


def load(root: Path, env: Mapping[str, str], flags: Layers | None = None) -> fields.Settings:
    """The settings in force for the project at `root`.

    `flags` holds what was typed, by section and field; fields not typed are absent. Raises ConfigError that lists
    every fault at once.
    """
    file, typed = _read_file(root / FILE_NAME), flags or {}
    sections: JsonObject = {}
    faults: dict[str, str] = {}
    for name in dict.fromkeys([*fields.SECTIONS, *file, *typed]):
        kinds = [fields.SECTIONS[name]] if name in fields.SECTIONS else sections_called(name)
        for kind in kinds:
            if values := _merged(name, kind, file, env, typed):
                sections[name], wrong = _checked(name, kind, values)
                faults |= wrong
        if not kinds:
            faults[f"{name}: unknown setting"] = plugins.nearest(name, [*fields.SECTIONS, *plugins.ours()])
    _raise(faults)
    settings = fields.Settings.model_construct(**{name: sections[name] for name in sections.keys() & fields.SECTIONS})
    settings._read = partial(_own, file, env, typed)
    return settings


def strays(env: Mapping[str, str]) -> dict[str, str]:
    """Environment names that look like settings and are none, each with a hint: a typo would change nothing."""
    found = [name for name in env if name.startswith(PREFIX)]
    known = _variables(fields.SECTIONS)
    if not set(found) <= known:
        kinds = [kind for kind in plugins.TABLES if kind != "recipe"]  # they load torch, and ours have no settings
        for name in (name for kind in kinds for name in plugins.names(kind)):
            with suppress(ConfigError):  # one that cannot be loaded is told when it is asked for
                known |= set().union(*(_variables({name: section}) for section in sections_called(name)))
    return {name: plugins.nearest(name, sorted(known)) for name in found if name not in known}


def _variables(sections: Mapping[str, type[fields.Section]]) -> set[str]:
    return {env_name(name, info, field) for name, kind in sections.items() for field, info in kind.model_fields.items()}


def sections_called(name: str) -> list[type[fields.Section]]:
    """The settings of the plug-ins called `name`. Raises ConfigError when one of them cannot be loaded."""
    return [section for plugin in plugins.called(name) if (section := getattr(plugin, "section", None))]


def _own(file: Layers, env: Mapping[str, str], flags: Layers, kind: type[fields.Section]) -> fields.Section:
    found, faults = _checked(kind.table, kind, _merged(kind.table, kind, file, env, flags))
    _raise(faults)
    assert found
    return found


def _merged(name: str, kind: type[fields.Section], file: Layers, env: Mapping[str, str], flags: Layers) -> object:
    """What was written about a section, from all sources; what is no table stays as it is."""
    if not isinstance(written := file.get(name, {}), dict):
        return written
    variables = {field: env_name(name, info, field) for field, info in kind.model_fields.items()}
    present = {field: env[variable] for field, variable in variables.items() if variable in env}
    return {**written, **present, **flags.get(name, {})}


def _checked(name: str, kind: type[fields.Section], values: object) -> tuple[fields.Section | None, dict[str, str]]:
    """A section, or its faults, each with a hint."""
    try:
        return kind.model_validate(values), {}
    except ValidationError as error:
        return None, dict(_explain(name, kind, fault) for fault in error.errors())


def _raise(faults: Mapping[str, str]) -> None:
    if faults:
        hints = dict.fromkeys(hint for hint in faults.values() if hint)
        raise ConfigError("; ".join(faults), "; ".join(hints) or "see config.example.toml")


def example_toml() -> str:
    """config.example.toml: every setting with its default and its words, those of our own plug-ins too."""
    kinds = [kind for kind in plugins.TABLES if kind != "recipe"]  # they load torch, and ours have no settings
    brought = [section for kind in kinds for name in plugins.ours(kind) for section in sections_called(name)]
    lines = ["# Every setting with its default. Copy what you change to lookalike.toml.", ""]
    for section, model in {**fields.SECTIONS, **{section.table: section for section in brought}}.items():
        lines += [f"[{section}]", f"# {(model.__doc__ or '').strip().splitlines()[0]}"]
        for name, field in model.model_fields.items():
            lines.append(f"# {words(field, plugins.ours)}  (environment: {env_name(section, field, name)})")
            default = field.get_default()
            lines.append(f"# {name} =" if default is None else f"{name} = {toml_value(default)}")
        lines.append("")
    return "\n".join(lines)


def toml_value(value: object) -> str:
    """A setting's value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _read_file(path: Path) -> JsonObject:
    try:
        if path.exists() and (not path.is_file() or path.stat().st_size > MOST_BYTES):
            raise ValueError("it is no file, or an endless one")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except PermissionError as error:
        raise refused(error) from None
    except (OSError, ValueError, RecursionError) as error:  # no text, no TOML, too many digits, nested without end
        raise ConfigError(f"{path.name} cannot be read: {in_words(error)}", "see config.example.toml") from None


def _explain(section: str, kind: type[fields.Section], fault: Any) -> tuple[str, str]:
    """One fault as pydantic tells it: what is wrong, and the nearest valid name where a name is unknown."""
    where = ".".join([section, *map(str, fault["loc"])])
    if fault["type"] == "extra_forbidden":
        return f"{where}: unknown setting", plugins.nearest(str(fault["loc"][-1]), list(kind.model_fields))
    return f"{where}: {fault['msg'][0].lower()}{fault['msg'][1:]} (got {fault['input']!r})", ""
