"""Which model is meant: find it, bring it back after a killed export, and try it first when it is a stranger's."""

from __future__ import annotations

from pathlib import Path

from lookalike.bundle import onnxfile
from lookalike.errors import NotReadyError
from lookalike.photos.decode import Pool
from lookalike.project.paths import Project

TRIAL_SECONDS, TRIAL_MEMORY = 30.0, 3_000_000_000


def locate(project: Project, name: str | None) -> Path:
    """The folder of the model meant by `--model`. One from outside the project is tried in a limited process first.

    Raises NotReadyError when there is none, when it is a file that could run code, or when the trial fails.
    """
    if name and (file := Path(name)).is_file():
        onnxfile.inspect(file.read_bytes())
        if file.name != "model.onnx":
            raise NotReadyError(
                f"{file} alone says nothing of labels", "give the folder with model.onnx and model.json"
            )
        name = str(file.parent)
    for old in project.models.glob(".*.old"):
        heal(project.models / old.name.removeprefix(".").removesuffix(".old"))
    folder = project.model_dir(name)
    if not folder.resolve().is_relative_to(project.root.resolve()):
        with Pool(1, seconds=TRIAL_SECONDS, memory=TRIAL_MEMORY) as pool:
            fault = pool.call("lookalike.bundle.locate:trial", folder)
        if fault:
            from lookalike.bundle.description import AGAIN

            detail = fault if isinstance(fault, str) else "it takes too much time or memory"
            raise NotReadyError(f"the model in {folder} was not opened: {detail}", AGAIN)
    return folder


def heal(folder: Path) -> None:
    """Bring back a model that was set aside by an export that was killed before it put the new one in its place."""
    old = folder.with_name(f".{folder.name}.old")
    if old.is_dir() and not folder.exists():
        old.rename(folder)


def trial(folder: Path) -> str:
    """Load a model and run it once on nothing: what is wrong with it, or "". Runs in a limited process."""
    import numpy as np  # here, as `predict` starts its decoders before it loads numpy

    from lookalike.bundle.bundle import load

    try:
        model = load(folder)
        size = model.description.input.size
        model.probabilities(np.zeros((16, size, size, 3), np.uint8))
    except NotReadyError as error:
        return error.message
    return ""
