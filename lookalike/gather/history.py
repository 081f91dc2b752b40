"""What earlier runs have done, in the least memory: which addresses are settled, which bytes are here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from lookalike.files import sha256_file
from lookalike.net.client import may_recover
from lookalike.project.dataset import walk
from lookalike.project.manifest import Manifest
from lookalike.project.paths import Project
from lookalike.project.records import ImageRecord

OUR_NAME = re.compile(r"[a-z0-9_]+-[0-9a-f]{16}(-\d+)?\.[a-z]+")


@dataclass
class History:
    """`settled` maps (label, address) to how it ended for good; `files` maps sha256 to the file and its label.

    `had` counts the photos of each label folder. `set_aside` holds the sha256 of quarantined photos.
    """

    settled: dict[tuple[str, str], str] = field(default_factory=dict)
    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    had: dict[str, int] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)


def read(project: Project, manifest: Manifest, *, retry_failed: bool = False) -> History:
    """The history of a data set. With `retry_failed`, no failure counts as settled.

    A photo whose file was deleted by hand is not settled: it will be fetched again. One that `clean` set aside is.
    """
    history = History()
    last: dict[str, tuple[str, str, str, str]] = {}
    for record in manifest.records():
        if record.label not in history.had:
            history.had[record.label] = 0
            history.labels.append(record.label)
        if record.moved_from and (moved := last.pop(record.moved_from, None)):
            history.settled[moved[1], moved[2]] = "moved"
        if record.file and record.status in ("ok", "quarantined"):
            before = last.get(record.file)
            address = record.image_url or (before[2] if before else "")
            label = before[1] if before and not record.image_url else record.label
            last[record.file] = (record.status, label, address, record.sha256 or (before[3] if before else ""))
        elif record.image_url and _is_settled(record, retry_failed):
            history.settled[record.label, record.image_url] = record.reason or record.status
    _settle(project.images, last, history)
    _count(project.images, last, history)
    return history


def _is_settled(record: ImageRecord, retry_failed: bool) -> bool:
    return record.status == "duplicate" or (not retry_failed and not may_recover(record.reason))


def _settle(images: Path, last: dict[str, tuple[str, str, str, str]], history: History) -> None:
    for file, (status, label, address, sha256) in last.items():
        if status == "quarantined" or (images / file).is_file():
            history.settled[label, address] = status
            if sha256:
                history.files[sha256] = (file, label)


def _count(images: Path, last: dict[str, tuple[str, str, str, str]], history: History) -> None:
    """Count what lies in the folders. A photo of ours that no line tells of is left to be fetched and told again."""
    history.had = dict.fromkeys(history.had, 0)
    for item in walk(images):
        known = last.get(item.file)
        if known is None and OUR_NAME.fullmatch(Path(item.file).name):
            continue
        if known is None:
            history.files.setdefault(sha256_file(images / item.file), (item.file, item.label))
        history.had[item.label] = history.had.get(item.label, 0) + 1
