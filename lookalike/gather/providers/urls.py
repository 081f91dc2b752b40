"""A list of addresses that the user brings along: text, CSV or JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from lookalike.errors import ConfigError
from lookalike.gather.providers.base import Ask, Hit, Query, Stop, text, whole_number
from lookalike.settings.fields import Section, Settings

ADDRESS_COLUMNS = ("url", "image_url", "contentUrl", "address")
WORDS = ("page_url", "title", "license", "license_url", "creator", "attribution", "group")


def parse(path: Path) -> Iterator[tuple[str, Hit]]:
    """Label (may be empty) and hit for each line.

    A text file has one address a line; lines that start with # are passed over. CSV has a header with a column
    `url`, JSON lines have a key `url`; both may have `label`, `page_url`, `title`, `license`, `license_url`,
    `creator`, `group`. Raises ConfigError.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            if path.suffix.lower() in (".jsonl", ".ndjson"):
                yield from (_row(json.loads(line), path) for line in file if line.strip())
            elif path.suffix.lower() in (".csv", ".tsv"):
                delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
                yield from (_row(row, path) for row in csv.DictReader(file, delimiter=delimiter))
            else:
                yield from (("", Hit(line.strip())) for line in file if line.strip() and not line.startswith("#"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", "give --source a file of addresses") from None
    except (ValueError, csv.Error) as error:
        raise ConfigError(f"{path} is not what its name says: {error}", "one JSON object a line, or CSV") from None


def _row(row: Mapping[str, Any], path: Path) -> tuple[str, Hit]:
    address = next((str(row[name]).strip() for name in ADDRESS_COLUMNS if row.get(name)), None)
    if address is None:
        raise ConfigError(f"{path} has a line without an address", f"name the column {ADDRESS_COLUMNS[0]!r}")
    words = {name: text(row.get(name), 2000) for name in WORDS}
    sizes = {name: whole_number(row.get(name)) for name in ("width", "height")}
    return text(row.get("label")), replace(Hit(address), **words, **sizes)  # type: ignore[arg-type]


class Urls:
    """Reads the file named by --source."""

    name: ClassVar[str] = "urls"
    section: ClassVar[type[Section] | None] = None
    summary: ClassVar[str] = "a list of addresses: text, CSV or JSON lines (--source FILE)"
    terms: ClassVar[str] = "those of each site"
    docs: ClassVar[str] = ""
    last_verified: ClassVar[str] = "2026-11-22"
    keys: ClassVar[tuple[str, ...]] = ()
    licenses: ClassVar[bool] = False
    local: ClassVar[bool] = False
    whole: ClassVar[bool] = True
    restricted: ClassVar[bool] = False
    secrets: list[str] = []  # noqa: RUF012 - always empty

    def __init__(self, settings: Settings, env: Mapping[str, str], ask: Ask) -> None:
        if settings.gather.source is None:
            raise ConfigError("the provider `urls` needs a file of addresses", "add --source FILE")
        self.owner = ""
        self.hits: dict[str, list[Hit]] = {}
        for label, hit in parse(settings.gather.source.expanduser()):
            self.hits.setdefault(label, []).append(hit)

    def labels(self) -> list[str]:
        """The labels the file names, in their order."""
        return [label for label in self.hits if label]

    def search(self, query: Query) -> Iterator[Hit]:
        """The lines of this label; lines without a label belong to the only label asked for. Raises ConfigError."""
        mine, anyones = self.hits.get(query.label, []), self.hits.get("", [])
        self.owner = self.owner or query.label
        if anyones and self.owner != query.label:
            raise ConfigError(
                f"--source has addresses without a label, and there are several: {self.owner!r}, {query.label!r}",
                "use CSV with the columns url,label, or gather one name at a time",
            )
        yield from mine
        yield from anyones
        raise Stop("exhausted" if mine or anyones else "no-hits")
