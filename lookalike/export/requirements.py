"""What exported programs install: each line once, for all apps."""

from __future__ import annotations

from pathlib import Path

from lookalike.files import write_text

PYTHON = "3.12"
MODEL = ("onnxruntime>=1.23,<2", "numpy>=2,<3", "pillow>=12,<14")
NOTEBOOK = ("voila>=0.5.13,<0.6", "ipywidgets>=8.1,<9", "ipykernel>=6.29,<8")
SERVER = ("starlette>=1.0,<2", "uvicorn>=0.40,<1")
GRADIO = "6.31.0"


def write(folder: Path, *more: str) -> None:
    """requirements.txt with these lines and those that a model needs."""
    write_text(folder / "requirements.txt", "".join(f"{line}\n" for line in (*more, *MODEL)))
