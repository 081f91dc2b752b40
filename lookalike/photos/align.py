"""A face as networks that know people want it: turned, moved and scaled so that its landmarks lie where they always do.

The similarity transform with the least squared distance is S. Umeyama's ("Least-Squares Estimation of Transformation
Parameters Between Two Point Patterns", IEEE TPAMI 13, 1991), which in two dimensions takes nothing but sums. The
template is the one ArcFace, SFace and their kin are trained on. The same arithmetic, step by step, is in
web/page/faces.js and export/standalone/predict.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

SIDE = 112
TEMPLATE = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
Point = tuple[float, float]


def similarity(points: Sequence[Point]) -> tuple[float, float, float, float]:
    """a, b, x, y so that (a u - b v + x, b u + a v + y) brings five landmarks (u, v) closest to the template."""
    count = len(points)
    mu, mv = sum(u for u, _ in points) / count, sum(v for _, v in points) / count
    mp, mq = sum(p for p, _ in TEMPLATE) / count, sum(q for _, q in TEMPLATE) / count
    along = across = spread = 0.0
    for (u, v), (p, q) in zip(points, TEMPLATE, strict=True):
        along += (u - mu) * (p - mp) + (v - mv) * (q - mq)
        across += (u - mu) * (q - mq) - (v - mv) * (p - mp)
        spread += (u - mu) * (u - mu) + (v - mv) * (v - mv)
    a, b = along / max(spread, 1e-9), across / max(spread, 1e-9)
    return a, b, mp - (a * mu - b * mv), mq - (b * mu + a * mv)


def aligned(image: Image.Image, landmarks: Sequence[Point]) -> np.ndarray:
    """The face at these landmarks of a photo: uint8 (112, 112, 3), bilinear, black outside of the photo.

    A face that is larger than the template is first halved, as often as it stays larger: interpolation alone would
    skip pixels. Blocks are counted from the photo's corner, so that they don't hang on the landmarks.
    """
    a, b, x, y = similarity(landmarks)
    block, scale = 1, math.sqrt(a * a + b * b)
    while scale * 2 <= 1 and block < max(image.size):
        block, scale = block * 2, scale * 2
    columns, rows = np.meshgrid(np.arange(SIDE, dtype=float), np.arange(SIDE, dtype=float))
    square = max(a * a + b * b, 1e-12)
    u = (a * (columns - x) + b * (rows - y)) / square
    v = (a * (rows - y) - b * (columns - x)) / square
    return _sample(image, (u + 0.5) / block - 0.5, (v + 0.5) / block - 0.5, block)


def _sample(image: Image.Image, u: np.ndarray, v: np.ndarray, block: int) -> np.ndarray:
    """The photo, as means of blocks, between the places (u, v) counted in blocks."""
    left, right = _range(u, -(-image.width // block))
    top, bottom = _range(v, -(-image.height // block))
    pixels = np.zeros((bottom - top + 2, right - left + 2, 3))  # a rim of zeros stands for all that is outside
    if right > left and bottom > top:
        part = image.crop((left * block, top * block, right * block, bottom * block))
        pixels[1:-1, 1:-1] = np.asarray(part.reduce(block) if block > 1 else part)
    u, v = np.clip(u - (left - 1), 0, right - left + 1), np.clip(v - (top - 1), 0, bottom - top + 1)
    column, row = (np.minimum(np.floor(at), end).astype(int) for at, end in ((u, right - left), (v, bottom - top)))
    across, down = (u - column)[..., None], (v - row)[..., None]
    upper = pixels[row, column] * (1 - across) + pixels[row, column + 1] * across
    lower = pixels[row + 1, column] * (1 - across) + pixels[row + 1, column + 1] * across
    return np.floor(upper * (1 - down) + lower * down + 0.5).astype(np.uint8)


def _range(places: np.ndarray, length: int) -> tuple[int, int]:
    """First and last but one block that these places touch, within 0 and `length`; empty where they touch none."""
    first = min(max(int(np.floor(places.min())), 0), length)
    return first, max(first, min(int(np.floor(places.max())) + 2, length))
