"""The commands: each with its arguments, its section of settings, and the step that it calls.

Steps are imported inside the commands, which keeps `--help` fast and `predict` free of torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from lookalike.project.paths import Project
from lookalike.report import Reporter, Result
from lookalike.settings import fields


@dataclass(frozen=True)
class Job:
    """What every step is given: where it works, how, and who listens."""

    project: Project
    settings: fields.Settings
    report: Reporter


Step = Callable[..., Result | None]
COMMANDS: dict[str, tuple[str, Step, str]] = {}  # settings' section, function and examples, in the help's order


def command(section: str, *examples: str) -> Callable[[Step], Step]:
    """Make a function a command: its own parameters are arguments, the settings of its section, if any, its flags.

    The help ends with the `examples`.
    """

    def register(function: Step) -> Step:
        COMMANDS[function.__name__] = (section, function, "\n".join(f"lookalike {line}" for line in examples))
        return function

    return register


@command(
    "gather", "gather ants bees", 'gather "jessica chastain" "bryce dallas howard" --count 300',
    'gather robin wren --provider commons --license commercial --query "{label} bird"',
    "gather --provider urls --source list.csv",
)  # fmt: skip
def gather(
    job: Job,
    names: Annotated[list[str] | None, typer.Argument(help="what to tell apart", show_default=False)] = None,
    rebuild: Annotated[
        Path | None, typer.Option("--from", help="a manifest.jsonl: fetch exactly the photos it keeps")
    ] = None,
) -> Result | None:
    """Find and download photos for each NAME into images/."""
    from lookalike import gather as stage

    return stage.run(job.project, job.settings, names or [], rebuild=rebuild, report=job.report)


@command("providers", "providers", "providers --check")
def providers(job: Job) -> Result | None:
    """List the places photos can come from; --check asks each of them."""
    from lookalike.gather import catalogue

    return catalogue.run(job.project, job.settings, report=job.report)


@command("clean", "clean --dry-run", "clean", "clean --review", "clean --aside blurred,too-dark", "clean --undo")
def clean(job: Job) -> Result | None:
    """Set aside photos that would spoil the training; nothing is deleted."""
    from lookalike import clean as stage

    return stage.run(job.project, job.settings, report=job.report)


@command("train", "train", "train --budget 3m", "train --epochs 5 --arch resnet18", "train --resume")
def train(job: Job) -> Result | None:
    """Fine-tune a pretrained network on the photos in images/."""
    from lookalike import train as stage

    return stage.run(job.project, job.settings, report=job.report)


@command("evaluate", "evaluate", "evaluate --folds 5", "evaluate --at-least 0.9", "evaluate --others holiday/photos")
def evaluate(job: Job) -> Result | None:
    """Show how good the newest model is, what it confuses, and how far to trust the number."""
    from lookalike import evaluate as stage

    return stage.run(job.project, job.settings, report=job.report)


@command("compare", "compare 20261122-144646-40c4 20261123-090112-71aa")
def compare(
    job: Job,
    first: Annotated[str, typer.Argument(help="a run: the name of a folder under runs/")],
    second: Annotated[str, typer.Argument(help="another one")],
) -> Result | None:
    """Say whether one run is better than another, or only luckier."""
    from lookalike import compare as stage

    return stage.run(job.project, (first, second), report=job.report)


@command("export", "export", "export --name insects --to web", "export --format onnx,learner --small")
def export(job: Job) -> Result | None:
    """Write the newest model to models/NAME/, checked to answer like the trained network."""
    from lookalike import export as stage

    return stage.run(job.project, job.settings, report=job.report)


@command(
    "predict", "predict photo.jpg", "predict holiday/ --csv", "predict holiday/ --sort-into sorted",
    "predict --watch inbox --jsonl", "predict list.txt --out answers",
)  # fmt: skip
def predict(
    job: Job,
    photos: Annotated[
        list[str] | None,
        typer.Argument(
            help="photos, folders, lists of them, addresses (https, s3, …); - reads a list or a photo",
            show_default=False,
        ),
    ] = None,
) -> Result | None:
    """Say what is on each photo, with the newest model."""
    from lookalike import predict as stage

    return stage.run(job.project, job.settings, photos or [], report=job.report)


@command("", "correct sorted", "correct wrong.jpg --as bees", "correct photo.jpg --as neither", "correct sorted --undo")
def correct(
    job: Job,
    photos: Annotated[
        list[str] | None, typer.Argument(help="folders of sorted photos, or photos with --as", show_default=False)
    ] = None,
    label: Annotated[str | None, typer.Option("--as", help="what the photos show; neither: none of the labels")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="take back what was said about these photos")] = False,
) -> Result | None:
    """Keep photos whose answer was wrong with what they show, for the next training."""
    from lookalike import correct as step

    return step.run(job.project, photos or [], label, undo=undo, report=job.report)


@command("", "suggest inbox", "suggest inbox --count 50 --csv")
def suggest(
    job: Job,
    folder: Annotated[Path, typer.Argument(help="a folder of photos without labels")],
    count: Annotated[int, typer.Option(min=1, max=1000, help="how many photos to choose")] = 20,
    csv: Annotated[bool, typer.Option("--csv", help="print comma-separated values")] = False,
    model: Annotated[str | None, typer.Option(help="a name under models/, or a folder [default: the newest]")] = None,
) -> Result | None:
    """Say which photos without a label to label next, and why."""
    from lookalike import suggest as step

    return step.run(job.project, folder, count, model, csv=csv, report=job.report)


@command("serve", "serve", "serve --model insects --port 0")
def serve(job: Job) -> Result | None:
    """Open a local page that classifies photos."""
    from lookalike import serve as stage

    return stage.run(job.project, job.settings, report=job.report)


@command("", "config", "config --project insects")
def config(job: Job) -> Result | None:
    """Write lookalike.toml with every setting as a comment."""
    from lookalike import config as step

    return step.run(job.project)
