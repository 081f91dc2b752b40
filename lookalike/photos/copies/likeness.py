"""What it means that two photos agree so well: the same to the pixel, a copy, one scene, or nothing.

Measured on one changed copy of each of 400 photos of insects, 400 faces with and without masks, 1,911 emoji, 300 drawn
scenes, and on sets without copies (digits, strokes, shapes, icons, flags, scans, one place with other animals).
"""

from __future__ import annotations

from typing import NamedTuple

from lookalike.photos.copies.agree import Agreement
from lookalike.photos.copies.residual import SMALL, Residual

KINDS = ("pixel", "copy", "alike", "other")  # the surest first
STILL = 0.4  # colours that stay in a recoloured copy: where most do, something in it was changed
EVEN = 8  # times: none of 1,100 changed copies lost more in one place; another number on a ticket comes to 40 or more


class _Evidence(NamedTuple):
    """How much there must be to see (a share of cells), and in how many colours, before likeness proves anything."""

    shown: float
    colours: int

    def met(self, seen: Agreement, *, by_both: bool = False) -> bool:
        """Whether one of the two pictures has so many colours, or `by_both` have."""
        return seen.shown >= self.shown and (seen.fewest >= self.colours if by_both else seen.has_colours(self.colours))


class _Bar(NamedTuple):
    """Of a copy, how many cells must agree at least, how many may show something else, and how large the difference of
    a small spot may be (grey levels)."""

    agreeing: float
    other: float
    spot: float

    def passes(self, agreeing: float, other: float, spot: float) -> bool:
        return agreeing >= self.agreeing and other <= self.other and spot <= self.spot


_LITTLE, _LITTLE_CROPPED, _SOME, _MANY = (
    _Evidence(0.1, 3), _Evidence(0.15, 6), _Evidence(0.2, 10), _Evidence(0.2, 12)
)  # fmt: skip
_PIXEL, _EXACT, _CLOSE, _COPY = _Bar(0.98, 0, 14), _Bar(0.97, 0, 30), _Bar(0.7, 0, 25), _Bar(0.85, 0.03, 85)
_ONLY_RECOLOURED, _RECOLOURED, _CLIPPED = _Bar(0.98, 0.005, 12), _Bar(0.85, 0.02, 92), _Bar(0.7, 0.1, 60)
_LINES, _SAME_LINES, _SOME_LINES = 0.85, 0.9, 0.5  # light and dark that run alike: turned hues leave little of that
_GREYED = 8  # colours that a picture has at least which another is a grey copy of
_SCENE = 0.75
_GRAIN = 0.45  # of one surface under one light: 0.55 and more in copies of drawn noise, 0.32 at most in look-alikes
_TINGED = 4.0  # grey levels by which a change of all colours changes a bare surface, too

# Small pictures are compared in light and in tint, since saving keeps the one and smears the other: of 1,911 changed
# copies one in a hundred differs by more than 30 grey levels of light in any spot, of drawings that only look alike
# nearly all do.
_SMALL = _Bar(0.7, 0.05, 22)
_TINT, _SURE, _IN_GREY, _AS_TONED, _AS_CURVED = 58.0, 12.0, 10.0, 24.0, 14.0  # grey levels
_SMALL_GREYED = 4  # colours
_DRAWN = _Bar(0.98, 0, 8)  # a sign drawn the other way round: what is small and was only mirrored may mean the opposite
_ANY, _PART, _RICH = _Evidence(0.1, 4), _Evidence(0.25, 6), _Evidence(0.25, 10)
_FLAT, _VARIED = _Evidence(0.2, 7), _Evidence(0.2, 14)  # any picture turns into one of fewer colours


def kind_of(seen: Agreement, *, framed: bool, mirrored: bool) -> str:
    """What an agreement stands for, one of KINDS. `framed`: a border was taken off one of the two."""
    whole = seen.whole and not framed
    plain = seen.plain, seen.other, seen.worst
    if whole and not (mirrored or seen.greyed) and _PIXEL.passes(*plain):
        return "pixel"
    small = seen.side < SMALL
    needed = _LITTLE if whole else _SOME
    if seen.greyed and not (whole and (seen.has_colours(_SMALL_GREYED if small else _GREYED) or _grained(seen))):
        return "other"
    copy = _small_copy(seen, whole=whole, mirrored=mirrored) if small else _copy(seen, needed, whole=whole)
    if copy or (whole and not mirrored and _EXACT.passes(*plain) and not needed.met(seen)):
        return "copy"
    return "alike" if seen.plain >= _SCENE and needed.met(seen) else "other"


def _copy(seen: Agreement, needed: _Evidence, *, whole: bool) -> bool:
    plain = seen.plain, seen.other, seen.worst
    if seen.plain >= _CLOSE.agreeing and seen.uneven <= EVEN:
        close = seen.structure >= _SAME_LINES and _CLOSE.passes(seen.plain, seen.other, seen.apart.light)
        if close and ((_LITTLE if whole else _LITTLE_CROPPED).met(seen) or _grained(seen)):
            return True
        if _EXACT.passes(*plain) and _grained(seen):
            return True
        if seen.structure >= _LINES and _COPY.passes(*plain) and needed.met(seen):
            return True
    return (whole and _tinged(seen)) or (_recoloured(seen, whole=whole) and needed.met(seen))


def _small_copy(seen: Agreement, *, whole: bool, mirrored: bool) -> bool:
    """Whether a small picture is a copy: its light and dark are the same, as they are or after a change of all colours
    that neither leaves most of them nor makes one of another."""
    if seen.structure < _SAME_LINES or (mirrored and _DRAWN.passes(seen.plain, seen.other, seen.worst)):
        return False
    light, tint, _ = seen.apart
    if seen.greyed:
        return light <= _IN_GREY
    if seen.apart.even and tint <= _TINT and _SMALL.passes(seen.plain, seen.other, light):
        needed = _ANY if whole else _PART if light <= _SURE else _RICH
        if needed.met(seen, by_both=True):
            return True
    if mirrored or not whole or seen.still > STILL:
        return False
    if _FLAT.met(seen, by_both=True) and _changed(seen.toned, _AS_TONED):
        return True
    return _VARIED.met(seen, by_both=True) and _changed(seen.recoloured, _AS_CURVED)


def _changed(left: Residual, most: float) -> bool:
    """Whether a change of colour leaves so little of a small picture's difference."""
    return bool(left.light <= most and left.tint <= _TINT)


def _grained(seen: Agreement) -> bool:
    return seen.side >= SMALL and seen.grain >= _GRAIN


def _recoloured(seen: Agreement, *, whole: bool) -> bool:
    """Whether one change of all colours makes the one the other, and not a change of a few of them."""
    only = whole and seen.changed_at_least <= _ONLY_RECOLOURED.spot
    most = seen.changed_at_least <= _RECOLOURED.spot and seen.still <= STILL and seen.structure >= _SOME_LINES
    if not (only or most) or not _MANY.met(seen):
        return False
    changed = seen.cells, seen.against, seen.changed
    if (only and _ONLY_RECOLOURED.passes(*changed)) or (most and _RECOLOURED.passes(*changed)):
        return True
    return most and seen.structure >= _SAME_LINES and _CLIPPED.passes(*changed)


def _tinged(seen: Agreement) -> bool:
    """Whether one change of all colours makes the one the other where little is to be seen, the bare surface too."""
    if seen.changed_at_least > _RECOLOURED.spot or seen.usual < _TINGED or seen.structure < _SOME_LINES:
        return False
    return _grained(seen) and _RECOLOURED.passes(seen.cells, seen.against, seen.changed)
