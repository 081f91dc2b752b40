"""Whether two photos show the same picture: one laid on the other and compared cell by cell, in colour and detail.

What similar photos share (a frame, a background, a face at the same place) agrees in most cells and fails in those
that hold the subject; a copy that was resized, saved again, cropped, mirrored or recoloured as a whole agrees in all.
Pictures are arrays of float32, shape (3, side, side), in grey levels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from lookalike.photos.copies import grain
from lookalike.photos.copies.cells import means, smooth

SIDE, COARSE, LEAST = 112, 40, 24
_ROUNDS, _LAST_ROUNDS = 3, 2
_HOPELESS, _CONTRADICTED, _RUNS_ALIKE = 0.6, 0.16, 0.8
_EVERY = 4  # of the lines one is enough to tell how colours change
_RIDGE = 1e-5
_NOISE, _SMALL_NOISE, _PART = 10.0, 16.0, 0.4  # what saving may leave in a cell: grey levels, or a part of its contrast
SMALL = 80  # side below which a cell is too near to single pixels for saving to average out
_OTHER = 0.7  # of the contrast
_LEAST_LOST = 0.02  # of the contrast: a photo that is saved as well as can be loses so much
_SEEN = 10.0  # contrast from which a cell shows something
_GREY, _COLOURED, _ENOUGH = 12.0, 40.0, 0.04  # steps between channels, and a share of pixels
_CLIPPED = 4  # grey levels near black and white, where a change of colour may have been cut off
_FALLS, _STEEPEST = 0.15, 2.6  # slopes of a curve of brightness
_ANGLE, _FURTHEST = 0.35, 1.0  # radians by which hues may turn otherwise than the usual one: turned, or changed in tone
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well two photos agree.

    `cells` is the share of cells that agree after one change of colour for the whole picture (a smooth one, either way,
    or of hue), `against` of those that show something else, and `changed` the largest difference of any small spot
    then (grey levels); `plain`, `other` and `worst` are the same with the colours as they are. `uneven` tells how many
    times as much the worst cell has lost as the typical one: what saving loses, it loses everywhere, while what is the
    same to the last bit in all places but one is no copy. `still` is the share of the coloured pixels whose colour
    stayed as it was, `structure` that of the cells with something to see whose light and dark agree, whatever the
    colours. `shown` is the share of cells with something to see, `side` at how many pixels they were compared,
    `whole` whether neither photo is cropped, `colours` how many colours there are to tell a change by, `fewest` how
    many the poorer of the two has. A grey picture and one in colours are compared in grey: `greyed`. `grain` tells how
    well the faint variations of a bare surface agree (correlation), which two photos of it don't share, and `usual` by
    how much a pixel differs that half of all differ less than (grey levels).
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


def agree(left: Image.Image, right: Image.Image, box: Box, *, mirrored: bool) -> Agreement:
    """Compare the box of the first photo (width, height, left, top as parts of it) with the second, mirrored or not."""
    across = [box[0] * left.width, box[1] * left.height, *right.size]
    most, place = max(LEAST, min(SIDE, int(min(across)))), np.array(box)
    if mirrored:
        right = right.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for side, rounds in sorted({min(COARSE, most): _ROUNDS, most: _LAST_ROUNDS}.items()):
        target = _pixels(right, (0, 0, *right.size), side)
        place, own = _lay(left, target, place, side, rounds)
        own, target = smooth(own), smooth(target)
        many = _colours(own), _colours(target)
        if greyed := _is_grey(own) != _is_grey(target):
            own, target = _in_grey(own), _in_grey(target)
        contrast = np.maximum(_spread(own), _spread(target))
        changes = zip(_changes(own, target), (*many, min(many)), strict=True)
        agreeing = [(*_agreeing(change, contrast), change, colours) for change, colours in changes]
        cells, against, changed, colours = max(agreeing, key=lambda one: (one[0], one[3]))
        structure = _structure(own, target)
        difference = target - own
        plain, other = _agreeing(difference, contrast)
        if max(cells, structure) < _HOPELESS or min(against, other) > _CONTRADICTED:
            break
    return Agreement(
        cells=cells,
        plain=plain,
        against=against,
        other=other,
        worst=float(np.abs(difference).max()),
        changed=float(np.abs(changed).max()),
        uneven=_uneven(difference, contrast),
        still=_still(own, target),
        structure=structure,
        shown=float((contrast > _SEEN).mean()),
        side=side,
        whole=bool(min(place[0], place[1]) > 0.98),
        colours=colours,
        fewest=min(many),
        greyed=greyed,
        grain=grain.shared(own, target, contrast <= _SEEN),
        usual=float(np.median(np.abs(difference).max(0))),
    )


def _lay(
    left: Image.Image, target: np.ndarray, box: np.ndarray, side: int, rounds: int
) -> tuple[np.ndarray, np.ndarray]:
    """The box moved to where it fits the target best (Gauss-Newton on grey, gain and offset free), and its pixels."""
    points = ((np.arange(side) + 0.5) / side).astype(np.float32)
    x, y = np.tile(points, side), np.repeat(points, side)
    goal = target.mean(0).ravel()
    best, least, pixels = box, np.inf, target
    for _ in range(rounds):
        seen = _crop(left, box, side)
        grey = seen.mean(0)
        slope_y, slope_x = (slope.ravel() for slope in np.gradient(grey))
        grey = grey.ravel()
        centred = grey - grey.mean()
        gain = float(centred @ goal) / (float(centred @ centred) + 1e-3)
        error = goal - goal.mean() - gain * centred
        if (size := float(error @ error)) < least:
            best, least, pixels = box, size, seen
        # one pixel of the resized box is box / side of the photo, so a slope per box width is side / box times larger
        fall_x, fall_y = gain * slope_x * side / box[0], gain * slope_y * side / box[1]
        design = np.stack([fall_x * x, fall_y * y, fall_x, fall_y, grey, np.ones_like(grey)])
        normal = design @ design.T
        normal[np.diag_indices(6)] += 1e-4 * np.diag(normal) + 1e-3
        step = np.linalg.solve(normal, design @ error)[:4]
        box = _inside(box + np.clip(step, -0.05, 0.05))
    return best, pixels


def _inside(box: np.ndarray) -> np.ndarray:
    size = np.clip(box[:2], 0.5, 1)
    return np.concatenate([size, np.clip(box[2:], 0, 1 - size)])


def _crop(image: Image.Image, box: np.ndarray, side: int) -> np.ndarray:
    left, top = box[2] * image.width, box[3] * image.height
    right, bottom = left + box[0] * image.width, top + box[1] * image.height
    return _pixels(image, (left, top, min(image.width, right), min(image.height, bottom)), side)


def _pixels(image: Image.Image, corners: Box, side: int) -> np.ndarray:
    seen = image.resize((side, side), Image.Resampling.BILINEAR, box=corners)
    return np.asarray(seen, dtype=np.float32).transpose(2, 0, 1)


def _is_grey(pixels: np.ndarray) -> bool:
    return float((pixels.max(0) - pixels.min(0) > _GREY).mean()) < 0.01


def _in_grey(pixels: np.ndarray) -> np.ndarray:
    return np.repeat((_LUMA @ pixels.reshape(3, -1)).reshape(1, *pixels.shape[1:]), 3, axis=0)


def _recoloured(own: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The first picture in the colours of the second: one change for all pixels, fitted to most of them.

    Such changes (brightness, contrast, warmth, saturation, grey) give each channel a curve of itself and of the
    luminance, on which it rises; whatever else it takes to turn one picture into the other, it is no change of colour.
    """
    some, goal = _terms(own[:, ::_EVERY, ::_EVERY]), target[:, ::_EVERY, ::_EVERY].reshape(3, -1)
    free = (goal > _CLIPPED) & (goal < 255 - _CLIPPED)
    free |= free.mean(1, keepdims=True) < _ENOUGH
    weight = free.astype(np.float32)
    for _ in range(3):
        weighted = weight[:, None] * some
        normal = weighted @ some.swapaxes(1, 2) + _RIDGE * goal.shape[1] * np.eye(4, dtype=np.float32)
        change = np.linalg.solve(normal, weighted @ goal[..., None]).swapaxes(1, 2)
        error = np.abs((change @ some)[:, 0].clip(0, 255) - goal)
        weight = (free & (error <= np.maximum(np.quantile(error, 0.8, axis=1)[:, None], _NOISE))).astype(np.float32)
    _, slope, curve, light = change[:, 0].T / 255
    slopes = np.stack([slope, slope + 2 * curve])
    rises = (slopes.min(0) >= -_FALLS) & ((slopes + light).min(0) >= -_FALLS)
    rises &= np.maximum(slopes.max(0), np.abs(light)) <= _STEEPEST
    changed = (change @ _terms(own))[:, 0].clip(0, 255).reshape(own.shape)
    return np.where(rises[:, None, None], changed, own)


