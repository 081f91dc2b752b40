"""`lookalike train` as one of the processes that torchrun started; notes what each of them ended with.

Arguments: the folder for the notes, then those of the command line.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike import plugins
from lookalike.__main__ import script

if TYPE_CHECKING:
    from lookalike.vision.material import Material, Trained


def noted(material: Material) -> Trained:
    """The recipe `auto`; the hash of its network goes to a file named after the process."""
    from lookalike.vision.recipes.auto import auto

    trained = auto(material)
    state = trained.network.state_dict()
    digest = hashlib.sha256(b"".join(value.numpy().tobytes() for value in state.values())).hexdigest()
    (Path(os.environ["NOTES"]) / os.environ["RANK"]).write_text(digest)
    return trained


if __name__ == "__main__":
    plugins.RECIPES["auto"] = "tests.support.torchrun:noted"  # loaded when the command loads it, not before
    os.environ["NOTES"] = sys.argv.pop(1)
    script()
