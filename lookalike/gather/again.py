"""Candidates that a manifest tells of: those that failed before, and those of a data set to be rebuilt elsewhere."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from lookalike import plugins
from lookalike.errors import ConfigError, in_words
from lookalike.gather.providers.base import Hit
from lookalike.gather.search import Candidate
from lookalike.project.manifest import Manifest
from lookalike.project.records import ImageRecord

DECIDED = frozenset({"two-labels", "placeholder", "bad-row", "bad-label", "odd-item"})
"""Failures that another try cannot change."""


def failed(manifest: Manifest, source: Path | None) -> dict[str, list[Candidate]]:
    """What failed and was never fetched since, by label."""
    last: dict[tuple[str, str], ImageRecord] = {}
    for record in manifest.records():
        key = (record.label, record.image_url)
        if record.status == "failed" and record.image_url and record.reason not in DECIDED:
            last[key] = record
        else:
            last.pop(key, None)
    return _by_label(last.values(), [source] if source else [], expect=False)


def rebuilding(path: Path, source: Path | None) -> dict[str, list[Candidate]]:
    """Every photo that another manifest keeps, by label, each with the bytes to expect; `path` may be the folder that
    it lies in. Raises ConfigError."""
    if path.is_dir() and not (path := path / Manifest(path).path.name).exists():
        folder = shlex.quote(str(path.parent))
        hint = f"take the photos of a folder as they are: lookalike gather --provider folder --source {folder}"
        raise ConfigError(f"{path.parent} holds no {path.name}", hint)
    try:
        with path.open(encoding="utf-8") as file:
            json.loads(file.readline() or "{}")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is not a manifest: {in_words(error)}", "give --from a manifest.jsonl") from None
    manifest = Manifest(path.parent)
    manifest.path = path
    told = manifest.fold()
    kept = [record for record in told.files.values() if record.status == "ok"]
    nameless = [record for record in told.attempts if record.reason == "bad-name" and record.sha256]
    return _by_label([*kept, *nameless], [*([source] if source else []), path.parent], expect=True)


def _by_label(records: Iterable[ImageRecord], places: Sequence[Path], *, expect: bool) -> dict[str, list[Candidate]]:
    found: dict[str, list[Candidate]] = {}
    for record in records:
        provider = _provider(record.provider)
        reread = getattr(provider, "reread", None)
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
            content=reread(record, places) if reread else None,
            place=record.file if expect else "",
            sha256=record.sha256 if expect else "",
        )
        whole = expect or getattr(provider, "whole", False)
        candidate = Candidate(hit, record.provider or "manifest", record.query, record.rank, whole)
        found.setdefault(record.label, []).append(candidate)
    return found


@cache
def _provider(name: str) -> object:
    """The provider that a line names; None when it names none, or one that is not installed here."""
    try:
        return plugins.find("provider", name) if name else None
    except ConfigError:
        return None
