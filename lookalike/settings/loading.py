"""Reading settings: flag before environment before lookalike.toml before default; and writing the example file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lookalike.errors import ConfigError
from lookalike.plugins import nearest
from lookalike.settings import fields

FILE_NAME = "lookalike.toml"


def env_name(section: str, field: str) -> str:
    """The environment variable that holds a setting."""
    extra = fields.SECTIONS[section].model_fields[field].json_schema_extra
    if isinstance(extra, dict) and "env" in extra:
        return str(extra["env"])
    return f"LOOKALIKE_{section}_{field}".upper()


def load(root: Path, env: Mapping[str, str], flags: Mapping[str, Mapping[str, Any]] | None = None) -> fields.Settings:
    """The settings in force for the project at `root`.

    `flags` holds what was typed, by section and field; fields not typed are absent. Raises ConfigError that lists
    every fault at once.
    """
    layers: dict[str, dict[str, Any]] = {}
    for section, values in _read_file(root / FILE_NAME).items():
        layers[section] = values if not isinstance(values, dict) else dict(values)
    for section, model in fields.SECTIONS.items():
        for field in model.model_fields:
            if (value := env.get(env_name(section, field))) is not None:
                layers.setdefault(section, {})[field] = value
    for section, typed in (flags or {}).items():
        if typed:
            layers.setdefault(section, {}).update(typed)
    return _checked(layers)


def _checked(layers: Mapping[str, Any]) -> fields.Settings:
    """Settings of the sections given; only theirs are checked. Raises ConfigError with all faults and hints at once."""
    sections: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, values in layers.items():
        if name not in fields.SECTIONS:
            faults[f"{name}: unknown setting"] = nearest(name, list(fields.SECTIONS))
            continue
        try:
            sections[name] = fields.SECTIONS[name].model_validate(values)
        except ValidationError as error:
            faults |= dict(_explain(name, fault) for fault in error.errors())
    if faults:
        hints = dict.fromkeys(hint for hint in faults.values() if hint)
        raise ConfigError("; ".join(faults), "; ".join(hints) or "see config.example.toml")
    return fields.Settings.model_construct(**sections)


def example_toml() -> str:
    """config.example.toml: every setting with its default and its words."""
    lines = ["# Every setting with its default. Copy what you change to lookalike.toml.", ""]
    for section, model in fields.SECTIONS.items():
        lines += [f"[{section}]", f"# {(model.__doc__ or '').strip()}"]
        for name, field in model.model_fields.items():
            lines.append(f"# {field.description}  (environment: {env_name(section, name)})")
            default = field.get_default()
            lines.append(f"# {name} =" if default is None else f"{name} = {_toml(default)}")
        lines.append("")
    return "\n".join(lines)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path.name} cannot be read: {error}", "see config.example.toml") from None


def _explain(section: str, fault: Any) -> tuple[str, str]:
    """One fault as pydantic tells it: what is wrong, and the nearest valid name where a name is unknown."""
    where = ".".join([section, *map(str, fault["loc"])])
    if fault["type"] == "extra_forbidden":
        return f"{where}: unknown setting", nearest(str(fault["loc"][-1]), list(fields.SECTIONS[section].model_fields))
    return f"{where}: {fault['msg'][0].lower()}{fault['msg'][1:]} (got {fault['input']!r})", ""
