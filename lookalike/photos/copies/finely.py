"""What seems to be a copy, looked at once more at its own pixels: small things may be what tells two photos apart.

Everything before this sees a photo at 112 pixels or fewer, where a crack, a missing part, a lamp that is on or the
words of a form are averaged away.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from lookalike.photos import borders, images
from lookalike.photos.copies import place, recolour
from lookalike.photos.copies.cells import highest_around, lowest_around, smooth
from lookalike.photos.copies.place import Box
from lookalike.photos.views import SIDE, shrunk

MOST, LEAST = 960, 140  # pixels: what is compared; below, nothing is to be seen that was not seen before
_FULL = 8  # bits for a tone
_ROUNDS = 3
_SOFTER = (0, 1, 3, 8, 18)  # how often one of the two may have been smoothed before: it was enlarged
_SAVED, _NEARBY, _FAR = 12.0, 0.25, 4  # grey levels, a part of the contrast within so many pixels: what saving leaves
_RIM = 40  # a fortieth of a side is left out, where one of the two may end
# Grey levels. Of 1,065 planted copies (bees, masks, drawn scenes) whose colours are met to 4, six are further apart
# than this; 80 cracks of 3 or 4 pixels in photos of 640, and 290 pairs of one form filled in otherwise, all are.
_MET, _KEPT, _CHANGED = 4.0, 8.0, 14.0
LESS = 8.0
"""So much less tells photos of two labels apart. What was saved again in its size, at a quality of 75 or more, is still
a copy; of cracks of 1 to 3 pixels that are 30 to 80 levels deep, nearly all are seen."""

_UNTOLD = -255.0


class Placed(NamedTuple):
    """Two photos, of each whether only what is inside its borders counts, the box of the first (width, height, left,
    top as parts of it) that may show what the second does, and whether that is mirrored."""

    left: Path
    right: Path
    insides: tuple[bool, bool]
    box: Box
    mirrored: bool


def apart(pair: Placed) -> float:
    """By how many grey levels more than copies a small part of the one differs from the other: above 0 it shows
    something else. Far below where their colours can't be brought together, which says nothing. Raises UnusablePhoto.
    """
    (left, few), (right, also_few) = (_seen(*one) for one in zip((pair.left, pair.right), pair.insides, strict=True))
    if few != also_few:  # dots of a palette stand where the other has tones
        return _UNTOLD
    if pair.mirrored:
        right = right.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    box = np.array(pair.box)
    side = int(min(MOST, box[0] * left.width, box[1] * left.height, *right.size))
    if side < LEAST:
        return _UNTOLD
    for coarse in (side // 4, side // 2, side):
        target = place.pixels(right, coarse)
        box, own = place.laid(left, target, place.snapped(box), side=coarse, rounds=_ROUNDS)
    if recolour.is_grey(own) != recolour.is_grey(target):
        own, target = recolour.in_grey(own), recolour.in_grey(target)
    own_there, target_back = recolour.exchanged(own, target)
    ways = (own, target, _KEPT), (own_there, target, _CHANGED), (own, target_back, _CHANGED)
    met = [way for way in ways if float(np.median(np.abs(smooth(way[0] - way[1])).max(0))) < _MET]
    found = -_UNTOLD if met else _UNTOLD
    for one, other, least in met:
        found = min(found, _most(one, other) - least)
        if found <= -LESS:  # it agrees, whatever else would be told
            break
    return found


def _seen(path: Path, inside: bool) -> tuple[Image.Image, bool]:
    """What is compared of a photo, and whether it has the few tones of a palette."""
    opened = images.open_photo(path, at_least=MOST)
    photo, few = opened.image, opened.bits < _FULL
    if not inside:
        return photo, few
    small = shrunk(images.open_rgb(path, at_least=SIDE))  # the very picture in which borders were looked for
    across, down = photo.width / small.width, photo.height / small.height
    left, top, right, bottom = borders.inner(np.asarray(small))
    return photo.crop((round(left * across), round(top * down), round(right * across), round(bottom * down))), few


def _most(own: np.ndarray, target: np.ndarray) -> float:
    """How far the spot that differs most differs beyond what saving, scaling and a shift by a pixel leave."""
    one, other = _as_soft(own, target), _as_soft(target, own)
    if float(((one - target) ** 2).mean()) <= float(((other - own) ** 2).mean()):
        own = one
    else:
        target = other
    return max(_beyond(own, target), _beyond(target, own))


def _as_soft(own: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The first smoothed as often as brings it nearest to the second."""
    best, least, times = own, np.inf, 0
    for softer in _SOFTER:
        while times < softer:
            own, times = smooth(own), times + 1
        error = float(((own - target) ** 2).mean())
        if error >= least:
            break
        best, least = own, error
    return best


def _beyond(own: np.ndarray, target: np.ndarray) -> float:
    """The most by which 3 x 3 pixels of the first are, in the mean, none of what the second has around them."""
    lowest, highest = lowest_around(target), highest_around(target)
    out = np.maximum(own - highest, lowest - own)
    for _ in range(_FAR - 1):
        lowest, highest = lowest_around(lowest), highest_around(highest)
    out -= _SAVED + _NEARBY * (highest - lowest).max(0)
    rim = out.shape[-1] // _RIM
    return float(smooth(out.max(0))[rim:-rim, rim:-rim].max())
