"""What it means that two photos agree so well: the same to the pixel, a copy, one scene, or nothing.

Measured on one changed copy of each of 400 photos of insects, 400 faces with and without masks, 400 emoji, 300 drawn
scenes, and on sets without copies (digits, strokes, shapes, icons, flags, scans, one place with other animals).
"""

from __future__ import annotations

from typing import NamedTuple

from lookalike.photos.copies.agree import SMALL, Agreement

KINDS = ("pixel", "copy", "alike", "other")  # the surest first


class _Evidence(NamedTuple):
    """How much there must be to see (a share of cells), and in how many colours, before likeness proves anything."""

    shown: float
    colours: int


class _Bar(NamedTuple):
    """Of a copy, how many cells must agree at least, how many may show something else, and how large the difference of
    a small spot may be (grey levels)."""

    agreeing: float
    other: float
    spot: float

    def passes(self, agreeing: float, other: float, spot: float) -> bool:
        return agreeing >= self.agreeing and other <= self.other and spot <= self.spot


_LITTLE, _SOME, _FAIR, _MANY, _MUCH = (
    _Evidence(0.1, 3), _Evidence(0.2, 10), _Evidence(0.2, 8), _Evidence(0.2, 12), _Evidence(0.2, 16)
)  # fmt: skip
_PIXEL, _EXACT, _CLOSE = _Bar(0.98, 0, 14), _Bar(0.97, 0, 30), _Bar(0.7, 0, 45)
_LARGE, _SMALL, _BARE = _Bar(0.85, 0.03, 85), _Bar(0.75, 0.03, 88), _Bar(0.8, 0.03, 88)
_ONLY_RECOLOURED, _RECOLOURED, _CLIPPED = _Bar(0.98, 0.005, 12), _Bar(0.85, 0.02, 92), _Bar(0.7, 0.1, 60)
_SMALL_RECOLOURED = _Bar(0.95, 0.02, 60)
_LINES, _SAME_LINES, _SOME_LINES = 0.85, 0.9, 0.5  # light and dark that run alike: turned hues leave little of that
_STILL, _SMALL_STILL = 0.4, 0.3  # colours that stay in a recoloured copy: where most do, something in it was changed
_FEWEST = 12  # colours that a recoloured small picture has at least: any picture turns into a flat one
_GREYED = 4  # colours that a picture has at least which another is a grey copy of
_SCENE = 0.75
_GRAIN = 0.45  # of one surface under one light: 0.55 and more in copies of drawn noise, 0.32 at most in look-alikes
_TINGED = 4.0  # grey levels by which a change of all colours changes a bare surface, too
_DRAWN = _Bar(0.98, 0, 8)  # a sign drawn the other way round: what is small and was only mirrored may mean the opposite
_EVEN = (
    8  # times: no one of 1,100 changed copies lost more in one place; another number on a ticket comes to 40 or more
)


def kind_of(seen: Agreement, *, framed: bool, mirrored: bool) -> str:
    """What an agreement stands for, one of KINDS. `framed`: a border was taken off one of the two."""
    whole = seen.whole and not framed
    plain = seen.plain, seen.other, seen.worst
    if whole and not (mirrored or seen.greyed) and _PIXEL.passes(*plain):
        return "pixel"
    large = seen.side >= SMALL
    grain = large and seen.grain >= _GRAIN
    if seen.greyed and not (whole and (grain or seen.colours >= _GREYED)):
        return "other"
    if mirrored and not large and _DRAWN.passes(*plain):
        return "alike"
    even = seen.uneven <= _EVEN
    close = large and even and seen.structure >= _SAME_LINES and _CLOSE.passes(*plain)
    if close and (grain or _tells(seen, _LITTLE)):
        return "copy"
    if grain and ((even and _EXACT.passes(*plain)) or (whole and _tinged(seen))):
        return "copy"
    if not _tells(seen, _LITTLE if whole else _SOME):
        return "copy" if whole and not mirrored and _EXACT.passes(*plain) else "other"
    bar = _LARGE if large else _SMALL if _tells(seen, _MUCH) else _BARE
    if even and seen.structure >= _LINES and bar.passes(*plain):
        return "copy"
    if _recoloured(seen, whole=whole):
        return "copy"
    return "alike" if seen.plain >= _SCENE else "other"


def _recoloured(seen: Agreement, *, whole: bool) -> bool:
    """Whether one change of all colours makes the one the other, and not a change of a few of them."""
    changed = seen.cells, seen.against, seen.changed
    if seen.side < SMALL:
        proven = whole and _tells(seen, _MANY) and seen.fewest >= _FEWEST and seen.structure >= _LINES
        return proven and seen.still <= _SMALL_STILL and _SMALL_RECOLOURED.passes(*changed)
    if whole and _tells(seen, _FAIR) and _ONLY_RECOLOURED.passes(*changed):
        return True
    if not _tells(seen, _MANY) or seen.still > _STILL or seen.structure < _SOME_LINES:
        return False
    return _RECOLOURED.passes(*changed) or (seen.structure >= _SAME_LINES and _CLIPPED.passes(*changed))


def _tinged(seen: Agreement) -> bool:
    """Whether one change of all colours makes the one the other where little is to be seen, the bare surface too."""
    changed = seen.cells, seen.against, seen.changed
    return seen.usual >= _TINGED and seen.structure >= _SOME_LINES and _RECOLOURED.passes(*changed)


def _tells(seen: Agreement, least: _Evidence) -> bool:
    return seen.shown >= least.shown and seen.colours >= least.colours
