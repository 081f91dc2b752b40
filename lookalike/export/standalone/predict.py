"""Name photos with the model beside this file.

    pip install onnxruntime numpy pillow
    python predict.py photo.jpg another.png

From Python: `Classifier().classify("photo.jpg")`, or with the bytes of a photo.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else it tells its maker how it is used

import onnxruntime
from PIL import Image, ImageOps, ImageStat

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
MAX_PIXELS = 50_000_000
VANISHED = 250
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
DOUBTS = {"unlike": "this is unlike the photos it learnt from", "unlikely": "no label is likely enough"}


class Classifier:
    """The model in `folder`; refuses to start when a file is damaged."""

    def __init__(self, folder: str | Path | None = None) -> None:
        folder = Path(folder) if folder else Path(__file__).resolve().parent
        self.about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        model = (folder / "model.onnx").read_bytes()
        if hashlib.sha256(model).hexdigest() != self.about["files"]["model.onnx"]:
            raise SystemExit("model.onnx is damaged: its sha256 is not the one in model.json")
        self.labels = self.about["labels"]
        self.session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        self.face = None
        if self.about["input"].get("crop") == "face":
            self.face = onnxruntime.InferenceSession(folder / "face.onnx", providers=["CPUExecutionProvider"])

    def classify(self, photo: str | Path | bytes | Image.Image) -> dict[str, Any]:
        """Label, probability and all probabilities of a photo given as a path, bytes or a PIL image.

        When none of the labels fits well enough, the label is "neither" without a probability, and the closest label
        and the reason are told; `said` puts it in words.
        """
        image = upright(photo)
        if self.face:
            image = face_of(image, self.face)
        (p,), *more = self.session.run(None, {"image": fit(image, self.about["input"])[None]})
        p = np.maximum(p, 1e-30) ** (1 / self.about.get("temperature", 1.0))
        ranked = sorted(zip(self.labels, (p / p.sum()).tolist(), strict=True), key=lambda pair: -pair[1])
        label, probability = ranked[0]
        alike = {"similarity": float(more[0][0])} if more else {}  # to the photos learnt from, when the model tells
        doubt = self.doubt(probability, alike.get("similarity"))
        best: dict[str, Any] = {"label": label, "probability": probability}
        if doubt:
            why = {"closest": label, "reason": doubt, "detail": DOUBTS[doubt]}
            best = {"label": "neither", "probability": None, **why}
        order = {"ranked": [name for name, _ in ranked], "probabilities": dict(ranked)}
        return {**best, **alike, "known": not doubt, **order}

    def doubt(self, probability: float, similarity: float | None) -> str:
        """Why the best label is only the closest one and not the answer, or ""."""
        alike = self.about.get("min_similarity")
        if similarity is not None and alike is not None and similarity < alike:
            return "unlike"
        return "unlikely" if probability < (self.about.get("threshold") or 0) else ""


def said(answer: dict[str, Any]) -> str:
    """An answer as people read it."""
    if answer["known"]:
        return f"{answer['label']} {answer['probability']:.1%}"
    return f"not sure; closest is {answer['closest']}: {answer['detail']}"


def upright(photo: str | Path | bytes | Image.Image) -> Image.Image:
    """The first frame as RGB: turned as its metadata asks, deep grey scaled, transparency on white (or black)."""
    if isinstance(photo, Image.Image):
        image = photo
    else:
        image = Image.open(io.BytesIO(photo) if isinstance(photo, bytes) else photo, formats=FORMATS)
    if image.width * image.height > MAX_PIXELS:
        raise ValueError("this photo has too many pixels")
    image.load()
    try:
        image = ImageOps.exif_transpose(image)
    except Exception:  # broken metadata must not cost the photo
        image = image.copy()
    if image.mode in ("I;16", "I;16L", "I;16B", "I;16N", "I", "F"):
        image = scaled_grey(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return laid(image.convert("RGBA"))
    return image.convert("RGB")


def laid(image: Image.Image) -> Image.Image:
    """A transparent picture on white; one of which nothing could be seen there, on black."""
    opacity = image.getchannel("A")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=opacity)
    if min(low for low, _ in ImageStat.Stat(white).extrema) < VANISHED or not opacity.getbbox():
        return white
    black = Image.new("RGB", image.size)
    black.paste(image, mask=opacity)
    return black


def scaled_grey(image: Image.Image) -> Image.Image:
    """Deep grey to 8 bits by its range."""
    values = np.array(image, dtype=np.float32)
    highest = np.nanmax(values, initial=0)
    if image.mode == "F" and highest <= 1:
        values *= 255
    elif image.mode != "F" or highest > 255:
        values /= 257
    return Image.fromarray(np.nan_to_num(values).round().clip(0, 255).astype(np.uint8))


def face_of(image: Image.Image, detector: onnxruntime.InferenceSession) -> Image.Image:
    """A square around the largest face, a third wider than it; without a face the whole photo."""
    faces: list[list[float]] = []
    for side in (448, 896):
        faces = faces or faces_at(image, detector, side)
        if faces or max(image.size) <= side:
            break
    if not faces:
        return image
    left, top, right, bottom = max(faces, key=lambda box: max(0, box[2] - box[0]) * max(0, box[3] - box[1]))
    edge = min(1.3 * max(right - left, bottom - top), *image.size)
    x = min(max(0.0, (left + right - edge) / 2), image.width - edge)
    y = min(max(0.0, (top + bottom - edge) / 2), image.height - edge)
    return image.crop((round(x), round(y), round(x + edge), round(y + edge)))


def faces_at(image: Image.Image, detector: onnxruntime.InferenceSession, side: int) -> list[list[float]]:
    """Boxes of the faces seen with the longer side at `side` pixels; of boxes that overlap, the surest."""
    scale = min(1.0, side / max(image.size))
    width, height = (max(32, round(length * scale / 32) * 32) for length in image.size)
    narrow = image.resize((width, image.height), Image.Resampling.BILINEAR)
    small = np.asarray(narrow.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float32)
    heat, size, offset = detector.run(["537", "538", "539"], {"input.1": small.transpose(2, 0, 1)[None]})
    rows, columns = np.nonzero(heat[0, 0] > 0.5)
    high, wide = (np.exp(size[0, axis, rows, columns]) * 4 for axis in (0, 1))
    down = (rows + offset[0, 0, rows, columns] + 0.5) * 4
    across = (columns + offset[0, 1, rows, columns] + 0.5) * 4
    boxes = np.stack([across - wide / 2, down - high / 2, across + wide / 2, down + high / 2], axis=1)
    boxes = np.clip(boxes, 0, [width, height, width, height]) * np.tile(np.divide(image.size, (width, height)), 2)
    kept: list[list[float]] = []
    for place in np.argsort(-heat[0, 0, rows, columns], kind="stable"):
        box = boxes[place].tolist()
        if all(overlap(box, other) < 0.3 for other in kept):
            kept.append(box)
    return kept


def overlap(one: list[float], other: list[float]) -> float:
    """Intersection over union of two boxes."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    common = max(0.0, across) * max(0.0, down)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return common / (areas - common) if common else 0.0


def fit(image: Image.Image, spec: dict[str, Any]) -> np.ndarray:
    """The square the network sees: uint8, size x size x 3."""
    size, resize = spec["size"], spec.get("resize", "crop")
    width, height = image.size
    if resize == "crop":
        side = max(1, int(min(width / size, height / size) * size))
        left, top = int(0.5 * (width - side)), int(0.5 * (height - side))
        image = image.crop((left, top, left + side, top + side))
    elif resize == "pad":
        side = max(width, height)
        square = Image.new("RGB", (side, side))
        square.paste(image, ((side - width) // 2, (side - height) // 2))
        image = square
    narrow = image.resize((size, image.height), Image.Resampling.BILINEAR)  # the order must not vary
    return np.asarray(narrow.resize((size, size), Image.Resampling.BILINEAR))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit("usage: python predict.py PHOTO...")
    classifier = Classifier()
    for name in sys.argv[1:]:
        try:
            answer = classifier.classify(name)
            sys.stdout.write(f"{name}: {said(answer)}\n")
        except (OSError, ValueError, SyntaxError) as error:
            sys.stdout.write(f"{name}: not read: {error}\n")
