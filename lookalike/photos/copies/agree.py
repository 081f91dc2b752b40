"""How well two pictures agree that lie on each other, compared cell by cell, in colour and detail.

What similar photos share (a frame, a background, a face at the same place) agrees in most cells and fails in those
that hold the subject; a copy that was resized, saved again, cropped, mirrored or recoloured as a whole agrees in all.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from lookalike.photos.copies import grain, recolour, residual
from lookalike.photos.copies.cells import smooth
from lookalike.photos.copies.residual import Residual


class _Change(NamedTuple):
    """Of one change of colour: `Agreement.cells`, `colours`, `against` and `changed`."""

    cells: float
    colours: int
    against: float
    changed: float


class Agreement:
    """How well two pictures (3, side, side) agree, in grey levels; each number is worked out when it is first asked
    for, since most pairs are told by a few.

    `whole` tells whether neither photo is cropped, `side` at how many pixels they were compared. A grey picture and one
    in colours are compared in grey: `greyed`. `plain` is the share of cells that agree, `other` of those that show
    something else.
    """

    def __init__(self, own: np.ndarray, target: np.ndarray, *, whole: bool) -> None:
        self.whole, self.side = whole, own.shape[-1]
        self._saved = own, target
        own, target = smooth(own), smooth(target)
        self._smooth = own, target
        self.greyed = bool(recolour.is_grey(own) != recolour.is_grey(target))
        if self.greyed:
            own, target = recolour.in_grey(own), recolour.in_grey(target)
        self._own, self._target, self._difference = own, target, target - own
        self._contrast = np.maximum(residual.spread(own), residual.spread(target))
        self.plain, self.other = residual.agreeing(self._difference, self._contrast)

    @property
    def worst(self) -> float:
        """The largest difference of any small spot."""
        return float(np.abs(self._difference).max())

    @cached_property
    def usual(self) -> float:
        """By how much a pixel differs that half of all differ less than."""
        return float(np.median(np.abs(self._difference).max(0)))

    @cached_property
    def uneven(self) -> float:
        """How many times as much the worst cell has lost as the typical one: what saving loses, it loses everywhere,
        while what is the same to the last bit in all places but one is no copy."""
        return residual.uneven(self._difference, self._contrast)

    @cached_property
    def still(self) -> float:
        """The share of the coloured pixels whose colour stayed as it was."""
        return float(recolour.still(self._own, self._target))

    @cached_property
    def structure(self) -> float:
        """The share of the cells with something to see whose light and dark agree, whatever the colours."""
        return float(residual.structure(self._own, self._target))

    @property
    def shown(self) -> float:
        """The share of cells with something to see."""
        return float((self._contrast > residual.SEEN).mean())

    @cached_property
    def grain(self) -> float:
        """How well the faint variations of a bare surface agree (correlation), which two photos of it don't share."""
        return grain.shared(self._own, self._target, self._contrast <= residual.SEEN)

    @property
    def cells(self) -> float:
        """The share of cells that agree after one change of colour for the whole picture: a smooth one, either way, or
        of hue."""
        return self._best.cells

    @property
    def against(self) -> float:
        """After that change the share of cells that show something else."""
        return self._best.against

    @property
    def changed(self) -> float:
        """After that change the largest difference of any small spot."""
        return self._best.changed

    @cached_property
    def _many(self) -> tuple[int, int]:
        own, target = self._smooth
        return recolour.count(own), recolour.count(target)

    @cached_property
    def changed_at_least(self) -> float:
        """What `changed` can't be less than, told in a third of the time."""
        return recolour.left_at_least(self._own, self._target)

    @property
    def fewest(self) -> int:
        """How many colours the poorer of the two has."""
        return min(self._many)

    def has_colours(self, least: int) -> bool:
        """Whether there are so many colours to tell that change by."""
        return self.fewest >= least or (max(self._many) >= least and self._best.colours >= least)

    @cached_property
    def apart(self) -> Residual:
        """Light and tint as they are."""
        return residual.apart(self._difference)

    @cached_property
    def recoloured(self) -> Residual:
        """Light and tint after a smooth change of colour."""
        return min(residual.apart(change) for change in self._changes[:2])

    @cached_property
    def toned(self) -> Residual:
        """Light and tint after a change of tone, which few colours suffice to tell by."""
        own, target = self._saved
        return min(residual.apart(smooth(recolour.toned(*pair))) for pair in ((own, target), (target, own)))

    @cached_property
    def _changes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return recolour.changes(self._own, self._target)

    @cached_property
    def _best(self) -> _Change:
        """The change after which most cells agree."""
        found = []
        for change, colours in zip(self._changes, (*self._many, self.fewest), strict=True):
            cells, against = residual.agreeing(change, self._contrast)
            found.append(_Change(float(cells), colours, float(against), float(np.abs(change).max())))
        return max(found, key=lambda one: one[:2])
