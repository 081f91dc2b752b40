"""Name photos with the model beside this file.

    pip install onnxruntime numpy pillow
    python predict.py photo.jpg another.png

From Python: `Classifier().classify("photo.jpg")`, or with the bytes of a photo.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
MAX_PIXELS = 50_000_000
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


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

    def classify(self, photo: str | Path | bytes | Image.Image) -> dict[str, Any]:
        """Label, probability and all probabilities of a photo given as a path, bytes or a PIL image."""
        spec = self.about["input"]
        if spec.get("crop", "none") != "none":
            raise SystemExit("this model looks at faces; use it with lookalike predict")
        p = self.session.run(None, {"image": fit(upright(photo), spec)[None]})[0][0]
        p = np.maximum(p, 1e-30) ** (1 / self.about.get("temperature", 1.0))
        ranked = sorted(zip(self.labels, (p / p.sum()).tolist(), strict=True), key=lambda pair: -pair[1])
        label, best = ranked[0]
        known = best >= (self.about.get("threshold") or 0)
        return {
            "label": label if known else "neither",
            "probability": best,
            "known": known,
            "probabilities": dict(ranked),
        }


def upright(photo: str | Path | bytes | Image.Image) -> Image.Image:
    """The first frame as RGB: turned as its metadata asks, deep grey scaled, transparency on white."""
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
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image.convert("RGB")


def scaled_grey(image: Image.Image) -> Image.Image:
    """Deep grey to 8 bits by its range."""
    values = np.array(image, dtype=np.float32)
    highest = np.nanmax(values, initial=0)
    if image.mode == "F" and highest <= 1:
        values *= 255
    elif image.mode != "F" or highest > 255:
        values /= 257
    return Image.fromarray(np.nan_to_num(values).round().clip(0, 255).astype(np.uint8))


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
            sys.stdout.write(f"{name}: {answer['label']} {answer['probability']:.1%}\n")
        except (OSError, ValueError, SyntaxError) as error:
            sys.stdout.write(f"{name}: not read: {error}\n")
