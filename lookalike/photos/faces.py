"""Find the faces in a photo, each with five landmarks, by a small network that onnxruntime runs.

The network is YuNet (W. Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023; MIT), in the file and with
the arithmetic that OpenCV publishes. It looks at a photo as three grids of cells, 8, 16 and 32 pixels wide: each cell
says how sure it is of a face around it, where that face's middle lies, how large it is and where its landmarks are.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from lookalike.errors import NetworkError, NotReadyError

if TYPE_CHECKING:
    from lookalike.report import Reporter
    from lookalike.settings.fields import NetworkSettings

SIDE = 640  # longer side looked at, in pixels
SURE = 0.6
OVERLAP = 0.3
ROOM = 1.3
STRIDES = (8, 16, 32)
STEP = 32
MOST = 5000  # of the surest cells
CROWD = 64  # faces of one photo, at most
Point = tuple[float, float]
_lock = threading.Lock()
_model: Path | bytes | None = None
WITHOUT = "look at whole photos (train --crop none, clean --no-faces)"


@dataclass(frozen=True)
class Face:
    """A box in pixels of the photo, how sure the network is (0..1), and the landmarks (x, y): the person's right eye,
    left eye, nose, right and left corner of the mouth."""

    left: float
    top: float
    right: float
    bottom: float
    score: float
    landmarks: tuple[Point, ...] = ()

    @property
    def area(self) -> float:
        """Width times height of the box, in square pixels."""
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)


def use(model: Path | bytes | None) -> None:
    """Take the network from here in this process: the face.onnx of a model, or its bytes."""
    global _model  # one network serves the whole process
    if model != _model:
        _model = model
        _session.cache_clear()


def model() -> bytes:
    """The network in use."""
    if _model is None:
        raise RuntimeError("nobody has said which network finds faces")
    return _model if isinstance(_model, bytes) else _model.read_bytes()


def require(network: NetworkSettings, report: Reporter) -> None:
    """Make `find` work in this process. Raises NetworkError when the network is not on this computer and can't be
    fetched, ConfigError and NotReadyError as `weights.get`."""
    from lookalike.net import weights

    use(flexible(weights.get("yunet", network, without=WITHOUT, report=report).read_bytes()))


def offered(network: NetworkSettings, report: Reporter) -> bool:
    """The same for steps that do without: whether `find` works, after a line that says why it does not."""
    use(None)
    try:
        require(network, report)
    except (NetworkError, NotReadyError) as error:
        report.note(f"photos are not searched for faces: {error.message}; {error.hint}")
        return False
    return True


def ready() -> bool:
    """Whether `find` works in this process."""
    return _model is not None


def find(image: Image.Image) -> list[Face]:
    """The faces in an upright RGB photo, largest first. `use` or `require` comes first."""
    scale = min(1.0, SIDE / max(image.size))
    width, height = (max(1, round(length * scale)) for length in image.size)
    narrow = image.resize((width, image.height), Image.Resampling.BILINEAR)  # in two steps, as in images.fit
    small = np.asarray(narrow.resize((width, height), Image.Resampling.BILINEAR))
    found = _scaled(detect(small), image.width / width, image.height / height)
    return sorted(found, key=lambda face: -face.area)[:CROWD]


def detect(pixels: np.ndarray) -> list[Face]:
    """The faces in pixels (height, width, 3), uint8, as they are; surest first."""
    height, width = pixels.shape[:2]
    across, down = (-(-length // STEP) * STEP for length in (width, height))
    picture = np.zeros((1, 3, down, across), np.float32)
    picture[0, :, :height, :width] = pixels[..., ::-1].transpose(2, 0, 1)  # blue first
    outputs = _network().run(None, {"input": picture})
    names = [output.name for output in _network().get_outputs()]
    maps = dict(zip(names, (output[0] for output in outputs), strict=True))
    return _one_each([face for stride in STRIDES for face in _faces(maps, stride, across // stride)])


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


def _faces(maps: dict[str, np.ndarray], stride: int, columns: int) -> list[Face]:
    """The faces that the cells of one grid are sure of."""
    sure = np.clip(maps[f"cls_{stride}"][:, 0], 0, 1) * np.clip(maps[f"obj_{stride}"][:, 0], 0, 1)
    scores = np.sqrt(sure)
    found = []
    for cell in np.flatnonzero(scores >= SURE):
        row, column = divmod(int(cell), columns)
        across, down, wide, high = maps[f"bbox_{stride}"][cell].astype(float)
        x, y = (column + across) * stride, (row + down) * stride
        width, height = np.exp(wide) * stride, np.exp(high) * stride
        points = maps[f"kps_{stride}"][cell].astype(float).reshape(5, 2)
        landmarks = tuple((float(px + column) * stride, float(py + row) * stride) for px, py in points)
        left, top, right, bottom = map(float, (x - width / 2, y - height / 2, x + width / 2, y + height / 2))
        found.append(Face(left, top, right, bottom, float(scores[cell]), landmarks))
    return found


def _scaled(faces: Sequence[Face], across: float, down: float) -> list[Face]:
    """Faces found in a smaller picture, in pixels of the photo."""
    return [
        Face(
            face.left * across, face.top * down, face.right * across, face.bottom * down, face.score,
            tuple((x * across, y * down) for x, y in face.landmarks),
        )
        for face in faces
    ]  # fmt: skip


def _one_each(found: Sequence[Face]) -> list[Face]:
    """Of boxes that overlap, only the surest stays."""
    kept: list[Face] = []
    for face in sorted(found, key=lambda face: -face.score)[:MOST]:
        if all(_overlap(face, other) <= OVERLAP for other in kept):
            kept.append(face)
    return kept


def _overlap(one: Face, other: Face) -> float:
    """Intersection over union, of boxes cut to whole pixels as OpenCV does."""
    (left, top, wide, high), (x, y, width, height) = (
        (int(face.left), int(face.top), int(face.right - face.left), int(face.bottom - face.top))
        for face in (one, other)
    )
    across, down = min(left + wide, x + width) - max(left, x), min(top + high, y + height) - max(top, y)
    common = max(0, across) * max(0, down)
    return common / (wide * high + width * height - common) if common else 0.0


def _network() -> Any:
    with _lock:
        return _session()


@cache
def _session() -> object:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model(), options, providers=["CPUExecutionProvider"])


@cache
def flexible(published: bytes) -> bytes:
    """The published network for pictures of any size that the strides divide (its file says 640 x 640)."""
    import onnx

    loaded = onnx.load_from_string(published)
    del loaded.graph.value_info[:]  # sizes worked out for 640 x 640
    for value in (*loaded.graph.input, *loaded.graph.output):
        for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
            if axis in ((2, 3) if value.name == "input" else (1,)):
                dimension.dim_param = f"{value.name}_{axis}"
    return bytes(loaded.SerializeToString())
