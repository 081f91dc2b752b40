"""Sets without copies: how many of their photos are set aside all the same, beside imagededup; and what looking alike
costs.

Drawn sets are always used (tests/support/crowds.py) and the product's own digits. BENCH_CLEAN names a folder
of real sets that are clean already, each a folder of label folders; copies are planted into these as well. What has the
very bytes of another photo is a true copy and not counted.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

from sklearn.datasets import load_digits

from lookalike.gather.providers.digits import png
from tests.bench import QUICK, clean
from tests.support import crowds

SETS = {"stroke": 150 if QUICK else 1500} | dict.fromkeys(
    ("scene", "face", "stamp", "hand", "trap", "icon", "flag", "ticket", "page"), 30 if QUICK else 300
)
SPEED = ("scene", "stroke", "face", "barred", "trap")
TIMED = 200 if QUICK else 2000


def main(root: Path) -> None:
    """Print both tables, and copies planted into each real set."""
    sets = {kind: crowds.folder(root / kind, kind, count, 10) for kind, count in SETS.items()}
    sets["digits"] = _digits(root / "digits")
    real = sorted(Path(os.environ.get("BENCH_CLEAN") or root / "none").glob("*/"))
    removals({**sets, **{folder.name: folder for folder in real}})
    for folder in real:
        clean.copies(folder.name, folder, root / f"planted-{folder.name}")
    speed(root / "speed")


def _digits(root: Path) -> Path:
    digits = load_digits()
    pictures = zip(digits.images, digits.target, strict=True)
    for number, (pixels, label) in enumerate(islice(pictures, 200 if QUICK else None)):
        path = root / str(label) / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(pixels))
    return root


def removals(sets: dict[str, Path]) -> None:
    """Photos set aside of each set, and the photos that imagededup would remove of it."""
    rows = []
    for title, folder in sets.items():
        sha256 = {
            path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*") if path.is_file()
        }  # fmt: skip
        begin = time.monotonic()
        found = clean._clean(folder, "--suspects", "0")
        seconds = time.monotonic() - begin
        files = [item["file"] for item in found["aside"] if sha256[item["file"]] != sha256.get(item.get("other", ""))]
        cells = [f"{len(files)} ({len(files) / len(sha256):.2%})", f"{seconds:.1f}"]
        for method in (clean._phash, clean._cnn):
            gone = _to_remove(method(folder), sha256)
            cells.append(f"{gone} ({gone / len(sha256):.2%})")
        rows.append([title, str(len(sha256)), *cells])
    names = ["set", "photos", "set aside, not the same bytes", "s", "imagededup PHash", "imagededup CNN"]
    clean._table("photos of sets without copies that would go", names, rows)


def _to_remove(pairs: Iterable[frozenset[str]], sha256: dict[str, str]) -> int:
    """How many photos go when of each found pair the one that comes first stays, as imagededup proposes."""
    gone: set[str] = set()
    for one, other in sorted(tuple(sorted(pair)) for pair in pairs if len(pair) == 2):
        if one not in gone and sha256[one] != sha256[other]:
            gone.add(other)
    return len(gone)


def speed(root: Path) -> None:
    """The time of photos that all look alike, in times of as many varied ones."""
    rows: list[list[str]] = []
    varied = 0.0
    for kind in SPEED:
        folder = crowds.folder(root / kind, kind, TIMED, 10)
        seconds = min(_seconds(lambda folder=folder: clean._clean(folder, "--suspects", "0")) for _ in range(2))
        varied = varied or seconds
        rows.append([kind, f"{seconds:.1f}", f"{seconds / varied:.2f}"])
    clean._table(f"clean of {TIMED} photos, whole process, best of two", ["set", "s", "times"], rows)


def _seconds(work: Callable[[], object]) -> float:
    begin = time.monotonic()
    work()
    return time.monotonic() - begin
