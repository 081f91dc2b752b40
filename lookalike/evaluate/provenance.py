"""Where the photos of a run came from, counted: by source and by licence, as the manifest tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from lookalike.evaluate.finding import EvaluationFinding, Measured
from lookalike.files import JsonObject
from lookalike.project.manifest import Manifest

UNKNOWN = "not in the manifest"


class Provenance(EvaluationFinding):
    """Sources and licences of the photos."""

    def find(self, run: Measured) -> JsonObject:
        """How many photos of the run have which."""
        return count(run.answers.root, (example.file for example in run.examples))

    def facts(self, found: JsonObject) -> list[tuple[str, str]]:
        """Sources and licences with the number of photos of each."""
        return [(name, sentence(counts)) for name, counts in found.items()]


def count(root: Path, files: Iterable[str]) -> dict[str, dict[str, int]]:
    """`sources` and `licences` of the photos `files` (label/name, under `root`), most frequent first."""
    known = Manifest(root).fold().files
    records = [known.get(file) for file in files]
    sources = Counter(record.provider or UNKNOWN if record else UNKNOWN for record in records)
    licences = Counter(record.license or "not told" if record else "not told" for record in records)
    return {"sources": dict(sources.most_common()), "licences": dict(licences.most_common())}


def sentence(counts: dict[str, int]) -> str:
    """`120 openverse, 30 commons`."""
    return ", ".join(f"{photos} {name}" for name, photos in counts.items())
