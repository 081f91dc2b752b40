"""Changes of colour that make one picture of another as a whole: brightness, contrast, warmth, saturation, hue, grey.

Pictures are arrays of float32, shape (3, side, side), in grey levels. Most of it may be asked about several pairs at
once, shape (..., 3, side, side), and answers with an array then.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
NOISE = 10.0  # what saving may leave (grey levels)
_EVERY = 4  # of the lines one is enough to tell how colours change
_RIDGE = 1e-5
_MOST = 0.8  # of the pixels, to which a curve is fitted
_GREY, _COLOURED, _ENOUGH = 12.0, 40.0, 0.04  # steps between channels, and a share of pixels
_CLIPPED, _NEARLY_CLIPPED = 4, 16  # grey levels near black and white, where a change of colour may have been cut off
_FALLS, _STEEPEST = 0.15, 2.6  # slopes of a curve of brightness
_ANGLE, _FURTHEST = 0.35, 1.0  # radians by which hues may turn otherwise than the usual one: turned, or changed in tone
_GAIN, _OFFSET, _SATURATION = (0.6, 1.7), 80.0, 2.6  # how far a change of tone goes
_LINE_ROUNDS = 5


def luma(pixels: np.ndarray) -> np.ndarray:
    """The luminance of pictures (..., 3, side, side): shape (..., side, side)."""
    *pairs, channels, high, wide = pixels.shape
    return (LUMA @ pixels.reshape(*pairs, channels, high * wide)).reshape(*pairs, high, wide)


def is_grey(pixels: np.ndarray) -> Any:
    """Whether hardly any pixel has a colour."""
    return (pixels.max(-3) - pixels.min(-3) > _GREY).mean((-2, -1)) < 0.01


def in_grey(pixels: np.ndarray) -> np.ndarray:
    """The luminance of a picture, in all three channels."""
    return np.repeat(luma(pixels)[..., None, :, :], 3, axis=-3)


def changes(own: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The difference that is left after one change of colour, either way, and after all hues were turned (then in the
    largest and smallest channel); all there was where a hue turns otherwise than the rest."""
    off = _off(own, target)
    turned = np.stack([own.max(-3) - target.max(-3), own.min(-3) - target.min(-3)], axis=-3)
    pair = np.stack([own, target])
    there, back = _fitted(pair, pair[::-1]).applied(pair)
    found = there - target, back - own, turned
    for change, furthest in zip(found, (_FURTHEST, _FURTHEST, _ANGLE), strict=True):
        if (other := off > furthest).any():
            whole = np.abs(own - target).max(-3)
            change[...] = np.where(other[..., None, :, :], whole[..., None, :, :], change)
    return found


