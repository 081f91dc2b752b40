"""Whether two photos show the same picture: one laid on the other and compared cell by cell, in colour and detail.

What similar photos share (a frame, a background, a face at the same place) agrees in most cells and fails in those
that hold the subject; a copy that was resized, saved again, cropped, mirrored or recoloured as a whole agrees in all.
Pictures are arrays of float32, shape (3, side, side), in grey levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from PIL import Image

from lookalike.errors import UnusablePhoto
from lookalike.photos.copies import grain, recolour
from lookalike.photos.copies.cells import means, smooth

SIDE, COARSE, LEAST = 112, 40, 24
_ROUNDS, _ROUNDS_AT_ONCE = 2, 3  # of laying: twice, or once where pictures are small
_CONTRADICTED, _RUNS_ALIKE = 0.16, 0.8
_SMALL_NOISE, _PART = 16.0, 0.4  # what saving may leave in a cell: grey levels, or a part of its contrast
STILL = 0.4  # colours that stay in a recoloured copy: where most do, something in it was changed
SMALL = 80  # side below which a cell is too near to single pixels for saving to average out
_OTHER = 0.7  # of the contrast
_LEAST_LOST = 0.02  # of the contrast: a photo that is saved as well as can be loses so much
EVEN = 8  # times: none of 1,100 changed copies lost more in one place; another number on a ticket comes to 40 or more
# At COARSE pixels a spot of a copy differs by little light as it is, or after a change of colour by not much more than
# the rest: all but 0.4 % of 4,900 planted copies do, and a third of the pairs that only look alike.
_NEAR, _NEAR_RECOLOURED = 24.0, 60.0  # grey levels
_PEAK, _LEAST_USUAL = 8.0, 0.5  # times, grey levels: saving loses little in many places, another number much in one
_WHOLE, _BETTER = 0.98, 0.8  # of a side; of the error, to move a box
_SEEN = 10.0  # contrast from which a cell shows something

_DIAGONAL = np.diag_indices(6)

Box = tuple[float, float, float, float]
Asked = tuple[bytes, bytes, Box, bool]


class Residual(NamedTuple):
    """The largest difference of a small spot in `light`, and in `tint`, which pictures are saved with at half the size;
    `usual` is that of light everywhere (root mean square). All in grey levels."""

    light: float
    tint: float
    usual: float

    @property
    def even(self) -> bool:
        """Whether no spot differs by much more light than all the rest does."""
        return self.light <= _PEAK * (self.usual + _LEAST_USUAL)


_UNKNOWN = Residual(np.inf, np.inf, np.inf)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well two photos agree.

    `cells` is the share of cells that agree after one change of colour for the whole picture (a smooth one, either way,
    or of hue), `against` of those that show something else, and `changed` the largest difference of any small spot
    then (grey levels); `plain`, `other` and `worst` are the same with the colours as they are. `apart`, `recoloured`
    and `toned` tell light from tint: as they are, after a smooth change of colour, and after one of tone, which is
    looked for in small whole pictures alone. `uneven` tells how many times as much the worst cell has lost as the
    typical one: what saving loses, it loses everywhere, while what is the same to the last bit in all places but one is
    no copy. `still` is the share of the coloured pixels whose colour stayed as it was, `structure` that of the cells
    with something to see whose light and dark agree, whatever the colours. `shown` is the share of cells with something
    to see, `side` at how many pixels they were compared, `whole` whether neither photo is cropped, `colours` how many
    colours there are to tell a change by, `fewest` how many the poorer of the two has. A grey picture and one in
    colours are compared in grey: `greyed`. `grain` tells how well the faint variations of a bare surface agree
    (correlation), which two photos of it don't share, and `usual` by how much a pixel differs that half of all differ
    less than (grey levels).
    """

    cells: float
    against: float
    plain: float
    other: float
    worst: float
    changed: float
    uneven: float
    still: float
    structure: float
    shown: float
    side: int
    whole: bool
    colours: int
    fewest: int
    greyed: bool
    grain: float
    usual: float
    apart: Residual
    recoloured: Residual
    toned: Residual = _UNKNOWN


def agree_saved(pairs: Sequence[Asked]) -> list[Agreement | UnusablePhoto | None]:
    """`agree` for some pairs of photos as views.View saves them, in order; why not, where one of a pair is damaged."""
    return [_agree_saved(*pair) for pair in pairs]


def _agree_saved(left: bytes, right: bytes, box: Box, mirrored: bool) -> Agreement | UnusablePhoto | None:
    import simplejpeg

    try:
        one, other = (Image.fromarray(simplejpeg.decode_jpeg(saved, "RGB")) for saved in (left, right))
    except ValueError as error:
        return UnusablePhoto("damaged", str(error))
    return agree(one, other, box, mirrored=mirrored)


