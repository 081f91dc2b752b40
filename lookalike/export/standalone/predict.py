"""Name photos with the model beside this file.

    pip install onnxruntime numpy pillow
    python predict.py photo.jpg another.png

From Python: `Classifier().classify("photo.jpg")`, or with the bytes of a photo.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else it tells its maker how it is used

import mend
import onnxruntime
import pixels
from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
TEMPLATE = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
MAX_PIXELS = 50_000_000
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
DOUBTS = {"unlike": "this is unlike the photos it learnt from", "unlikely": "no label is likely enough",
          "no-face": "no face was found"}  # fmt: skip


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
        if self.about["input"].get("crop", "none") != "none":
            self.face = onnxruntime.InferenceSession(folder / "face.onnx", providers=["CPUExecutionProvider"])

    def classify(self, photo: str | Path | bytes | Image.Image) -> dict[str, object]:
        """Label, probability and all probabilities of a photo given as a path, bytes or a PIL image.

        When none of the labels fits well enough, the label is "neither" without a probability, and the closest label
        and the reason are told; `said` puts it in words.
        """
        image = upright(photo)
        if self.about["input"].get("crop") == "aligned":
            return self.people(image)
        if self.face:
            image = face_of(image, self.face)
        return self.answer(fit(image, self.about["input"]))

    def people(self, image: Image.Image) -> dict[str, object]:
        """Every face, largest first; the photo is called what its surest known face is."""
        found = faces_in(image, self.face)
        faces = [{"box": face["box"], **self.answer(aligned(image, face["landmarks"]))} for face in found]
        if not faces:
            nobody = {"label": "neither", "probability": None, "reason": "no-face", "detail": DOUBTS["no-face"]}
            return {**nobody, "known": False, "ranked": [], "probabilities": {}, "faces": []}
        best = max(faces, key=lambda face: (face["known"], face["similarity"]))
        return {**{key: value for key, value in best.items() if key != "box"}, "faces": faces}

    def answer(self, pixels: np.ndarray) -> dict[str, object]:
        """The same for pixels as the network sees them."""
        (p,), *more = self.session.run(None, {"image": pixels[None]})
        p = np.maximum(p, 1e-30) ** (1 / self.about.get("temperature", 1.0))
        ranked = sorted(zip(self.labels, (p / p.sum()).tolist(), strict=True), key=lambda pair: -pair[1])
        label, probability = ranked[0]
        alike = {"similarity": float(more[0][0])} if more else {}  # to the photos learnt from, when the model tells
        doubt = self.doubt(label, probability, alike.get("similarity"))
        best: dict[str, object] = {"label": label, "probability": probability}
        if doubt:
            why = {"closest": label, "reason": doubt, "detail": DOUBTS[doubt]}
            best = {"label": "neither", "probability": None, **why}
        order = {"ranked": [name for name, _ in ranked], "probabilities": dict(ranked)}
        return {**best, **alike, "known": not doubt, **order}

    def doubt(self, label: str, probability: float, similarity: float | None) -> str:
        """Why the best label is only the closest one and not the answer, or ""."""
        alike = self.about.get("min_similarity")  # one for each label, or one for all
        alike = alike[self.labels.index(label)] if isinstance(alike, list) else alike
        if similarity is not None and alike is not None and similarity < alike:
            return "unlike"
        return "unlikely" if probability < (self.about.get("threshold") or 0) else ""


def said(answer: dict[str, object]) -> str:
    """An answer as people read it."""
    if answer["known"]:
        return f"{answer['label']} {answer['probability']:.1%}"
    if "closest" not in answer:
        return str(answer["detail"])
    return f"not sure; closest is {answer['closest']}: {answer['detail']}"


def upright(photo: str | Path | bytes | Image.Image) -> Image.Image:
    """The first frame as RGB: turned as its metadata asks, deep colours scaled, transparency on white (or black)."""
    if isinstance(photo, Image.Image):
        return pixels.rgb(photo.copy())
    try:
        return whole(photo)
    except (OSError, SyntaxError, ValueError):  # what is cut off, has a wrong checksum or a megabyte of text
        better = mend.mended(photo if isinstance(photo, bytes) else Path(photo).read_bytes())
        if better is None:
            raise
        return whole(better)


def whole(photo: str | Path | bytes) -> Image.Image:
    """A photo decoded completely."""
    with opened(photo) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError("this photo has too many pixels")
        pixels.load(image, lambda: opened(photo))
        return pixels.rgb(image)


def opened(photo: str | Path | bytes) -> Image.Image:
    """A photo of one of FORMATS, not decoded yet."""
    return Image.open(io.BytesIO(photo) if isinstance(photo, bytes) else photo, formats=FORMATS)


def face_of(image: Image.Image, finder: onnxruntime.InferenceSession) -> Image.Image:
    """A square around the largest face, a third wider than it; without a face the whole photo."""
    faces = faces_in(image, finder)
    if not faces:
        return image
    left, top, right, bottom = max(faces, key=lambda face: area(face["box"]))["box"]
    edge = min(1.3 * max(right - left, bottom - top), *image.size)
    x = min(max(0.0, (left + right - edge) / 2), image.width - edge)
    y = min(max(0.0, (top + bottom - edge) / 2), image.height - edge)
    return image.crop((round(x), round(y), round(x + edge), round(y + edge)))


def faces_in(image: Image.Image, finder: onnxruntime.InferenceSession) -> list[dict[str, Any]]:
    """Box, score and five landmarks of each face, largest first: by YuNet, in the photo at 640 pixels."""
    scale = min(1.0, 640 / max(image.size))
    width, height = (max(1, round(length * scale)) for length in image.size)
    narrow = image.resize((width, image.height), Image.Resampling.BILINEAR)
    small = np.asarray(narrow.resize((width, height), Image.Resampling.BILINEAR))
    picture = np.zeros((1, 3, -(-height // 32) * 32, -(-width // 32) * 32), np.float32)
    picture[0, :, :height, :width] = small[..., ::-1].transpose(2, 0, 1)  # blue first
    names = [output.name for output in finder.get_outputs()]
    maps = dict(zip(names, finder.run(None, {"input": picture}), strict=True))
    found = [face for stride in (8, 16, 32) for face in cells(maps, stride, picture.shape[3] // stride)]
    kept: list[dict[str, Any]] = []
    for face in sorted(found, key=lambda face: -face["score"])[:5000]:
        if all(overlap(face["box"], other["box"]) <= 0.3 for other in kept):
            kept.append(face)
    across, down = image.width / width, image.height / height
    for face in kept:
        face["box"] = [place * (down if number % 2 else across) for number, place in enumerate(face["box"])]
        face["landmarks"] = [(x * across, y * down) for x, y in face["landmarks"]]
    return sorted(kept, key=lambda face: -area(face["box"]))[:64]


def cells(maps: dict[str, np.ndarray], stride: int, columns: int) -> Iterator[dict[str, Any]]:
    """The faces that one grid of cells is sure of."""
    scores = np.sqrt(np.prod([np.clip(maps[f"{kind}_{stride}"][0, :, 0], 0, 1) for kind in ("cls", "obj")], axis=0))
    for cell in np.flatnonzero(scores >= 0.6):
        row, column = divmod(int(cell), columns)
        across, down, wide, high = maps[f"bbox_{stride}"][0, cell].astype(float)
        x, y, width, height = (column + across) * stride, (row + down) * stride, np.exp(wide), np.exp(high)
        points = maps[f"kps_{stride}"][0, cell].astype(float).reshape(5, 2)
        yield {
            "box": [x - width * stride / 2, y - height * stride / 2, x + width * stride / 2, y + height * stride / 2],
            "score": float(scores[cell]),
            "landmarks": [((px + column) * stride, (py + row) * stride) for px, py in points],
        }


def overlap(one: list[float], other: list[float]) -> float:
    """Intersection over union of two boxes, cut to whole pixels."""
    cut = [(int(x), int(y), int(right - x), int(bottom - y)) for x, y, right, bottom in (one, other)]
    (left, top, wide, high), (x, y, width, height) = cut
    across, down = min(left + wide, x + width) - max(left, x), min(top + high, y + height) - max(top, y)
    common = max(0, across) * max(0, down)
    return common / (wide * high + width * height - common) if common else 0.0


def area(box: list[float]) -> float:
    """Square pixels."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def similarity(points: list[tuple[float, float]]) -> tuple[float, float, float, float]:
    """a, b, x, y so that (a u - b v + x, b u + a v + y) brings the landmarks (u, v) closest to the template."""
    (mu, mv), (mp, mq) = ([sum(axis) / 5 for axis in zip(*places, strict=True)] for places in (points, TEMPLATE))
    along = across = spread = 0.0
    for (u, v), (p, q) in zip(points, TEMPLATE, strict=True):
        along += (u - mu) * (p - mp) + (v - mv) * (q - mq)
        across += (u - mu) * (q - mq) - (v - mv) * (p - mp)
        spread += (u - mu) * (u - mu) + (v - mv) * (v - mv)
    a, b = along / max(spread, 1e-9), across / max(spread, 1e-9)
    return a, b, mp - (a * mu - b * mv), mq - (b * mu + a * mv)


