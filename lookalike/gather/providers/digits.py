"""Real handwriting that ships inside scikit-learn: something to try everything with, without a network."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image

from lookalike.gather.providers.base import Hit, Query, Stop
from lookalike.gather.providers.local import LocalProvider
from lookalike.project.records import ImageRecord

SIDE = 128
MARGIN = 16


def png(pixels: Any) -> bytes:
    """An 8x8 scan (0 paper to 16 ink) as a PNG of 128x128: dark ink on white, enlarged smoothly, with a margin."""
    ink = Image.fromarray((pixels * (255 / 16)).astype("uint8"))
    inner = SIDE - 2 * MARGIN
    paper = Image.new("L", (SIDE, SIDE), 255)
    black = Image.new("L", (inner, inner), 0)
    paper.paste(black, (MARGIN, MARGIN), ink.resize((inner, inner), Image.Resampling.BICUBIC))
    buffer = io.BytesIO()
    paper.save(buffer, "PNG")
    return buffer.getvalue()


def content(address: str) -> bytes:
    """The picture that an address such as digits:3/17 names. Raises FileNotFoundError."""
    number = address.rpartition("/")[2]
    if not number.isdigit() or int(number) >= len(_scans().images):
        raise FileNotFoundError(errno.ENOENT, "no such digit")
    return png(_scans().images[int(number)])


@lru_cache(maxsize=1)
def _scans() -> Any:
    from sklearn.datasets import load_digits

    return load_digits()


class Digits(LocalProvider):
    """About 180 scans for each of the names 0 to 9."""

    name: ClassVar[str] = "digits"
    summary: ClassVar[str] = "handwritten digits inside scikit-learn: names 0 to 9, no network"
    terms: ClassVar[str] = "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, CC BY 4.0"
    docs: ClassVar[str] = "https://scikit-learn.org/stable/modules/generated/sklearn.datasets.load_digits.html"
    licenses: ClassVar[bool] = True
    whole: ClassVar[bool] = False

    def labels(self) -> list[str]:
        """Two that people mix up."""
        return ["3", "8"]

    @classmethod
    def reread(cls, record: ImageRecord, places: Sequence[Path]) -> Callable[[], bytes]:
        """A scan has its number in its address."""
        return partial(content, record.image_url)

    def search(self, query: Query) -> Iterator[Hit]:
        """The scans of one digit, in their order."""
        if query.label not in set("0123456789"):
            raise Stop("no-hits", "it knows the names 0 to 9")
        if query.license == "public":
            raise Stop("exhausted", "its licence is CC BY")
        for number, target in enumerate(_scans().target):
            if str(target) == query.label:
                address = f"digits:{query.label}/{number}"
                yield Hit(
                    address,
                    title=f"digit {query.label}, scan {number}",
                    license="by 4.0",
                    license_url="https://creativecommons.org/licenses/by/4.0/",
                    creator="E. Alpaydin, C. Kaynak",
                    attribution=self.terms,
                    content=partial(content, address),
                )
        raise Stop("exhausted")
