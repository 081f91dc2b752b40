"""Photos that may be copies, looked at closely: laid on each other in colour, coarsely, then at their pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from lookalike.errors import UnusablePhoto
from lookalike.photos.copies import place, recolour, residual
from lookalike.photos.copies.agree import Agreement
from lookalike.photos.copies.cells import smooth
from lookalike.photos.copies.likeness import EVEN, STILL, kind_of
from lookalike.photos.copies.place import Box
from lookalike.photos.copies.residual import Residual

SIDE, COARSE, LEAST = 112, 40, 24
_ROUNDS, _ROUNDS_AT_ONCE = 2, 3  # of laying: twice, or once where pictures are small
_CONTRADICTED = 0.16
# At COARSE pixels a spot of a copy differs by little light as it is, or after a change of colour by not much more than
# the rest: all but 0.4 % of 4,900 planted copies do, and a third of the pairs that only look alike.
_NEAR, _NEAR_RECOLOURED = 24.0, 60.0  # grey levels
# Where light and dark run otherwise in so many cells, and no change of colour brings the two nearer, they show
# something else: none of 3,100 planted copies is like that, of photos between the same bars all but a few.
_LINES, _FAR, _SAME = 0.8, 5.0, 0.97  # shares of cells, grey levels


class Asked(NamedTuple):
    """Two photos as views.View saves them, and the box of the first (width, height, left, top as parts of it) that may
    show what the second does, mirrored or not; `framed` when a border was taken off one of them."""

    left: bytes
    right: bytes
    box: Box
    mirrored: bool
    framed: bool


Kind = str | UnusablePhoto | None


class _Pair(NamedTuple):
    """The two, the second turned over where that is meant; the box of the first; and at how many pixels there is
    something to compare."""

    left: Image.Image
    right: Image.Image
    box: np.ndarray
    side: int


def kinds(pairs: Sequence[Asked]) -> list[Kind]:
    """What each pair is, one of likeness.KINDS; None where a coarse look tells that it is no copy; why not, where one
    of the two is damaged."""
    opened = [_opened(pair) for pair in pairs]
    found: list[Kind] = [None if isinstance(pair, _Pair) else pair for pair in opened]
    for number, agreement in _agreements({n: pair for n, pair in enumerate(opened) if isinstance(pair, _Pair)}):
        found[number] = kind_of(agreement, framed=pairs[number].framed, mirrored=pairs[number].mirrored)
    return found


def _opened(pair: Asked) -> _Pair | UnusablePhoto:
    import simplejpeg

    try:
        left, right = (Image.fromarray(simplejpeg.decode_jpeg(saved, "RGB")) for saved in (pair.left, pair.right))
    except ValueError as error:
        return UnusablePhoto("damaged", str(error))
    box = place.snapped(np.array(pair.box))
    if pair.mirrored:
        right = right.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    across = [box[0] * left.width, box[1] * left.height, *right.size]
    return _Pair(left, right, box, max(LEAST, min(SIDE, int(min(across)))))


def _agreements(pairs: dict[int, _Pair]) -> Iterator[tuple[int, Agreement]]:
    """How well each of these pairs agrees, by number; those that a coarse look tells are left out."""
    large = {number: pair for number, pair in pairs.items() if pair.side > COARSE}
    boxes = _coarsely(list(large.values()))
    rounds = dict.fromkeys(pairs, _ROUNDS_AT_ONCE)
    for (number, pair), box in zip(large.items(), boxes, strict=True):
        if box is None:
            del pairs[number]
        else:
            pairs[number], rounds[number] = pair._replace(box=box), _ROUNDS
    for number, pair in pairs.items():
        target = place.pixels(pair.right, pair.side)
        box, own = place.laid(pair.left, target, place.snapped(pair.box), side=pair.side, rounds=rounds[number])
        yield number, Agreement(own, target, whole=place.is_whole(box))


def _coarsely(pairs: Sequence[_Pair]) -> list[np.ndarray | None]:
    """For each pair where the one lies on the other, or None when they are no copies."""
    if not pairs:
        return []
    targets = [place.pixels(pair.right, COARSE) for pair in pairs]
    laid = [
        place.laid(pair.left, target, pair.box, side=COARSE, rounds=_ROUNDS)
        for pair, target in zip(pairs, targets, strict=True)
    ]
    promising = _promising(smooth(np.stack([own for _, own in laid])), smooth(np.stack(targets)))
    return [box if worth else None for (box, _), worth in zip(laid, promising, strict=True)]


def _promising(own: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Whether pictures (n, 3, side, side) that lie on each other may be of one photo, in the same colours or others."""
    greyed = recolour.is_grey(own) != recolour.is_grey(target)
    own[greyed], target[greyed] = recolour.in_grey(own[greyed]), recolour.in_grey(target[greyed])
    difference, contrast = target - own, np.maximum(residual.spread(own), residual.spread(target))
    plain, (agreeing, against) = residual.apart(difference), residual.agreeing(difference, contrast)
    uneven = np.array([residual.uneven(*pair) for pair in zip(difference, contrast, strict=True)])
    near, contradicted = (plain.light <= _NEAR) & (uneven <= EVEN), against > _CONTRADICTED
    promising = near & ~contradicted
    rest = np.flatnonzero(~promising & (near | (recolour.still(own, target) <= STILL)))
    if len(rest):  # these may be in other colours
        changes = recolour.changes(own[rest], target[rest])
        shares = [residual.agreeing(change, contrast[rest]) for change in changes]
        left = _nearer(*(residual.apart(change) for change in changes[:2]))
        passes = ~contradicted[rest] | (np.min([other for _, other in shares], axis=0) <= _CONTRADICTED)
        passes &= near[rest] | ((left.light <= _NEAR_RECOLOURED) & left.even)
        same = np.max([agreeing[rest], *(cells for cells, _ in shares)], axis=0)
        lines = residual.structure(own[rest], target[rest])
        passes &= (lines >= _LINES) | (np.minimum(plain.usual[rest], left.usual) <= _FAR) | (same >= _SAME)
        promising[rest] = passes
    return promising


def _nearer(one: Residual, other: Residual) -> Residual:
    """Of each pair the residual with less light."""
    first = one.light <= other.light
    return Residual(*(np.where(first, *values) for values in zip(one, other, strict=True)))
