"""Write docs/commands/ from the code and docs/reliability.md from the table of faults: `make docs` runs this first."""

from __future__ import annotations

import tomllib
from pathlib import Path

import typer
from typer.core import TyperGroup

from lookalike import cli
from lookalike.settings import fields, loading

HERE = Path(__file__).parent
FOLDER = HERE / "commands"
FAULTS = HERE.parent / "tests" / "faults.toml"
WIDTH = 100
RELIABILITY = """# Reliability

What may go wrong, what then happens, and the test that shows it: a hundred faults, with a number each. Whatever a
command meets, it ends by itself with a documented exit code, nobody sees a traceback, each file and address has an
answer or a reason, nothing is written outside its folder, nothing half-written stays under a final name, and the next
run ends as if nothing had happened.

"""


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


def reliability() -> str:
    """The page of all faults, from the table that the tests are named in."""
    rows = tomllib.loads(FAULTS.read_text(encoding="utf-8"))["fault"]
    lines = ["| | command | what goes wrong | what is right | tests |", "| --- | --- | --- | --- | --- |"]
    for number, row in enumerate(rows, 1):
        tests = "<br>".join(f"`{_plain(test)}`" for test in row["tests"])
        lines.append(f"| {number} | {row['stage']} | {row['what']} | {row['right']} | {tests} |")
    return RELIABILITY + "\n".join(lines) + "\n"


def _plain(test: str) -> str:
    """A node id as a command line takes it: all parameters."""
    return test.partition("[")[0].removeprefix("tests/")


def main() -> None:
    """Write every page; one of a command that is no more goes."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.md"):
        old.unlink()
    for name, text in pages().items():
        (FOLDER / f"{name}.md").write_text(text)
    (HERE / "reliability.md").write_text(reliability())


if __name__ == "__main__":
    main()
