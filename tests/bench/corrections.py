"""What corrections are worth: a model of few photos is asked about many, is corrected, and trains again.

Two thirds of the photos not learnt from are asked about, and the rest is used for nothing but the last numbers: of
photos that were asked about, those that stay uncorrected are the ones that were named rightly, and can only get worse.
BENCH_DATA names a folder of label folders (or train/ and val/ with such); digits of scikit-learn are used without.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from lookalike import metrics
from lookalike.decisions.corrections import Corrections
from lookalike.photos.whole import decode
from lookalike.project.paths import Project
from tests.bench import QUICK
from tests.bench.neither import lookalike

LEARN, CORRECT = 10, 20
DRAWS = 1 if QUICK else 3


def main() -> None:
    """Print one table."""
    if not os.environ.get("BENCH_DATA"):
        print("digits; BENCH_DATA=FOLDER names a folder of label folders with real photos", flush=True)
    print("| draw | wrong before | corrected, still wrong | photos never asked about | better / worse (p) | undo |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        photos = _photos(Path(name))
        for draw in range(DRAWS):
            print(_row(Path(name) / f"draw-{draw}", photos, draw), flush=True)


def _photos(scratch: Path) -> dict[str, list[Path]]:
    given = os.environ.get("BENCH_DATA")
    if not given:
        lookalike(
            "gather", "3", "8", "5", "--provider", "digits", "--count", "150", "--images", str(scratch / "digits")
        )
        given = str(scratch / "digits")
    found: dict[str, list[Path]] = {}
    for path in sorted(Path(given).rglob("*.*")):
        if path.is_file() and path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"):
            found.setdefault(path.parent.name, []).append(path)
    return found


def _row(root: Path, photos: dict[str, list[Path]], draw: int) -> str:
    random = np.random.default_rng(draw)
    asked: dict[Path, str] = {}
    for label, paths in photos.items():
        order = [paths[number] for number in random.permutation(len(paths))]
        (root / "images" / label).mkdir(parents=True)
        for path in order[:LEARN]:
            shutil.copyfile(path, root / "images" / label / path.name)
        asked |= dict.fromkeys(order[LEARN:], label)
    lookalike("train", "--project", str(root), "--quiet")
    before = _right(root, asked)
    fresh = [path for path in asked if int(hashlib.sha256(path.read_bytes()).hexdigest(), 16) % 3 == 0]
    wrong = [path for path in asked if not before[path] and path not in fresh]
    chosen = [wrong[number] for number in random.permutation(len(wrong))[:CORRECT]]
    undo = _undo_is_exact(root, chosen[0], asked[chosen[0]])
    corrections = Corrections(Project(root), tuple(photos))
    for path in chosen:
        corrections.keep(path.read_bytes(), decode(path.read_bytes()), asked[path])
    lookalike("train", "--project", str(root), "--quiet")
    after = _right(root, asked)
    still = sum(not after[path] for path in chosen)
    rest = fresh
    better, worse = (sum(now[p] > then[p] for p in rest) for now, then in ((after, before), (before, after)))
    p_value = metrics.paired_p_value(*(np.array([found[path] for path in rest]) for found in (before, after)))
    shares = [sum(found[path] for path in rest) / len(rest) for found in (before, after)]
    return (
        f"| {draw} | {len(wrong)} of {len(asked)} | {len(chosen)}, {still} | {shares[0]:.3f} → {shares[1]:.3f} |"
        f" {better} / {worse} ({p_value:.3f}) | {'exact' if undo else 'NOT EXACT'} |"
    )


def _right(root: Path, asked: dict[Path, str]) -> dict[Path, bool]:
    answers = lookalike("predict", *map(str, asked), "--project", str(root), "--threshold", "0", "--json", "--quiet")
    said = {answer["file"]: answer.get("label") for answer in answers["predictions"]}
    return {path: said[str(path)] == label for path, label in asked.items()}


def _undo_is_exact(root: Path, path: Path, label: str) -> bool:
    def tree() -> dict[str, str]:
        files = (p for p in root.rglob("*") if p.is_file() and "manifest" not in p.name)
        return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    before, corrections = tree(), Corrections(Project(root), [label])
    corrections.undo(corrections.keep(path.read_bytes(), decode(path.read_bytes()), label).name)
    return tree() == before


if __name__ == "__main__":
    main()