def exchanged(own: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first in the colours of the second, and the second in those of the first."""
    pair = np.stack([own, target])
    there, back = _fitted(pair, pair[::-1]).applied(pair)
    return there, back


def left_at_least(own: np.ndarray, target: np.ndarray) -> float:
    """The least that any of `changes` leaves in the spot where it leaves most, looked for in every fourth line only."""
    pair = np.stack([own, target])
    change = _fitted(pair, pair[::-1])
    pair = pair[..., ::_EVERY, ::_EVERY]
    turned = np.maximum(np.abs(pair[0].max(0) - pair[1].max(0)), np.abs(pair[0].min(0) - pair[1].min(0)))
    left = np.stack([*np.abs(change.applied(pair) - pair[::-1]).max(1), turned])
    return float(np.minimum(left, np.abs(pair[0] - pair[1]).max(0)).max((1, 2)).min())


class _Curve(NamedTuple):
    """For each channel of each picture what becomes of it: factors of one, itself, its square and the luminance, shape
    (..., 3, 4), and whether it rises: else it stays as it is."""

    factors: np.ndarray
    rises: np.ndarray

    def applied(self, own: np.ndarray) -> np.ndarray:
        """Pictures in their new colours."""
        base, slope, curve, light = (self.factors[..., term, None, None] for term in range(4))
        scaled = own / 255
        changed = (curve * scaled + slope) * scaled
        changed += light * luma(scaled)[..., None, :, :] + base
        np.clip(changed, 0, 255, out=changed)
        changed[~self.rises] = own[~self.rises]
        return changed


def _fitted(own: np.ndarray, target: np.ndarray) -> _Curve:
    """What brings each first picture to the colours of the second: one change for all pixels, fitted to most of them.

    Such changes (brightness, contrast, warmth, saturation, grey) give each channel a curve of itself and of the
    luminance, on which it rises; whatever else it takes to turn one picture into the other, it is no change of colour.
    """
    some, goal = _terms(own[..., ::_EVERY, ::_EVERY]), target[..., ::_EVERY, ::_EVERY]
    goal = goal.reshape(*goal.shape[:-2], -1)
    free = (goal > _CLIPPED) & (goal < 255 - _CLIPPED)
    free |= free.mean(-1, keepdims=True) < _ENOUGH
    weight, most = free.astype(np.float32), int(_MOST * goal.shape[-1])
    ridge = _RIDGE * goal.shape[-1] * np.eye(4, dtype=np.float32)
    for _ in range(3):
        weighted = weight[..., None, :] * some
        normal = weighted @ some.swapaxes(-1, -2) + ridge
        factors = np.linalg.solve(normal, weighted @ goal[..., None])[..., 0]
        error = np.abs((factors[..., None, :] @ some)[..., 0, :].clip(0, 255) - goal)
        usual = np.partition(error, most, axis=-1)[..., most, None]
        weight = (free & (error <= np.maximum(usual, NOISE))).astype(np.float32)
    slope, curve, light = (factors[..., term] / 255 for term in (1, 2, 3))
    slopes = np.stack([slope, slope + 2 * curve])
    rises = (slopes.min(0) >= -_FALLS) & ((slopes + light).min(0) >= -_FALLS)
    return _Curve(factors, rises & (np.maximum(slopes.max(0), np.abs(light)) <= _STEEPEST))


def _terms(pixels: np.ndarray) -> np.ndarray:
    """For each channel one, itself, its square, and the luminance: shape (..., 3, 4, pixels)."""
    own = pixels.reshape(*pixels.shape[:-2], -1) / 255
    terms = np.empty((*own.shape[:-1], 4, own.shape[-1]), np.float32)
    terms[..., 0, :], terms[..., 1, :], terms[..., 2, :] = 1, own, own**2
    terms[..., 3, :] = (LUMA @ own)[..., None, :]
    return terms


def toned(own: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The difference that is left after a change of tone as people make it: a line for each channel (brightness,
    contrast, warmth), or one for the luminance and one for the colours (saturation), whichever leaves less; neither
    steep. Few colours suffice to tell by, since no such change makes one colour of another.

    The pixels must be as they were saved: what is cut off at black and white is cut off before anything is blurred.
    """
    grey = np.broadcast_to(luma(own), own.shape)
    one = np.ones_like(own)
    lines = [_line([one[n], own[n]], target[n]) for n in range(3)]
    left = [target - own]
    if all(_GAIN[0] <= gain <= _GAIN[1] and abs(offset) <= _OFFSET for _, (offset, gain) in lines):
        left.append(target - np.stack([changed for changed, _ in lines]))
    changed, (offset, gain, colour) = _line([one, grey, own - grey], target)
    if _GAIN[0] <= gain <= _GAIN[1] and abs(offset) <= _OFFSET and 0 <= colour <= _SATURATION:
        left.append(target - changed)
    return min(left, key=lambda difference: float((difference**2).sum()))


def _line(terms: list[np.ndarray], goal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sum of terms that comes nearest to the goal, cut off at black and white, and its factors. Pixels that are cut
    off count only while the sum does not reach so far."""
    design, aim = np.stack([term.ravel() for term in terms]).astype(np.float32), goal.ravel()
    counts = np.abs(aim - 127.5) <= 127.5 - _NEARLY_CLIPPED
    if counts.mean() < _ENOUGH:
        counts = np.ones_like(counts)
    ridge = 1e-3 * np.eye(len(terms), dtype=np.float32)
    for _ in range(_LINE_ROUNDS):
        weighted = design * counts
        factors = np.linalg.solve(weighted @ design.T + ridge, weighted @ aim)
        seen = factors @ design
        error = np.abs(seen.clip(0, 255) - aim)
        cut = (seen <= 0) | (seen >= 255)
        usual = float(np.quantile(error[~cut], 0.9)) if not cut.all() else 0.0
        counts = np.where(cut, error > 3 * NOISE, error <= max(NOISE, usual))
    return (factors @ design).clip(0, 255).reshape(goal.shape), factors


def _off(own: np.ndarray, target: np.ndarray) -> np.ndarray:
    """By how much (radians) each hue turns otherwise than most do from one picture to the other; 0 where one of the two
    has little colour."""
    angle, other = _hue(own), _hue(target)
    strong = np.minimum(np.abs(angle), np.abs(other)) >= _COLOURED
    off = np.zeros(strong.shape, np.float32)
    for one in np.ndindex(strong.shape[:-2]):
        if (where := strong[one]).any():
            turn = other[one][where] * angle[one][where].conj()
            usual = np.median(turn.real) + 1j * np.median(turn.imag)
            off[one][where] = np.abs(np.angle(turn * np.conj(usual)))
    return off


def _hue(pixels: np.ndarray) -> np.ndarray:
    """The colour of each pixel as a complex number: its angle is the hue, its size grows with the saturation."""
    red, green, blue = (pixels[..., channel, :, :] for channel in range(3))
    hue = np.empty(red.shape, np.complex64)
    hue.real, hue.imag = red - (green + blue) / 2, (green - blue) * np.float32(3**0.5 / 2)
    return hue


def still(own: np.ndarray, target: np.ndarray) -> Any:
    """The share of the coloured pixels, or of all where hardly any are, whose colour is the same in both."""
    high, low = np.maximum(own, target), np.minimum(own, target)
    tint = np.maximum(own.max(-3) - own.min(-3), target.max(-3) - target.min(-3)) >= _COLOURED
    few = tint.mean((-2, -1), keepdims=True) < _ENOUGH
    tint = np.where(few, (high.min(-3) < 235) & (low.max(-3) > 20), tint)
    same = np.abs(own - target).max(-3) <= NOISE
    counted = tint.sum((-2, -1))
    return np.where(counted > 0, (same & tint).sum((-2, -1)) / np.maximum(1, counted), 1.0)


def count(pixels: np.ndarray) -> int:
    """How many of 1,024 colours (16 of brightness, 8 by 8 of hue and saturation) cover 95 % of a picture."""
    light = luma(pixels).ravel()
    parts = light, 0.56 * (pixels[2].ravel() - light) + 128, 0.71 * (pixels[0].ravel() - light) + 128
    bright, blue, red = (part.clip(0, 255).astype(np.int32) for part in parts)
    shares = np.sort(np.bincount(bright >> 4 << 6 | blue >> 5 << 3 | red >> 5))[::-1]
    return int((shares.cumsum() < 0.95 * shares.sum()).sum()) + 1
