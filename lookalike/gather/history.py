"""What earlier runs have done, in the least memory: which addresses are settled, which bytes are here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from lookalike.errors import PASSING
from lookalike.files import sha256_file
from lookalike.net.client import may_recover
from lookalike.project.manifest import Manifest
from lookalike.project.paths import Project
from lookalike.project.records import ImageRecord
from lookalike.project.walk import Found, walk
from lookalike.settings.fields import GatherSettings

SIZE = re.compile(r"(\d{1,6})x(\d{1,6})")
OUR_NAME = re.compile(r"[a-z0-9_]+-([0-9a-f]{16})(?:-\d+)?\.[a-z]+")


@dataclass
class History:
    """`settled` maps (label, address) to how it ended for good; `files` maps sha256 to the file and its label.

    `had` counts the photos of each label folder, `passed` are files there that are none.
    """

    settled: dict[tuple[str, str], str] = field(default_factory=dict)
    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    had: dict[str, int] = field(default_factory=dict)
    passed: tuple[Found, ...] = ()
    labels: list[str] = field(default_factory=list)


def read(project: Project, manifest: Manifest, settings: GatherSettings, *, retry_failed: bool = False) -> History:
    """The history of a data set. With `retry_failed`, no failure counts as settled.

    What failed for a reason that passes is not settled, nor what these settings would not refuse.
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
        elif record.image_url and (
            record.status == "duplicate" or not (retry_failed or _may_end_otherwise(record, settings))
        ):
            history.settled[record.label, record.image_url] = record.reason or record.status
    _settle(project.images, last, history)
    _count(project.images, last, history)
    return history


def _may_end_otherwise(record: ImageRecord, settings: GatherSettings) -> bool:
    """Whether a failure may be none today: its reason passes, or it came of a setting that is another one now."""
    if record.reason == "too-small" and (size := SIZE.fullmatch(record.detail)):
        return min(int(size[1]), int(size[2])) >= settings.min_size
    allowed = {"opt-out": not settings.opt_out, "robots": not settings.robots}
    return allowed.get(record.reason, may_recover(record.reason) or record.reason in PASSING)


def _settle(images: Path, last: dict[str, tuple[str, str, str, str]], history: History) -> None:
    for file, (status, label, address, sha256) in last.items():
        if status == "quarantined" or (images / file).is_file():
            history.settled[label, address] = status
            if sha256:
                history.files[sha256] = (file, label)


def _count(images: Path, last: dict[str, tuple[str, str, str, str]], history: History) -> None:
    """Count what lies in the folders. A photo of ours that no line tells of is left to be fetched and told again."""
    history.had = dict.fromkeys(history.had, 0)
    walked = walk(images)
    history.passed = walked.passed
    for item in walked.photos:
        if item.file not in last:
            try:
                sha256 = sha256_file(images / item.file)
            except OSError:
                continue
            ours = OUR_NAME.fullmatch(Path(item.file).name)
            if ours and sha256.startswith(ours[1]):
                continue
            history.files.setdefault(sha256, (item.file, item.label))
        history.had[item.label] = history.had.get(item.label, 0) + 1
