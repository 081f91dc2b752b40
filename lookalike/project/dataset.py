"""Which photos the network may learn from, and which are held back. walk.py finds them."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lookalike.errors import NotReadyError, in_words
from lookalike.files import read_rows, write_rows
from lookalike.project.records import Dataset, Example, Part, TrainedRun

SIMILARITIES = "similarities.csv"
SPLIT = ("file", "label", "part", "sha256", "group", "seed", "valid")


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Each label once, as people list them: numbers by their size, then the others by name."""
    return tuple(sorted(set(labels), key=lambda name: (0, int(name), name) if name.isdecimal() else (1, 0, name)))


def fingerprint(examples: Iterable[Example]) -> str:
    """A short name for the exact content of a data set: which bytes have which label on which side."""
    lines = sorted(f"{e.sha256} {e.label} {e.part}\n" for e in examples)
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def split(examples: Iterable[Example], *, seed: int, valid: float, before: Mapping[str, Part]) -> tuple[Example, ...]:
    """Give each example its side: stratified by label, whole groups together, stable as the set grows.

    Groups are taken in the order of a hash of `seed` and their first photo's bytes until each label has its share
    `valid` (at least one photo) held back. `before` maps sha256 to the side of an earlier split with the same seed;
    those photos keep it. A group with photos on both sides goes to the training side: what was learnt from cannot
    measure.
    """
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[example.group or example.sha256].append(example)
    side: dict[str, Part] = {}
    for name, members in groups.items():
        known = {before[member.sha256] for member in members if member.sha256 in before}
        if known:
            side[name] = "train" if "train" in known else min(known)
    totals = Counter(member.label for members in groups.values() for member in members)
    held = Counter(m.label for name, members in groups.items() for m in members if side.get(name, "train") != "train")
    order = {name: _order(seed, min(member.sha256 for member in members)) for name, members in groups.items()}
    for name in sorted(groups.keys() - side.keys(), key=order.__getitem__):
        label, size = groups[name][0].label, len(groups[name])
        room = max(1, round(totals[label] * valid)) - held[label]
        fits = room > 0 and (size <= room or held[label] == 0) and held[label] + size < totals[label]
        side[name] = "valid" if fits else "train"
        if fits:
            held.update(member.label for member in groups[name])
    return tuple(replace(member, part=side[name]) for name, members in groups.items() for member in members)


def _order(seed: int, sha256: str) -> str:
    return hashlib.sha256(f"{seed}:{sha256}".encode()).hexdigest()


def write_split(path: Path, dataset: Dataset, *, seed: int, valid: float) -> None:
    """Keep who was on which side, in split.csv beside the run."""
    rows = ((e.file, e.label, e.part, e.sha256, e.group, seed, valid) for e in dataset.examples)
    write_rows(path, SPLIT, rows)


def read_split(path: Path, *, seed: int, valid: float) -> dict[str, Part]:
    """The side of each photo (by sha256) in an earlier split with the same seed and share; empty for any other.

    Raises NotReadyError when it is damaged.
    """
    if not path.is_file():
        return {}
    with _intact(path):
        rows = [row for row in read_rows(path, SPLIT) if (row["seed"], row["valid"]) == (str(seed), str(valid))]
        return {example.sha256: example.part for example in map(Example.from_json, rows)}


@contextmanager
def _intact(path: Path) -> Iterator[None]:
    """Raises NotReadyError when what is read of a split in the block cannot be."""
    try:
        yield
    except (OSError, ValueError, TypeError, LookupError) as error:  # the last, where a row ends early
        raise NotReadyError(f"{path} is missing or damaged: {in_words(error)}", "run `lookalike train` again") from None


def read_examples(path: Path) -> tuple[Example, ...]:
    """The examples of a run, as split.csv names them. Raises NotReadyError when it is missing or damaged."""
    with _intact(path):
        return tuple(map(Example.from_json, read_rows(path, ("file", "label", "sha256"))))


def examples_of(folder: Path, run: TrainedRun) -> tuple[Example, ...]:
    """The examples of the run in `folder`. Raises NotReadyError also when they have labels that the run does not."""
    examples = read_examples(folder / "split.csv")
    if strange := {example.label for example in examples} - set(run.labels):
        told = f"{folder / 'split.csv'} does not belong to run.json, which has no label {min(strange)!r}"
        raise NotReadyError(told, "run `lookalike train` again")
    return examples


def write_similarities(folder: Path, examples: Sequence[Example], values: Sequence[float]) -> None:
    """Keep, beside a run's split, how alike each photo it learnt from is to the others it learnt from."""
    rows = ((e.file, e.label, f"{value:.6f}") for e, value in zip(examples, values, strict=True))
    write_rows(folder / SIMILARITIES, ("file", "label", "similarity"), rows)


def read_similarities(folder: Path) -> list[tuple[str, float]]:
    """Label and similarity of each photo that `write_similarities` kept; none where that was not done or is damaged."""
    try:
        rows = read_rows(folder / SIMILARITIES, ("label", "similarity"))
        return [(row["label"], max(-1.0, min(1.0, float(row["similarity"])))) for row in rows]
    except (OSError, ValueError, LookupError):
        return []
