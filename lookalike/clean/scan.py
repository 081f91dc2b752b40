"""Look at every photo of the set: decode it in a limited child, measure it, remember the facts.

What was seen is kept in .cache/, so that a second run, and one that was stopped, decode only what is new.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lookalike.clean.memory import Memory, Stamp, stamp_of
from lookalike.clean.result import Finding
from lookalike.errors import UnusablePhoto
from lookalike.photos.decode import Pool
from lookalike.photos.measure import Facts
from lookalike.project.dataset import Found, walk
from lookalike.project.paths import Project
from lookalike.project.records import Part
from lookalike.report import Reporter


@dataclass(frozen=True, slots=True)
class Seen:
    """One file of the set: its facts, or the reason why there are none. `stamp` is its size and time of change."""

    file: str
    label: str
    part: Part | None
    stamp: Stamp
    facts: Facts | None
    reason: str = ""
    detail: str = ""


def look(project: Project, memory: Memory, *, jobs: int | None, report: Reporter) -> list[Seen]:
    """Every file in the label folders with its facts."""
    found = list(walk(project.images))
    shared: dict[str, Facts] = {}  # files with the same bytes share their facts
    with report.task("looking at photos", len(found)) as task:
        seen, unknown = [], []
        for item in found:
            stamp, answer = memory.recall(project.images / item.file)
            if answer is None:
                unknown.append(item)
            else:
                seen.append(_seen(item, stamp, answer, shared))
                task.advance()
        for item, stamp, answer in _measure(project.images, unknown, memory, jobs):
            seen.append(_seen(item, stamp, answer, shared))
            task.advance()
    return sorted(seen, key=lambda item: item.file)


def _seen(item: Found, stamp: Stamp, answer: Facts | UnusablePhoto, shared: dict[str, Facts]) -> Seen:
    if isinstance(answer, UnusablePhoto):
        return Seen(item.file, item.label, item.part, stamp, None, answer.reason, answer.detail)
    return Seen(item.file, item.label, item.part, stamp, shared.setdefault(answer.sha256, answer))


def _measure(
    images: Path, items: list[Found], memory: Memory, jobs: int | None
) -> Iterator[tuple[Found, Stamp, Facts | UnusablePhoto]]:
    if not items:
        return
    with Pool(jobs) as pool:
        answers = pool.map("lookalike.photos.measure:measure", (images / item.file for item in items))
        for item, (path, answer) in zip(items, answers, strict=True):
            stamp = stamp_of(path) or (0, 0)
            facts, picture = (answer, b"") if isinstance(answer, UnusablePhoto) else answer
            memory.keep(path, stamp, facts, picture)
            yield item, stamp, facts


def passed_over(images: Path) -> Iterator[Finding]:
    """What lies in label folders without being a plain file: links, pipes, devices."""
    folders = {(images / item.file).parent for item in walk(images)}
    folders |= {Path(entry.path) for entry in _entries(images) if entry.is_dir(follow_symlinks=False)}
    for folder in sorted(folders):
        for entry in _entries(folder):
            if kind := _kind(entry):
                yield Finding((folder / entry.name).relative_to(images).as_posix(), folder.name, kind)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".")]
            return sorted(visible, key=lambda entry: entry.name)
    except OSError:
        return []


def _kind(entry: os.DirEntry[str]) -> str:
    mode = entry.stat(follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        return "link"
    return "" if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else "special-file"
