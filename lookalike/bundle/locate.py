"""Which model is meant: find it, and bring it back after a killed export."""

from __future__ import annotations

from pathlib import Path

from lookalike.bundle import onnxfile
from lookalike.errors import NotReadyError
from lookalike.project.paths import Project


def locate(project: Project, name: str | None) -> Path:
    """The folder of the model meant by `--model`.

    Raises NotReadyError when there is none, or when it is a file that could run code.
    """
    if name and (file := Path(name)).is_file():
        onnxfile.require_no_other_kind(file.read_bytes())
        if file.name != "model.onnx":
            raise NotReadyError(
                f"{file} alone says nothing of labels", "give the folder with model.onnx and model.json"
            )
        name = str(file.parent)
    for old in project.models.glob(".*.old"):
        heal(project.models / old.name.removeprefix(".").removesuffix(".old"))
    return project.model_dir(name)


def heal(folder: Path) -> None:
    """Bring back a model that was set aside by an export that was killed before it put the new one in its place."""
    old = folder.with_name(f".{folder.name}.old")
    if old.is_dir() and not folder.exists():
        old.rename(folder)
