"""Borders around what a photo shows: letterbox bars, frames and margins of one colour that end at a straight edge."""

from __future__ import annotations

import numpy as np

Box = tuple[int, int, int, int]

LEVEL = 14  # grey levels that saving may leave within one colour
OF_A_LINE = 0.98  # share of a line that has the colour of the border
EDGE, STEP = 0.75, 24  # share of the first line inside that differs from the border, and by how much at least
LEAST = 0.35  # of a side must be left


def inner(pixels: np.ndarray) -> Box:
    """Left, top, right and bottom of what is inside all borders of a picture (height, width, 3), uint8.

    A subject on a plain ground has no straight edge and keeps its ground, as where it stands may matter; so does what
    has one colour itself.
    """
    height, width = pixels.shape[:2]
    values = pixels.astype(np.int16)
    top, bottom = _ends(values)
    left, right = _ends(values.swapaxes(0, 1))
    if (left, top, right, bottom) == (0, 0, width, height):
        return 0, 0, width, height
    if bottom - top < LEAST * height or right - left < LEAST * width:
        return 0, 0, width, height
    part = values[top:bottom, left:right]
    if not _stands_out(values, part, (left, top, right, bottom)) or not _varies(part):
        return 0, 0, width, height
    # the line where border and photo meet is of both
    return left + (left > 0), top + (top > 0), right - (right < width), bottom - (bottom < height)


def _ends(values: np.ndarray) -> tuple[int, int]:
    """The first and the last line that is not of the colour of the outermost one on its side."""
    return _border(values), len(values) - _border(values[::-1])


def _border(values: np.ndarray) -> int:
    """How many lines, counted from the first, have its colour; 0 when all have."""
    colour = np.median(values[0], axis=0).astype(np.int16)
    start, size = 0, 1  # most photos have no border: few lines are looked at first, then twice as many each time
    while start < len(values):
        apart = np.abs(values[start : start + size] - colour)
        far = np.maximum(np.maximum(apart[..., 0], apart[..., 1]), apart[..., 2]) > LEVEL
        other = np.flatnonzero(far.mean(1) > 1 - OF_A_LINE)
        if len(other):
            return start + int(other[0])
        start, size = start + size, 2 * size
    return 0


def _varies(part: np.ndarray) -> bool:
    """Whether a picture shows more than one colour."""
    channels = np.ascontiguousarray(part.transpose(2, 0, 1), dtype=np.float32)  # numpy is slow along an axis of three
    return float(channels.std((1, 2)).max()) >= LEVEL


def _stands_out(values: np.ndarray, part: np.ndarray, box: Box) -> bool:
    """Whether each border ends at an edge along nearly the whole of a side."""
    left, top, right, bottom = box
    sides = [
        (top > 0, values[0], part[:3]),
        (bottom < len(values), values[-1], part[-3:]),
        (left > 0, values[:, 0], part[:, :3].swapaxes(0, 1)),
        (right < values.shape[1], values[:, -1], part[:, -3:].swapaxes(0, 1)),
    ]
    return all(_edge(np.median(line, axis=0), lines) for there, line, lines in sides if there)


def _edge(colour: np.ndarray, lines: np.ndarray) -> bool:
    return float((np.abs(lines - colour).max(2) > STEP).max(0).mean()) >= EDGE