def _terms(pixels: np.ndarray) -> np.ndarray:
    """For each channel one, itself, its square, and the luminance: shape (3, 4, pixels)."""
    own = pixels.reshape(3, -1) / 255
    return np.stack([np.ones_like(own), own, own**2, np.broadcast_to(_LUMA @ own, own.shape)], axis=1)


def _changes(own: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The difference that is left after one change of colour, either way, and after all hues were turned (then in the
    largest and smallest channel); all there was where a hue turns otherwise than the rest."""
    whole, off = np.abs(own - target).max(0), _off(own, target)
    turned = np.stack([own.max(0) - target.max(0), own.min(0) - target.min(0)])
    return (
        np.where(off > _FURTHEST, whole, _recoloured(own, target) - target),
        np.where(off > _FURTHEST, whole, _recoloured(target, own) - own),
        np.where(off > _ANGLE, whole, turned),
    )


def _off(own: np.ndarray, target: np.ndarray) -> np.ndarray:
    """By how much (radians) each hue turns otherwise than most do from one picture to the other; 0 where one of the two
    has little colour."""
    angle, other = _hue(own), _hue(target)
    strong = np.minimum(np.abs(angle), np.abs(other)) >= _COLOURED
    if not strong.any():
        return np.zeros(strong.shape, np.float32)
    turn = other * angle.conj()
    usual = np.median(turn[strong].real) + 1j * np.median(turn[strong].imag)
    return np.where(strong, np.abs(np.angle(turn * np.conj(usual))), 0).astype(np.float32)


def _hue(pixels: np.ndarray) -> np.ndarray:
    """The colour of each pixel as a complex number: its angle is the hue, its size grows with the saturation."""
    red, green, blue = pixels
    return np.asarray(red + green * np.exp(2j * np.pi / 3) + blue * np.exp(-2j * np.pi / 3), dtype=np.complex64)


def _spread(pixels: np.ndarray) -> np.ndarray:
    """The contrast of each cell: the standard deviation of the channel that varies most."""
    centred = pixels - pixels.mean((1, 2), keepdims=True)
    return np.sqrt(np.maximum(means(centred**2) - means(centred) ** 2, 0)).max(0)


def _agreeing(difference: np.ndarray, contrast: np.ndarray) -> tuple[float, float]:
    """Of the cells with something to see the share whose difference is noise, and of all cells the share whose
    difference is as large as what there is to see: those show something else."""
    error = np.sqrt(means(difference**2).max(0))
    noise = _SMALL_NOISE if difference.shape[-1] < SMALL else _NOISE
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


def _still(own: np.ndarray, target: np.ndarray) -> float:
    """The share of the coloured pixels, or of all where hardly any are, whose colour is the same in both."""
    high, low = np.maximum(own, target), np.minimum(own, target)
    tint = np.maximum(own.max(0) - own.min(0), target.max(0) - target.min(0)) >= _COLOURED
    if tint.mean() < _ENOUGH:
        tint = (high.min(0) < 235) & (low.max(0) > 20)
    same = np.abs(own - target).max(0) <= _NOISE
    return float(same[tint].mean()) if tint.any() else 1.0


def _colours(pixels: np.ndarray) -> int:
    """How many of 1,024 colours (16 of brightness, 8 by 8 of hue and saturation) cover 95 % of a picture."""
    light = _LUMA @ pixels.reshape(3, -1)
    parts = light, 0.56 * (pixels[2].ravel() - light) + 128, 0.71 * (pixels[0].ravel() - light) + 128
    bright, blue, red = (part.clip(0, 255).astype(np.int32) for part in parts)
    shares = np.sort(np.bincount(bright >> 4 << 6 | blue >> 5 << 3 | red >> 5))[::-1]
    return int((shares.cumsum() < 0.95 * shares.sum()).sum()) + 1
