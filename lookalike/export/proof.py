"""Show that an exported model answers like the trained network, from the files on disk.

Other tools compare a tensor of noise; what differs in practice is how a file becomes pixels. So whole files take both
ways, photos as they are and the kinds that are read wrongly most often: turned by their metadata, CMYK, palette, grey
and transparent.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from lookalike.bundle import bundle
from lookalike.bundle.running import FACE, Session
from lookalike.errors import NotReadyError, QualityError, UnusablePhoto
from lookalike.export import small
from lookalike.export.formats.base import Format, Sample, Told
from lookalike.export.opened import OpenedRun
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


def prove(folder: Path, opened: OpenedRun, formats: Mapping[str, Format], wanted: ExportSettings) -> dict[str, object]:
    """Name the same files with the trained network and with each form written to `folder`. Raises QualityError.

    With `small`, model.onnx has its weights halved once it is proven; that may move answers, and how far is recorded.
    Of a model of people it is measured for the largest arrays alone, as the page takes them where no answer moves.
    """
    spec, model = opened.run.input, folder / "model.onnx"
    bundle.Reader(spec, folder / FACE if spec.crop != "none" else None).prepare()
    read = [Sample(data, images.read(data, spec)) for _, data in photos(opened.photos, wanted.proof)]
    samples = [face for sample in read for face in _faces(sample, spec.size)] if opened.people else read
    if not samples:
        raise NotReadyError("not one face is in the photos held back from this run", "run `lookalike train` again")
    expected, alike = opened.ask([sample.pixels for sample in samples])
    told = {name: _asked(name, form, folder, opened, samples) for name, form in formats.items()}
    found = {name: _required(formats[name], answers, expected, alike) for name, answers in told.items()}
    parity: dict[str, object] = {**found.pop("onnx"), "bound": BOUND, **({"formats": found} if found else {})}
    if wanted.small:
        write_bytes(model, small.halve(model.read_bytes()))
        halved = _asked("onnx", formats["onnx"], folder, opened, samples)
        parity["small"] = _cost(compare(told["onnx"].probabilities, halved.probabilities))
    elif opened.people:
        told_half = ask_onnx(small.halve(model.read_bytes(), small.LARGEST), [sample.pixels for sample in samples])
        difference = compare(told["onnx"].probabilities, told_half[0])
        similarity = float(np.abs(told_half[1] - alike).max())
        parity["half"] = {"largest": max(difference.largest, similarity), "flips": difference.flips}
    return parity


def _faces(sample: Sample, size: int) -> list[Sample]:
    """Each face of a photo of people as a sample of its own."""
    return [Sample(sample.data, face) for face in sample.pixels.reshape(-1, size, size, 3)]


def _required(form: Format, told: Told, expected: np.ndarray, alike: np.ndarray) -> dict[str, object]:
    """How far a form's answers lie from the network's, which is little. Raises QualityError."""
    what = " and ".join(form.files)
    difference = require(compare(expected, told.probabilities), what)
    if told.similarity is None:
        return dataclasses.asdict(difference)
    similarity = float(np.abs(told.similarity - alike).max())
    require(dataclasses.replace(difference, largest=similarity), what, "similarity")
    return {**dataclasses.asdict(difference), "similarity": similarity}


def _asked(name: str, form: Format, folder: Path, opened: OpenedRun, samples: Sequence[Sample]) -> Told:
    """What a form answers from its files. Raises QualityError when they are missing or cannot be asked."""
    if missing := [file for file in form.files if not (folder / file).is_file()]:
        raise QualityError(f"the format {name} did not write {', '.join(missing)}", "nothing was exported")
    try:
        return form.ask(folder, opened, samples)
    except Exception as error:  # whatever a damaged file makes its own library raise
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise QualityError(f"what the format {name} wrote cannot be asked: {reason}", "nothing was exported") from None


def require(difference: Difference, what: str, number: str = "probability") -> Difference:
    """The difference, when it is within the bound. Raises QualityError."""
    if difference.largest <= BOUND:
        return difference
    raise QualityError(
        f"{what} answers differently from the trained network: a {number} differs by {difference.largest:.2g} "
        f"on {difference.photos} photos, {difference.flips} labels flip; the bar is {BOUND}",
        "nothing was exported; train again, or another --arch",
    )


def _cost(difference: Difference) -> dict[str, object]:
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
        raise NotReadyError("not one photo held back from this run can be read", "run `lookalike train` again")
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
    with Session(model) as session:
        name = session.get_inputs()[0].name
        rows = [session.run(None, {name: one[None]}) for one in pixels]
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


def compare(expected: np.ndarray, got: np.ndarray) -> Difference:
    """The difference of two tables of probabilities (n, labels); where one is not such a table, all of it."""
    if got.shape != expected.shape:
        return Difference(len(expected), float("inf"), len(expected))
    flips = int((expected.argmax(axis=1) != got.argmax(axis=1)).sum())
    return Difference(len(expected), float(np.abs(expected - got).max(initial=0)), flips)
