"""M: damaged models of which any process ends, any says more than a line, or any is believed."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from lookalike import Model
from lookalike.errors import LookalikeError, UnusablePhoto
from lookalike.photos.decode import Pool
from tests.attacks.test_models import mutations
from tests.support import draw, models

DAMAGED, SEALED, FLIPPED, TYPED = 2000, 1000, 1000, 24


def score(folder: Path) -> tuple[str, bool]:
    """Damage every file of three models: cut, overwritten, spliced; then one bit in each of a thousand copies.

    A third of the damaged network files carry the right sha256, as a stranger would give it: those may be opened, and
    even answer, but end no process.
    """
    bad: Counter[str] = Counter()
    whole = [models.bundle(folder / "plain"), models.bundle(folder / "similar", models.with_similarity())]
    whole.append(models.bundle(folder / "many", labels=tuple(f"label {number} \u00fc" for number in range(200))))
    bad["sound and refused"] += sum(not Model.load(sound).labels for sound in whole)
    for number, (path, damaged) in enumerate(_each(whole, DAMAGED)):
        bad[_opened(path, damaged)] += 1
        if number < TYPED:
            bad[_typed(path, damaged)] += 1
    for path, damaged in _each(whole, FLIPPED, flipped=True):
        bad[_opened(path, damaged)] += 1
    with Pool(seconds=20, memory=2_000_000_000) as pool:
        sound = models.with_similarity().SerializeToString()
        for _, answer in pool.map("tests.attacks.opener:open_model", mutations(sound, SEALED)):
            died = isinstance(answer, UnusablePhoto) and answer.reason != "too-large"
            bad["ended a process" if died else ""] += 1
    bad = +Counter({what: number for what, number in bad.items() if what})
    for what, number in bad.items():
        print(f"  {number} {what}")
    return f"M {bad.total()} of {DAMAGED + SEALED + FLIPPED:,}", not bad


def _each(folders: list[Path], count: int, *, flipped: bool = False) -> Iterator[tuple[Path, bytes]]:
    """Each file of each folder in turn with damaged bytes to put in its place."""
    files = [path for folder in folders for path in sorted(folder.iterdir())]
    chance = random.Random(11)
    for path in files:
        content = path.read_bytes()
        share = count // len(files) + (path in files[: count % len(files)])
        for damaged in mutations(content, share) if not flipped else _flips(content, share, chance):
            yield path, damaged if damaged != content else content[:-1]  # a splice may be of nothing


def _flips(content: bytes, count: int, chance: random.Random) -> Iterator[bytes]:
    for _ in range(count):
        flipped = bytearray(content)
        flipped[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        yield bytes(flipped)


def _opened(path: Path, damaged: bytes) -> str:
    """What is wrong with opening a model with one damaged file as a program would; "" when it is refused well."""
    content = path.read_bytes()
    path.write_bytes(damaged)
    try:
        Model.load(path.parent)
    except LookalikeError as error:
        return "" if error.exit_code in (2, 3) and "\n" not in error.message else "refused in no plain line"
    except BaseException as error:
        return f"ended with {type(error).__name__}"
    else:
        return "believed"
    finally:
        path.write_bytes(content)


def _typed(path: Path, damaged: bytes) -> str:
    """The same by the command line."""
    content = path.read_bytes()
    path.write_bytes(damaged)
    photo = path.parent.parent / "photo.jpg"
    photo.write_bytes(draw.jpeg("circles", 1))
    command = [sys.executable, "-m", "lookalike", "predict", str(photo), "--model", str(path.parent)]
    done = subprocess.run(command, cwd=path.parent.parent, capture_output=True, text=True, check=False)
    path.write_bytes(content)
    shutil.rmtree(path.parent.parent / ".cache", ignore_errors=True)
    return "" if done.returncode in (2, 3) and "Traceback" not in done.stderr else f"ended with {done.returncode}"
