"""The photos as a data set to hand on: an imagefolder with metadata, and a description in the Croissant format.

Only what may be handed on is in it. A photo from the web needs a licence that says so; one without any that was put
into the project by hand is taken for its maker's own. Sides are those of the run, so that others can measure the same.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lookalike.errors import NotReadyError
from lookalike.export import croissant
from lookalike.files import JsonObject, sha256_file, write_json, write_text
from lookalike.project import dataset, layout
from lookalike.project.licences import may_be_shared
from lookalike.project.manifest import Manifest
from lookalike.project.paths import Project, load_run
from lookalike.project.records import ImageRecord
from lookalike.project.walk import Found, walk
from lookalike.settings.fields import Section, Settings
from lookalike.text import counted, json_text, markdown

TABLE = "metadata.jsonl"
WEB = ("http://", "https://")
KEPT = ("license", "license_url", "creator", "attribution", "title")


@dataclass(frozen=True)
class Shared:
    """A photo that is handed on: where it is, its place in the data set, and its row of the table beside it."""

    source: Path
    side: str
    label: str
    name: str
    row: JsonObject

    @property
    def place(self) -> str:
        """Its file below the folder of the data set."""
        return "/".join([*filter(None, [self.side]), self.label, self.name])


class DataSet:
    """The photos with their labels, licences and sides."""

    section: ClassVar[type[Section] | None] = None

    def write_data(self, part: Path, project: Project, name: str, settings: Settings) -> list[str]:
        """Fill `part`; returns what is in it and what was left out, with why. Raises NotReadyError without photos."""
        found = walk(project.images)
        layout.require_photos(found)
        records = Manifest(project.images).fold().files
        left = {item.file: why for item in found.photos if (why := kept_back(records.get(item.file)))}
        sides, late = _sides(project, [item for item in found.photos if item.file not in left], settings)
        shared = _shared(project, found.photos, left, sides, records)
        if not shared:
            raise NotReadyError(f"none of {counted(len(left), 'photo')} may be handed on: {next(iter(left.values()))}",
                                "gather with --license cc, or put photos of your own into images/")  # fmt: skip
        for photo in shared:
            (part / photo.place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(photo.source, part / photo.place)
        for side in dict.fromkeys(photo.side for photo in shared):
            rows = "".join(json_text(photo.row) + "\n" for photo in shared if photo.side == side)
            write_text(part / side / TABLE, rows)
        terms = Counter(str(photo.row["license"] or photo.row["license_url"]) for photo in shared)
        write_json(part / "croissant.json", croissant.describe(name, [photo.place for photo in shared], terms))
        write_text(part / "README.md", _card(name, shared, terms, left))
        return list(_told(shared, terms, left, late))


def kept_back(record: ImageRecord | None) -> str:
    """Why a photo is not handed on, by what the manifest says of it; "" when it is."""
    if record is None:
        return ""
    if record.status == "quarantined":
        return f"set aside: {record.reason}"
    if may_be_shared(record.license, record.license_url):
        return ""
    if record.license or record.license_url:
        return f"its licence is not known to allow it: {record.license or record.license_url}"
    return "from the web, without a licence" if _source(record) else ""


def _source(record: ImageRecord) -> str:
    """The page or address that a photo came from, if it came from the web."""
    return next((url for url in (record.page_url, record.image_url) if url.startswith(WEB)), "")


def _sides(project: Project, photos: Iterable[Found], settings: Settings) -> tuple[dict[str, str], int]:
    """The side of each photo by its file: in the run, else in its folders, else none; and how many came after the run,
    which go to the side to learn from. Raises NotReadyError for a run that is asked for and isn't there."""
    items = list(photos)
    try:
        folder = project.run_dir(settings.export.run)
    except NotReadyError:
        if settings.export.run:
            raise
        return {item.file: item.part or "" for item in items}, 0
    run = load_run(folder)
    if project.locate(run.images).resolve() != project.images.resolve():
        return {item.file: item.part or "" for item in items}, 0
    known = {example.sha256: example.part for example in dataset.examples_of(folder, run)}
    of_run = {item.file: known.get(sha256_file(project.images / item.file)) for item in items}
    return {file: side or "train" for file, side in of_run.items()}, sum(side is None for side in of_run.values())


