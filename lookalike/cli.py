"""The command line: read flags, call one step, hand its result to the console.

Each command gets one flag for every setting of its section (flags.py), so a new setting needs no line here.
"""

from __future__ import annotations

import inspect
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, get_type_hints

import typer
from typer.exceptions import TyperException

from lookalike import __version__, flags
from lookalike.commands import COMMANDS, Job, Step
from lookalike.console import Console
from lookalike.errors import LookalikeError, explained
from lookalike.files import JsonObject
from lookalike.project.paths import Project
from lookalike.report import Result
from lookalike.settings import loading

STOPPED = 130
"""The exit code after Ctrl-C. Typer turns the interrupt into it before we see the exception."""
AFTER_A_STOP = {
    "gather": "what was found is kept; run the same command to go on",
    "clean": "what was seen and decided is kept; run the same command to go on",
    "train": "the photos it read are kept, but no epoch yet; run the same command to go on",
    "evaluate": "nothing of it is kept, what was there before is intact; run the same command again",
    "export": "what was there before is intact; run the same command again",
}
"""What is true when Ctrl-C ends a command that had nothing better to say."""


def application(arguments: Sequence[str]) -> typer.Typer:
    """The command line. Only a command that is named among the arguments gets its flags; others are just listed.

    A shell that completes a line has it in the environment.
    """
    named = [*arguments, *os.environ.get("_TYPER_COMPLETE_ARGS", os.environ.get("COMP_WORDS", "")).split()]
    app = typer.Typer(
        name="lookalike",
        help="From a few names to a working image classifier you can share.",
        epilog="Start with: lookalike gather NAME NAME, then clean, train, evaluate, predict. No flag is needed.",
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback(invoke_without_command=True)(_everywhere)
    for name, (section, function, examples) in COMMANDS.items():
        known = app.command(
            name, cls=flags.GroupedCommand, help=function.__doc__, short_help=function.__doc__, epilog=examples
        )
        known(_called(section, function) if name in named else lambda: None)
    return app


def _called(section: str, function: Step) -> Step:
    """What Typer calls: one parameter for each argument and flag."""
    hints = get_type_hints(function, include_extras=True)
    own = {name: p for name, p in inspect.signature(function).parameters.items() if name != "job"}
    known = flags.of(section) if section else []

    def call(ctx: typer.Context, **given: object) -> Result | None:
        everywhere = {name: given.pop(name) for name in flags.EVERYWHERE}
        arguments = {name: given.pop(name) for name in own}
        return function(_open_job(ctx, everywhere, flags.by_section(known, given)), **arguments)

    parameters = [_parameter("ctx", typer.Context)]
    parameters += [_parameter(name, hints[name], p.default) for name, p in own.items()]
    parameters += [_parameter(flag.parameter, flag.annotation(), None) for flag in known]
    parameters += [_parameter(name, kind, flags.EVERYWHERE_DEFAULTS[name]) for name, kind in flags.EVERYWHERE.items()]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {p.name: p.annotation for p in parameters}
    return call


def _parameter(name: str, annotation: object, default: object = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _open_job(ctx: typer.Context, everywhere: JsonObject, typed: dict[str, dict[str, object]]) -> Job:
    console: Console = ctx.obj
    _apply_modes(console, everywhere)
    before = ctx.parent.params if ctx.parent else {}
    places = {name: everywhere[name] or before.get(name) for name in ("project", "images")}
    console.repeat({f"--{name}": shlex.quote(str(place)) for name, place in places.items() if place}, COMMANDS)
    root, images = (places["project"] or Path()).expanduser(), places["images"]
    settings = loading.load(root, os.environ, typed)
    for name, hint in loading.strays(os.environ).items():
        console.warn(f"{name} is no setting and changes nothing; {hint}")
    project = Project(root, images.expanduser() if images else None, settings.train.cache_limit * 1_000_000)
    return Job(project, settings, console)


def _apply_modes(console: Console, given: dict[str, object]) -> None:
    for mode in ("json", "quiet", "debug"):
        setattr(console, mode, getattr(console, mode) or given[mode])


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lookalike {__version__}")
        raise typer.Exit


def _everywhere(
    ctx: typer.Context,
    project: flags.ProjectFlag = None,
    images: flags.ImagesFlag = None,
    json: flags.JsonFlag = False,
    quiet: flags.QuietFlag = False,
    debug: flags.DebugFlag = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    _apply_modes(ctx.obj, ctx.params)
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. The only place where exceptions end."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    console = Console()
    console.json, console.debug = "--json" in arguments, "--debug" in arguments
    try:
        result = application(arguments)(args=arguments, prog_name="lookalike", standalone_mode=False, obj=console)
        if isinstance(result, int):
            return _stopped(console, arguments) if result == STOPPED else result  # --help and --version end here
        console.result(result)
        return 0
    except LookalikeError as error:
        return _told(console, error)
    except TyperException as error:
        return _usage(console, error)
    except (KeyboardInterrupt, typer.Abort) as end:
        cut = end.__cause__  # Typer takes a file that ends too early for a user who wants no more
        return _told(console, explained(cut)) if isinstance(cut, EOFError) else _stopped(console, arguments)
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # what Typer makes of one: the reader (head) has seen enough
            return 0
        raise
    except Exception as error:
        if console.debug:
            raise
        return _told(console, explained(error))


def _told(console: Console, error: LookalikeError, code: int | None = None) -> int:
    console.error(error, code)
    return code or error.exit_code


def _stopped(console: Console, arguments: Sequence[str]) -> int:
    name = next((name for name in arguments if name in COMMANDS), "")
    return _told(console, LookalikeError("stopped", AFTER_A_STOP.get(name, "run the same command again")), STOPPED)


def _usage(console: Console, error: TyperException) -> int:
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "lookalike"
    return _told(console, LookalikeError(message.rstrip("."), f"see `{path} --help`"), 2)
