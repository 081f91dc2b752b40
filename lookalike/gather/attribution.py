"""ATTRIBUTION.csv: whom to name for each photo whose licence is known."""

from __future__ import annotations

from pathlib import Path

from lookalike.files import write_rows
from lookalike.project.manifest import Manifest

NAME = "ATTRIBUTION.csv"
COLUMNS = ("file", "title", "creator", "license", "license_url", "attribution", "page_url", "image_url")


def write(images: Path, manifest: Manifest) -> Path | None:
    """Write the table for the photos that are in the set now; None when no licence is known.

    The manifest is read twice, so that only one number is kept for each photo.
    """
    last: dict[str, int] = {}
    for number, record in enumerate(manifest.records()):
        if record.moved_from:
            last.pop(record.moved_from, None)
        if record.file and record.status in ("ok", "quarantined"):
            last[record.file] = number
    rows = [
        [getattr(record, column) for column in COLUMNS]
        for number, record in enumerate(manifest.records())
        if record.status == "ok" and (record.license or record.creator) and last.get(record.file) == number
    ]
    if not rows:
        return None
    write_rows(images / NAME, COLUMNS, sorted(rows))
    return images / NAME
