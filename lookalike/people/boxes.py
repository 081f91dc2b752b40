"""Boxes of faces as a person chooses them: left, top, right and bottom as shares of the upright photo."""

from __future__ import annotations

from collections.abc import Sequence

from lookalike.people.eyes import PhotoFaces

Box = tuple[float, float, float, float]
ALIKE = 0.3  # intersection over union from which two boxes are of one face


def shares(shown: PhotoFaces) -> list[Box]:
    """The boxes of all faces of a photo."""
    across, down = max(1, shown.width), max(1, shown.height)
    return [(f.left / across, f.top / down, f.right / across, f.bottom / down) for f in shown.faces]


def written(box: Box) -> str:
    """A box as the manifest has it."""
    return ",".join(f"{place:.4f}" for place in box)


def parsed(text: str) -> Box | None:
    """A box from the manifest; None for anything else."""
    try:
        left, top, right, bottom = (float(word) for word in text.split(","))
    except ValueError:
        return None
    inside = all(-1 <= place <= 2 for place in (left, top, right, bottom))  # a face may be cut off by the edge
    return (left, top, right, bottom) if inside and left < right and top < bottom else None


def place_of(text: str, among: Sequence[Box]) -> int | None:
    """Which of the boxes is the one that was chosen; None when there is no such face any more."""
    wanted = parsed(text)
    if not wanted or not among:
        return None
    best = max(range(len(among)), key=lambda number: _overlap(wanted, among[number]))
    return best if _overlap(wanted, among[best]) >= ALIKE else None


def only(shown: PhotoFaces, chosen: str) -> PhotoFaces:
    """The photo as if it showed the chosen face alone; as it is when none was chosen."""
    place = place_of(chosen, shares(shown)) if chosen else None
    return shown if place is None else shown.alone(place)


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    wide = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    high = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    both = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return wide * high / max(both - wide * high, 1e-9)