def _shared(
    project: Project, photos: Iterable[Found], left: Mapping[str, str], sides: Mapping[str, str],
    records: Mapping[str, ImageRecord],
) -> list[Shared]:  # fmt: skip
    taken: set[str] = set()
    shared = []
    for item in (item for item in photos if item.file not in left):
        record = records.get(item.file, ImageRecord(item.label, "ok"))
        side, name = sides[item.file], item.file.rpartition("/")[2]
        if f"{side}/{item.label}/{name}" in taken:  # of two folders that are one side of the run
            name = f"{item.file.replace('/', '-')}"
        taken.add(f"{side}/{item.label}/{name}")
        words = {word: getattr(record, word) for word in KEPT}
        row = {"file_name": f"{item.label}/{name}", "label": item.label, **words, "source": _source(record)}
        shared.append(Shared(project.images / item.file, side, item.label, name, row))
    return shared


def _told(shared: list[Shared], terms: Counter[str], left: Mapping[str, str], late: int) -> Iterable[str]:
    sides = Counter(photo.side for photo in shared if photo.side)
    divided = f" ({', '.join(f'{side} {number}' for side, number in sides.items())})" if sides else ""
    yield f"{counted(len(shared), 'photo')} in {counted(len({p.label for p in shared}), 'label')}{divided}"
    yield "licences: " + ", ".join(f"{term or 'none told, your own'} {number}" for term, number in terms.most_common())
    if late:
        yield f"{counted(late, 'photo')} came after the run: in train"
    if any("nc" in re.split(r"[\W_]", term.casefold()) for term in terms):
        yield "some photos are for non-commercial use only"
    if left:
        yield f"left out: {', '.join(f'{number} {why}' for why, number in Counter(left.values()).most_common())}"
    yield from (f"left out: {file}: {why}" for file, why in left.items())


def _card(name: str, shared: list[Shared], terms: Counter[str], left: Mapping[str, str]) -> str:
    counts = Counter((photo.label, photo.side) for photo in shared)
    sides = list(dict.fromkeys(photo.side for photo in shared))
    head = [
        "---", f"license: {_identifier(terms)}", f"pretty_name: {json_text(name)}",
        "task_categories: [image-classification]", "tags: [croissant]", "---", "",
    ]  # fmt: skip
    table = [f"| label | {' | '.join(side or 'photos' for side in sides)} |", "|---" * (len(sides) + 1) + "|"]
    for label in dict.fromkeys(photo.label for photo in shared):
        table.append(f"| {markdown(label)} | {' | '.join(str(counts[label, side]) for side in sides)} |")
    words = [
        f"# {markdown(name)}", "", *table, "", "## Licences", "",
        f"Each photo keeps its own, in `{TABLE}`, with its creator and source: name them where you show it.", "",
        *(f"- {markdown(term or 'none told: of whoever made this data set')}: {counted(number, 'photo')}"
          for term, number in terms.most_common()),
        *([f"- not here, as their licence is not known to allow it: {counted(len(left), 'photo')}"] if left else []),
        "", "## Use it", "", "```python", "from datasets import load_dataset", "",
        'load_dataset("imagefolder", data_dir="THIS FOLDER")', "```", "",
        "`lookalike gather --provider folder --source THIS-FOLDER` reads it, too; `croissant.json` describes it.", "",
        "## Publish it", "", "```", "pip install huggingface_hub", "hf auth login",
        f"hf upload YOU/{name} . . --repo-type dataset", "```",
    ]  # fmt: skip
    return "\n".join([*head, *words]) + "\n"


def _identifier(terms: Iterable[str]) -> str:
    """The licence of all photos as hubs write it; `other` for several, or for one that they have no word for."""
    found = {re.sub(r"[^a-z0-9.]+", "-", term.casefold()) for term in terms}
    only = found.pop() if len(found) == 1 else "other"
    return (
        only
        if re.fullmatch(r"cc0-1\.0|cc-by(?:-nc|-sa|-nd)*-[234]\.[05]", only)
        else "unknown"
        if not only
        else "other"
    )
