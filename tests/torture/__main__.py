"""The parts one after another, each with its line; the last line is the score. Ends with 1 when anything was missed."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.torture import api, faults, fuzz, kills, models, reach

PARTS: dict[str, Callable[[Path], tuple[str, bool]]] = {
    "faults": faults.score,
    "kills": kills.score,
    "models": models.score,
    "reach": reach.score,
    "fuzz": fuzz.score,
    "api": api.score,
}
"""Each takes an empty folder, says what it finds as it goes, and returns its part of the score and if all is well."""


def main(wanted: list[str]) -> int:
    if unknown := set(wanted) - PARTS.keys():
        print(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
        return 2
    told, good = [], True
    for name in wanted or PARTS:
        with tempfile.TemporaryDirectory(prefix="lookalike-torture-") as folder:
            line, well = PARTS[name](Path(folder))
        print(f"{name}: {line}", flush=True)
        told.append(line)
        good &= well
    print(" · ".join(told))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