def agree(left: Image.Image, right: Image.Image, box: Box, *, mirrored: bool) -> Agreement | None:
    """Compare the box of the first photo (width, height, left, top as parts of it) with the second, mirrored or not.
    None where a coarse look tells that they are no copies."""
    place = _snapped(np.array(box))
    across = [place[0] * left.width, place[1] * left.height, *right.size]
    side, rounds = max(LEAST, min(SIDE, int(min(across)))), _ROUNDS_AT_ONCE
    if mirrored:
        right = right.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if side > COARSE:
        target = _pixels(right, (0, 0, *right.size), COARSE)
        rounds = _ROUNDS
        place, own = _lay(left, target, place, COARSE, rounds)
        if not _promising(smooth(own), smooth(target)):
            return None
    target = _pixels(right, (0, 0, *right.size), side)
    place, own = _lay(left, target, _snapped(place), side, rounds)
    seen = _compare(own, target, whole=bool(min(place[:2]) > _WHOLE))
    if side < SMALL and seen.whole and seen.still <= STILL:
        toned = min(_apart(smooth(recolour.toned(*pair))) for pair in ((own, target), (target, own)))
        seen = replace(seen, toned=toned)
    return seen


def _promising(own: np.ndarray, target: np.ndarray) -> bool:
    """Whether two pictures that lie on each other may be of one photo, as it is or in other colours."""
    if recolour.is_grey(own) != recolour.is_grey(target):
        own, target = recolour.in_grey(own), recolour.in_grey(target)
    difference, contrast = target - own, np.maximum(_spread(own), _spread(target))
    near = np.abs(np.tensordot(recolour.LUMA, difference, 1)).max() <= _NEAR and _uneven(difference, contrast) <= EVEN
    contradicted = _agreeing(difference, contrast)[1] > _CONTRADICTED
    if near and not contradicted:
        return True
    if not near and recolour.still(own, target) > STILL:
        return False
    changes = recolour.changes(own, target)
    if contradicted and min(_agreeing(change, contrast)[1] for change in changes) > _CONTRADICTED:
        return False
    left = min(_apart(change) for change in changes[:2])
    return bool(near or (left.light <= _NEAR_RECOLOURED and left.even))


def _compare(own: np.ndarray, target: np.ndarray, *, whole: bool) -> Agreement:
    """How well two pictures agree that lie on each other."""
    side = own.shape[-1]
    own, target = smooth(own), smooth(target)
    many = recolour.count(own), recolour.count(target)
    if greyed := recolour.is_grey(own) != recolour.is_grey(target):
        own, target = recolour.in_grey(own), recolour.in_grey(target)
    difference, contrast = target - own, np.maximum(_spread(own), _spread(target))
    plain, other = _agreeing(difference, contrast)
    changes = recolour.changes(own, target)
    agreeing = [(*_agreeing(change, contrast), change, colours)
                for change, colours in zip(changes, (*many, min(many)), strict=True)]  # fmt: skip
    cells, against, changed, colours = max(agreeing, key=lambda one: (one[0], one[3]))
    return Agreement(
        cells=cells,
        plain=plain,
        against=against,
        other=other,
        worst=float(np.abs(difference).max()),
        changed=float(np.abs(changed).max()),
        uneven=_uneven(difference, contrast),
        still=recolour.still(own, target),
        structure=_structure(own, target),
        shown=float((contrast > _SEEN).mean()),
        side=side,
        whole=whole,
        colours=colours,
        fewest=min(many),
        greyed=greyed,
        grain=grain.shared(own, target, contrast <= _SEEN),
        usual=float(np.median(np.abs(difference).max(0))),
        apart=_apart(difference),
        recoloured=min(_apart(change) for change in changes[:2]),
    )


def _lay(
    left: Image.Image, target: np.ndarray, box: np.ndarray, side: int, rounds: int
) -> tuple[np.ndarray, np.ndarray]:
    """The box moved to where it fits the target best (Gauss-Newton on grey, gain and offset free), and its pixels."""
    points = ((np.arange(side) + 0.5) / side).astype(np.float32)
    design = np.ones((6, side, side), np.float32)  # how a pixel changes with each side of the box, its grey, and one
    goal = target.mean(0).ravel()
    best, least, pixels = box, np.inf, target
    for left_over in reversed(range(rounds)):
        seen = _crop(left, box, side)
        rows = seen.mean(0)
        grey = rows.ravel()
        centred = grey - grey.mean()
        gain = float(centred @ goal) / (float(centred @ centred) + 1e-3)
        error = goal - goal.mean() - gain * centred
        if (size := float(error @ error)) < _BETTER * least:
            best, least, pixels = box, size, seen
        if not left_over:
            break
        # one pixel of the resized box is box / side of the photo, so a slope per box width is side / box times larger
        _slopes(rows, design[2], design[3])
        design[2] *= gain * side / box[0]
        design[3] *= gain * side / box[1]
        design[0], design[1], design[4] = design[2] * points, design[3] * points[:, None], rows
        flat = design.reshape(6, -1)
        normal = flat @ flat.T
        normal[_DIAGONAL] += 1e-4 * normal[_DIAGONAL] + 1e-3
        step = np.linalg.solve(normal, flat @ error)[:4]
        box = _inside(box + np.clip(step, -0.05, 0.05))
    return best, pixels


