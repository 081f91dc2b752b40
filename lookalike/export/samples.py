"""Photos that the maker of an app shows in it, to try the model on with one click.

None is there by default: photos are of somebody, and by somebody. One of the set needs a licence that lets anybody hand
it on, as in a data set. Only its pixels go along, made small: no metadata tells where it was taken.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from lookalike.errors import ConfigError, UnusablePhoto
from lookalike.export.dataset import kept_back
from lookalike.files import sha256_file, write_bytes
from lookalike.photos import images
from lookalike.project.manifest import Manifest
from lookalike.project.paths import Project
from lookalike.project.records import ImageRecord
from lookalike.text import counted, markup

SIDE = 640  # pixels of its longest side, at most
QUALITY = 85
PLACE = '  <section id="session"'  # what they come before on the page
HINT = "name photos that you may show, --sample FILE once for each"


@dataclass(frozen=True)
class SamplePhoto:
    """A small JPEG and what a screen reader calls it."""

    name: str
    jpeg: bytes


@runtime_checkable
class ShowsSamples(Protocol):
    """A target whose app can show some photos to try."""

    def show_samples(self, part: Path, samples: Sequence[SamplePhoto]) -> None:
        """Add the photos to the app that was written to `part`."""


def chosen(project: Project, names: Sequence[str]) -> list[SamplePhoto]:
    """The photos at `names`, which are paths from here or below images/. Raises ConfigError for one that is no photo,
    and for one of the set that may not be handed on."""
    if not names:
        return []
    records = Manifest(project.images).fold().files
    by_bytes = {record.sha256: record for record in records.values() if record.sha256}
    return [_read(number, name, project, records, by_bytes) for number, name in enumerate(dict.fromkeys(names), 1)]


def _read(
    number: int, name: str, project: Project, records: dict[str, ImageRecord], by_bytes: dict[str, ImageRecord]
) -> SamplePhoto:
    path = Path(name) if Path(name).exists() else project.images / name
    if not path.is_file():
        raise ConfigError(
            f"{name} can't be a sample: it is no file, neither here nor below {project.images.name}/", HINT
        )
    try:
        photo = images.open_rgb(path)
        known = records.get(_below(path, project.images)) or by_bytes.get(sha256_file(path))  # a copy elsewhere as well
    except UnusablePhoto as error:
        raise ConfigError(f"{name} can't be a sample: {error.reason}: {error.detail}", HINT) from None
    except OSError as error:
        raise ConfigError(f"{name} can't be a sample: {error.strerror or error}", HINT) from None
    if why := kept_back(known):
        raise ConfigError(f"{name} can't be a sample: {why}", HINT)
    photo.thumbnail((SIDE, SIDE))
    jpeg = io.BytesIO()
    photo.save(jpeg, "JPEG", quality=QUALITY, optimize=True)
    return SamplePhoto(f"Example {number}", jpeg.getvalue())


def _below(path: Path, images: Path) -> str:
    """A photo's name in the manifest; "" outside of the set."""
    real, root = path.resolve(), images.resolve()
    return real.relative_to(root).as_posix() if real.is_relative_to(root) else ""


def told(samples: Sequence[SamplePhoto]) -> Iterator[str]:
    """What they add to an app, in a sentence."""
    if samples:
        size = sum(len(sample.jpeg) for sample in samples)
        yield f"{counted(len(samples), 'example photo')} for everybody to see, {max(1, round(size / 1000))} kB"


def into_page(page: Path, samples: Sequence[SamplePhoto]) -> None:
    """Write them into the HTML page itself: so a page that may fetch nothing has them, too."""
    html = page.read_text(encoding="utf-8")
    items = "".join(_item(sample) for sample in samples)
    section = f'<section id="samples" aria-labelledby="try">\n<h2 id="try">Try one of these</h2>\n<ul>{items}</ul>\n'
    page.write_text(html.replace(PLACE, f"{section}</section>\n{PLACE}", 1), encoding="utf-8", newline="\n")


def _item(sample: SamplePhoto) -> str:
    data = base64.b64encode(sample.jpeg).decode()
    return (
        f'<li><button type="button"><img alt="{markup(sample.name)}" src="data:image/jpeg;base64,{data}"></button></li>'
    )


def beside(part: Path, samples: Iterable[SamplePhoto]) -> None:
    """Write them as files, for an app that is a program: samples/Example 1.jpg and so on."""
    for sample in samples:
        write_bytes(part / "samples" / f"{sample.name}.jpg", sample.jpeg)
