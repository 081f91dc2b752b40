"""What "not sure" costs and catches: sets that a model has learnt a part of, asked about the rest and about each other.

Drawn photos and digits of scikit-learn are always used. BENCH_DATA names a folder of further data sets, however deep
in it: label folders, of which at most two thirds are learnt from and the rest is used for nothing but these numbers, or
train/ and val/ with label folders, of which val/ is used for nothing else. BENCH_RECIPE is the recipe to train with.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookalike import metrics
from tests.bench import QUICK
from tests.support import draw

RECIPE = os.environ.get("BENCH_RECIPE", "probe" if QUICK else "auto")
MOST = 20 if QUICK else 120  # photos of each label learnt from, and photos of another set asked about
LEAST = 12  # photos of a label; one with fewer is left out


@dataclass(frozen=True)
class Known:
    """A set whose model is asked: the project that learnt from a part of it, and the photos of the rest by label."""

    name: str
    project: Path
    rest: dict[str, list[Path]]

    def photos(self) -> list[Path]:
        """Photos of the rest, evenly from all labels, at most MOST."""
        return _some([path for paths in self.rest.values() for path in paths], MOST)


def main() -> None:
    """Print one table."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        sets = [_divided(folder, scratch / "projects" / folder.name) for folder in _folders(scratch)]
        strange = {known.name: known.photos() for known in sets} | {"noise, writing, gradients": _others(scratch)}
        print("| set | learnt from | known photos turned away | of the worst label | other things caught |")
        print("|---|---|---|---|---|")
        for known in sets:
            print(_row(known, {name: photos for name, photos in strange.items() if name != known.name}), flush=True)


def _folders(scratch: Path) -> list[Path]:
    given: list[Path] = []
    if named := os.environ.get("BENCH_DATA"):
        given = _sets(Path(named))
    else:
        print("drawn photos and digits; BENCH_DATA=FOLDER names a folder of real data sets")
    drawn = draw.folder(scratch / "sets" / "drawn", dict.fromkeys(("circles", "stripes"), 3 * MOST // 2))
    digits = scratch / "sets" / "digits"
    lookalike("gather", "3", "8", "--provider", "digits", "--count", str(3 * MOST // 2), "--images", str(digits))
    return [*given, drawn, digits]


def _sets(folder: Path) -> list[Path]:
    """The folder itself where it is a set, else the sets below it; what holds no two labels is passed over."""
    inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if {"train", "val"} <= {path.name for path in inside} or sum(_enough(path) for path in inside) > 1:
        return [folder]
    return [found for path in inside for found in _sets(path)]


def _enough(label: Path) -> bool:
    return sum(path.is_file() for path in label.iterdir()) >= LEAST


def _divided(folder: Path, project: Path) -> Known:
    """A project that has learnt from a part of a set, and the rest. Which photo goes where follows from its bytes."""
    train = folder / "train"
    rest: dict[str, list[Path]] = {}
    for label in sorted(path for path in (train if train.is_dir() else folder).iterdir() if path.is_dir()):
        photos = sorted(
            (path for path in label.iterdir() if path.is_file()),
            key=lambda path: hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        if not _enough(label):
            continue
        kept = len(photos) if train.is_dir() else min(MOST, 2 * len(photos) // 3)
        (project / "images" / label.name).mkdir(parents=True)
        for path in photos[:kept]:
            shutil.copyfile(path, project / "images" / label.name / path.name)
        unused = folder / "val" / label.name
        rest[label.name] = sorted(unused.iterdir()) if train.is_dir() else photos[kept : kept + 5 * MOST]
    flags = ("--project", str(project), "--quiet")
    lookalike("train", *flags, "--recipe", RECIPE, "--crop", "none")
    lookalike("evaluate", *flags, "--no-heat")
    return Known(folder.name, project, rest)


def _row(known: Known, strange: dict[str, list[Path]]) -> str:
    lost = {label: _unsure(known.project, photos) for label, photos in known.rest.items()}
    away, asked = (sum(column) for column in zip(*lost.values(), strict=True))
    worst = max(lost, key=lambda label: lost[label][0] / max(1, lost[label][1]))
    caught = {name: _unsure(known.project, photos) for name, photos in strange.items()}
    total = metrics.rate(*(sum(column) for column in zip(*caught.values(), strict=True)))
    each = ", ".join(f"{name} {found / max(1, photos):.2f}" for name, (found, photos) in caught.items())
    learnt = len(list((known.project / "images").glob("*/*")))
    turned = f"{away} of {asked} ({away / max(1, asked):.3f})"
    of_worst = f"{worst}: {lost[worst][0]} of {lost[worst][1]}"
    return f"| {known.name} | {learnt} | {turned} | {of_worst} | {total.value:.3f}: {each} |"


def _unsure(project: Path, photos: Iterable[Path]) -> tuple[int, int]:
    """How many photos get no label, and how many could be read."""
    answers = lookalike("predict", *map(str, photos), "--project", str(project), "--json", "--quiet")["predictions"]
    known = [answer["known"] for answer in answers if "known" in answer]
    return known.count(False), len(known)


def _others(scratch: Path) -> list[Path]:
    folder = scratch / "others"
    folder.mkdir()
    for kind in draw.OTHERS:
        for seed in range(MOST // 3):
            draw.other(kind, seed).save(folder / f"{kind}-{seed}.png")
    return sorted(folder.iterdir())


def _some(photos: list[Path], most: int) -> list[Path]:
    return photos[:: max(1, len(photos) // most)][:most]


def lookalike(*arguments: str) -> Any:
    """What a command says as JSON."""
    command = [sys.executable, "-m", "lookalike", *arguments, *(() if "--json" in arguments else ("--json",))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{arguments[:2]} ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")
    return json.loads(done.stdout)["data"]


if __name__ == "__main__":
    main()