def _slopes(rows: np.ndarray, across: np.ndarray, down: np.ndarray) -> None:
    """Write how a picture changes from pixel to pixel, as numpy.gradient tells it, in a sixth of the time."""
    across[:, 1:-1] = (rows[:, 2:] - rows[:, :-2]) / 2
    down[1:-1] = (rows[2:] - rows[:-2]) / 2
    across[:, 0], across[:, -1] = rows[:, 1] - rows[:, 0], rows[:, -1] - rows[:, -2]
    down[0], down[-1] = rows[1] - rows[0], rows[-1] - rows[-2]


def _snapped(box: np.ndarray) -> np.ndarray:
    """The whole picture instead of a box that is nearly all of it: pixels that are not resized agree best."""
    return np.array([1.0, 1.0, 0.0, 0.0]) if min(box[:2]) > _WHOLE else box


def _inside(box: np.ndarray) -> np.ndarray:
    size = np.clip(box[:2], 0.5, 1)
    return np.concatenate([size, np.clip(box[2:], 0, 1 - size)])


def _crop(image: Image.Image, box: np.ndarray, side: int) -> np.ndarray:
    left, top = box[2] * image.width, box[3] * image.height
    right, bottom = left + box[0] * image.width, top + box[1] * image.height
    return _pixels(image, (left, top, min(image.width, right), min(image.height, bottom)), side)


def _pixels(image: Image.Image, corners: Box, side: int) -> np.ndarray:
    seen = image.resize((side, side), Image.Resampling.BILINEAR, box=corners)
    # Channels come first in memory, too: numpy takes several times as long along an innermost axis of three.
    return np.asarray(seen).transpose(2, 0, 1).astype(np.float32, order="C")


def _spread(pixels: np.ndarray) -> np.ndarray:
    """The contrast of each cell: the standard deviation of the channel that varies most."""
    centred = pixels - pixels.mean((1, 2), keepdims=True)
    return np.sqrt(np.maximum(means(centred**2) - means(centred) ** 2, 0)).max(0)


def _agreeing(difference: np.ndarray, contrast: np.ndarray) -> tuple[float, float]:
    """Of the cells with something to see the share whose difference is noise, and of all cells the share whose
    difference is as large as what there is to see: those show something else."""
    error = np.sqrt(means(difference**2).max(0))
    noise = _SMALL_NOISE if difference.shape[-1] < SMALL else recolour.NOISE
    wrong = error > np.maximum(noise, _PART * contrast)
    counts = wrong | (contrast > _SEEN)
    against = error > np.maximum(1.5 * noise, _OTHER * contrast)
    return 1 - float(wrong.sum() / max(1, counts.sum())), float(against.mean())


def _uneven(difference: np.ndarray, contrast: np.ndarray) -> float:
    """How many times as much of what there is to see the worst cell has lost as the typical one."""
    shows = contrast > _SEEN
    if not shows.any():
        return 0.0
    lost = np.sqrt(means(difference**2).max(0))[shows] / contrast[shows]
    return float(lost.max() / (np.median(lost) + _LEAST_LOST))


def _apart(difference: np.ndarray) -> Residual:
    light = np.tensordot(recolour.LUMA, difference, 1)
    tint = smooth(smooth(difference[::2] - light))
    return Residual(float(np.abs(light).max()), float(np.abs(tint).max()), float(np.sqrt((light**2).mean())))


def _structure(own: np.ndarray, target: np.ndarray) -> float:
    """The share of the cells with something to see in which light and dark run alike."""
    left, right = (pixels.mean(0) - pixels.mean() for pixels in (own, target))
    mean_left, mean_right = means(left), means(right)
    spread_left, spread_right = (
        np.maximum(means(pixels**2) - mean**2, 0) for pixels, mean in ((left, mean_left), (right, mean_right))
    )
    shows = np.maximum(spread_left, spread_right) > (_SEEN / 2) ** 2
    if not shows.any():
        return 0.0
    alike = (means(left * right) - mean_left * mean_right) / np.sqrt(spread_left * spread_right + 1e-3)
    return float((np.abs(alike[shows]) >= _RUNS_ALIKE).mean())
