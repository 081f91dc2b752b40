"""Show that an exported model answers like the trained network, from the files on disk.

Other tools compare a tensor of noise; what differs in practice is how a file becomes pixels. So whole files take both
ways, photos as they are and the kinds that are read wrongly most often: turned by their metadata, CMYK, palette, grey
and transparent.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lookalike.bundle import bundle
from lookalike.errors import NotReadyError, QualityError, UnusablePhoto
from lookalike.export import small
from lookalike.export.formats import Trained
from lookalike.files import write_bytes
from lookalike.photos import images
from lookalike.settings.fields import ExportSettings

BOUND = 1e-3
MAX_SMALL_FLIPS = 0.02
Named = tuple[str, bytes]


@dataclass(frozen=True)
class Difference:
    """How far two ways of answering lie apart over `photos` files: the largest difference and the labels that flip."""

    photos: int
    largest: float
    flips: int


def prove(folder: Path, trained: Trained, wanted: ExportSettings, *, learner: bool) -> dict[str, Any]:
    """Name the same files with the trained network and with what was written to `folder`. Raises QualityError.

    With `small`, model.onnx has its weights halved once it is proven; that may move answers, and how far is recorded.
    """
    from lookalike.vision import means

    spec, model = trained.run.input, folder / "model.onnx"
    bundle.Reader(spec, folder / bundle.FACE if spec.crop == "face" else None).prepare()
    named = photos(trained.photos, wanted.proof)
    pixels = [images.read(data, spec) for _, data in named]
    expected, alike = means.ask(trained.network, spec, pixels)
    got, *told = ask_onnx(model.read_bytes(), pixels)
    difference = require(compare(expected, got), "model.onnx")
    parity: dict[str, Any] = {**dataclasses.asdict(difference), "bound": BOUND}
    if told:
        parity["similarity"] = float(np.abs(told[0] - alike).max())
        require(dataclasses.replace(difference, largest=parity["similarity"]), "model.onnx", "similarity")
    if learner:
        from lookalike.vision.learner import ask

        upright = [np.asarray(images.framed(images.open_rgb(data), spec)) for _, data in named]
        require(compare(expected, ask(folder / "learner.pkl", upright)), "learner.pkl")
    if wanted.small:
        write_bytes(model, small.halve(model.read_bytes()))
        parity["small"] = _cost(compare(got, ask_onnx(model.read_bytes(), pixels)[0]))
    return parity


def require(difference: Difference, what: str, number: str = "probability") -> Difference:
    """The difference, when it is within the bound. Raises QualityError."""
    if difference.largest <= BOUND:
        return difference
    raise QualityError(
        f"{what} answers differently from the trained network: a {number} differs by {difference.largest:.2g} "
        f"on {difference.photos} photos, {difference.flips} labels flip; the bar is {BOUND}",
        "nothing was exported; train again, or another --arch",
    )


def _cost(difference: Difference) -> dict[str, Any]:
    if difference.flips > MAX_SMALL_FLIPS * difference.photos:
        what = f"with halved weights {difference.flips} of {difference.photos} photos get another label"
        raise QualityError(f"{what}; the bar is {MAX_SMALL_FLIPS:.0%}", "export without --small")
    return {"largest": difference.largest, "flips": difference.flips}


def photos(files: Sequence[Path], wanted: int) -> list[Named]:
    """Up to `wanted` readable photos, evenly chosen from `files`, and one odd copy of the first of them for each kind.

    Raises NotReadyError when not one file can be read.
    """
    step = max(1, len(files) // wanted)
    readable = (named for path in dict.fromkeys([*files[::step], *files]) if (named := _readable(path)))
    chosen = list(itertools.islice(readable, wanted))
    if not chosen:
        raise NotReadyError("not one validation photo of this run can be read", "run `lookalike train` again")
    first = images.open_rgb(chosen[0][1])
    return chosen + [(f"{chosen[0][0]} as {kind}", data) for kind, data in odd_copies(first)]


def _readable(path: Path) -> Named | None:
    try:
        images.open_rgb(path)
        return path.name, path.read_bytes()
    except (UnusablePhoto, OSError):
        return None


def odd_copies(image: Image.Image) -> list[tuple[str, bytes]]:
    """The same photo as files that programs often read in different ways."""
    turned = Image.Exif()
    turned[0x0112] = 6
    lying = image.transpose(Image.Transpose.ROTATE_90)
    clear = image.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(image.size))
    return [
        (
            "turned JPEG",
            _encoded(lying, "JPEG", exif=turned.tobytes(), quality=95),
        ),
        ("CMYK JPEG", _encoded(image.convert("CMYK"), "JPEG", quality=95)),
        ("grey JPEG", _encoded(image.convert("L"), "JPEG", quality=95)),
        ("palette PNG", _encoded(image.quantize(64), "PNG")),
        ("transparent PNG", _encoded(clear, "PNG")),
    ]


def _encoded(image: Image.Image, kind: str, **how: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def ask_onnx(model: bytes, pixels: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Probabilities (n, labels) of an ONNX model and, when it tells them, similarities (n,); one photo at a time, as
    most will ask it."""
    session = bundle.open_session(model)
    rows = [session.run(None, {session.get_inputs()[0].name: one[None]}) for one in pixels]
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


def compare(expected: np.ndarray, got: np.ndarray) -> Difference:
    """The difference of two tables of probabilities (n, labels)."""
    flips = int((expected.argmax(axis=1) != got.argmax(axis=1)).sum())
    return Difference(len(expected), float(np.abs(expected - got).max(initial=0)), flips)