def aligned(image: Image.Image, landmarks: list[tuple[float, float]]) -> np.ndarray:
    """A face as people's networks want it, uint8 (112, 112, 3): bilinear between means of blocks, black outside."""
    a, b, x, y = similarity(landmarks)
    block, scale = 1, math.sqrt(a * a + b * b)
    while scale * 2 <= 1 and block < max(image.size):
        block, scale = block * 2, scale * 2
    columns, rows = np.meshgrid(np.arange(112, dtype=float), np.arange(112, dtype=float))
    square = max(a * a + b * b, 1e-12)
    u = ((a * (columns - x) + b * (rows - y)) / square + 0.5) / block - 0.5
    v = ((a * (rows - y) - b * (columns - x)) / square + 0.5) / block - 0.5
    (left, right), (top, bottom) = (
        touched(places, -(-length // block)) for places, length in zip((u, v), image.size, strict=True)
    )
    means = np.zeros((bottom - top + 2, right - left + 2, 3))  # within a rim of zeros
    if right > left and bottom > top:
        part = image.crop((left * block, top * block, right * block, bottom * block))
        means[1:-1, 1:-1] = np.asarray(part.reduce(block) if block > 1 else part)
    u, v = np.clip(u - (left - 1), 0, right - left + 1), np.clip(v - (top - 1), 0, bottom - top + 1)
    column, row = (np.minimum(np.floor(at), end).astype(int) for at, end in ((u, right - left), (v, bottom - top)))
    over, under = (u - column)[..., None], (v - row)[..., None]
    upper = means[row, column] * (1 - over) + means[row, column + 1] * over
    lower = means[row + 1, column] * (1 - over) + means[row + 1, column + 1] * over
    return np.floor(upper * (1 - under) + lower * under + 0.5).astype(np.uint8)


def touched(places: np.ndarray, length: int) -> tuple[int, int]:
    """First block that the places touch, and one after the last, within 0 and `length`."""
    first = min(max(int(np.floor(places.min())), 0), length)
    return first, max(first, min(int(np.floor(places.max())) + 2, length))


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
