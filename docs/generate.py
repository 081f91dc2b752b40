"""Write docs/commands/ from the code: `make docs` runs this before it builds the pages."""

from __future__ import annotations

from pathlib import Path

import typer
from typer.core import TyperGroup

from lookalike import cli
from lookalike.settings import fields, loading

FOLDER = Path(__file__).parent / "commands"
WIDTH = 100


def pages() -> dict[str, str]:
    """The page of each command, by the command's name."""
    return {name: page(name) for name in cli.COMMANDS}


def page(name: str) -> str:
    """What `-h` says, and the command's settings with the ways to give them."""
    section, function, _ = cli.COMMANDS[name]
    group = typer.main.get_command(cli.application([name]))
    assert isinstance(group, TyperGroup)
    command = group.commands[name]
    context = command.make_context(
        f"lookalike {name}", [], resilient_parsing=True, terminal_width=WIDTH, help_option_names=["-h", "--help"]
    )
    parts = [f"# lookalike {name}", (function.__doc__ or "").strip(), f"```text\n{command.get_help(context)}\n```"]
    if section and fields.SECTIONS[section].model_fields:
        parts += ["## Settings", _settings(section)]
    return "\n\n".join(parts) + "\n"


def _settings(section: str) -> str:
    rows = [f"In `lookalike.toml` they stand in the table `[{section}]`.", ""]
    rows += ["| setting | default | environment |", "| --- | --- | --- |"]
    for name, field in fields.SECTIONS[section].model_fields.items():
        default = field.get_default()
        shown = "" if default is None else f"`{loading.toml_value(default)}`"
        rows.append(f"| `{name}` | {shown} | `{loading.env_name(section, field, name)}` |")
    return "\n".join(rows)


def main() -> None:
    """Write every page; one of a command that is no more goes."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.md"):
        old.unlink()
    for name, text in pages().items():
        (FOLDER / f"{name}.md").write_text(text)


if __name__ == "__main__":
    main()
