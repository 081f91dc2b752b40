"""A data set described in the Croissant format 1.0 (mlcommons.org), which search engines and loaders read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import PurePosixPath

from lookalike.files import JsonObject
from lookalike.photos.images import SUFFIXES

TYPES = {"jpg": "jpeg", "tif": "tiff"}
COLUMNS = {
    "file_name": "The photo, from the folder of its table.", "label": "What is on it.",
    "license": "The photo's licence.", "license_url": "The text of the licence.", "creator": "Who made the photo.",
    "attribution": "How its maker wants to be named.", "title": "Its title.", "source": "The page it comes from.",
}  # fmt: skip
SAME = (
    "citeAs", "column", "examples", "extract", "field", "fileObject", "fileProperty", "fileSet", "format", "includes",
    "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex", "repeated",
    "replace", "samplingRate", "separator", "source", "subField", "transform", "equivalentProperty",
)  # fmt: skip
CONTEXT: JsonObject = {
    "@language": "en", "@vocab": "https://schema.org/", "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/", "dct": "http://purl.org/dc/terms/", "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo", "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "data": {"@id": "cr:data", "@type": "@json"}, **{name: f"cr:{name}" for name in SAME},
    "examples": {"@id": "cr:examples", "@type": "@json"},
}  # fmt: skip


def describe(name: str, files: Iterable[str], licences: Iterable[str]) -> JsonObject:
    """croissant.json for photos at `files` below its folder, each beside a metadata.jsonl, under these licences."""
    paths = [PurePosixPath(file) for file in files]
    divided = len(paths[0].parts) > 2
    kinds = sorted({path.suffix for path in paths} & {*SUFFIXES.values()})
    table = "*/metadata.jsonl" if divided else "metadata.jsonl"
    photos = [_files(f"photos-{kind[1:]}", f"image/{TYPES.get(kind[1:], kind[1:])}", f"**/*{kind}") for kind in kinds]
    terms = [term for term in dict.fromkeys(licences) if term] or ["unknown"]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": "Photos, each with its label, licence and source.",
        "license": terms[0] if len(terms) == 1 else terms,
        "version": "1.0.0",
        "datePublished": datetime.now(UTC).date().isoformat(),
        "url": "https://huggingface.co/datasets/YOU/" + name,
        "citeAs": name,
        "distribution": [_files("metadata", "application/jsonlines", table), *photos],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "photos",
                "name": "photos",
                "field": [_field(*each) for each in COLUMNS.items()],
            }
        ],
    }


def _files(name: str, kind: str, pattern: str) -> JsonObject:
    return {"@type": "cr:FileSet", "@id": name, "name": name, "encodingFormat": kind, "includes": pattern}


def _field(name: str, words: str) -> JsonObject:
    source = {"fileSet": {"@id": "metadata"}, "extract": {"column": name}}
    named = {"@type": "cr:Field", "@id": f"photos/{name}", "name": name, "description": words}
    return {**named, "dataType": "sc:Text", "source": source}
