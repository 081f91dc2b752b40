"""The program that goes with every model and needs nothing of this package."""

from __future__ import annotations

import shutil
from pathlib import Path

from lookalike.photos import mend, pixels

STANDALONE = Path(__file__).parent / "standalone"
PARTS = {
    "predict.py": STANDALONE / "predict.py", "pixels.py": Path(pixels.__file__), "mend.py": Path(mend.__file__),
}  # fmt: skip
"""Its files; how pixels come about is the very code that everything else here uses."""


def write(folder: Path) -> list[str]:
    """Put it into a folder; the names of its files."""
    for name, source in PARTS.items():
        shutil.copyfile(source, folder / name)
    return list(PARTS)


def with_model(part: Path, model: Path) -> None:
    """Put a model, its description and its program into the folder `part`."""
    for name in ("model.onnx", "model.json", "face.onnx", *PARTS):
        if (model / name).is_file():
            shutil.copyfile(model / name, part / name)
