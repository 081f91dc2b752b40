"""Candidates that a manifest tells of: those that failed before, and those of a data set to be rebuilt elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from lookalike.errors import ConfigError
from lookalike.gather.providers import digits
from lookalike.gather.providers.base import Hit
from lookalike.gather.search import Candidate
from lookalike.project.manifest import Manifest
from lookalike.project.records import ImageRecord

DECIDED = frozenset({"two-labels", "placeholder", "bad-row", "odd-item"})
"""Failures that another try cannot change."""

WHOLE = frozenset({"urls", "folder"})
"""Providers all of whose photos are wanted, however many there are."""


def failed(manifest: Manifest) -> dict[str, list[Candidate]]:
    """What failed and was never fetched since, by label."""
    last: dict[tuple[str, str], ImageRecord] = {}
    for record in manifest.records():
        key = (record.label, record.image_url)
        if record.status == "failed" and record.image_url and record.reason not in DECIDED:
            last[key] = record
        else:
            last.pop(key, None)
    return _by_label(last.values(), expect=False)


def rebuilding(path: Path) -> dict[str, list[Candidate]]:
    """Every photo that another manifest keeps, by label, each with the bytes to expect. Raises ConfigError."""
    try:
        with path.open(encoding="utf-8") as file:
            json.loads(file.readline() or "{}")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is not a manifest: {error}", "give --from a manifest.jsonl") from None
    manifest = Manifest(path.parent)
    manifest.path = path
    told = manifest.fold()
    kept = [record for record in told.files.values() if record.status == "ok"]
    nameless = [record for record in told.attempts if record.reason == "bad-name" and record.sha256]
    return _by_label([*kept, *nameless], expect=True)


def _by_label(records: Iterable[ImageRecord], *, expect: bool) -> dict[str, list[Candidate]]:
    found: dict[str, list[Candidate]] = {}
    for record in records:
        hit = Hit(
            record.image_url or f"unknown:{record.file}",
            alternatives=(record.final_url,) if record.final_url else (),
            page_url=record.page_url,
            title=record.title,
            license=record.license,
            license_url=record.license_url,
            creator=record.creator,
            attribution=record.attribution,
            group=record.group,
            width=record.width,
            height=record.height,
            content=_digits(record.image_url),
            place=record.file if expect else "",
            sha256=record.sha256 if expect else "",
        )
        whole = expect or record.provider in WHOLE
        candidate = Candidate(hit, record.provider or "manifest", record.query, record.rank, whole)
        found.setdefault(record.label, []).append(candidate)
    return found


def _digits(address: str) -> Callable[[], bytes] | None:
    """What reads the bytes of a photo that comes from this machine."""
    return partial(digits.content, address) if address.startswith("digits:") else None
