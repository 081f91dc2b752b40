"""Give photos their place and write down what happened: file first, then its line."""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from lookalike.errors import UnusablePhoto
from lookalike.files import write_bytes
from lookalike.gather.fetch import Fetched
from lookalike.gather.history import History
from lookalike.gather.hosts import host
from lookalike.gather.search import Candidate
from lookalike.photos.images import SUFFIXES
from lookalike.photos.whole import file_name
from lookalike.project.manifest import Manifest
from lookalike.project.names import OutsideError, inside
from lookalike.project.paths import Project
from lookalike.project.records import ImageRecord
from lookalike.project.walk import part_of
from lookalike.text import without_secrets

SAFE_NAME = re.compile(r"[\w][\w .,()+=@-]{0,120}")
COPIES_OF_A_PLACEHOLDER = 3


@dataclass(frozen=True)
class Conflict:
    """The same bytes were found under two labels."""

    label: str
    address: str
    other_label: str
    file: str


class Store:
    """Writes into the data set. Safe from several threads.

    A photo that turns up under a second label, or that one host serves for several addresses (a placeholder), is set
    aside: which label is right, or whether it is a photo at all, cannot be known here. `withdrawn` counts those by
    label until `take_withdrawn` is called.
    """

    def __init__(self, project: Project, manifest: Manifest, history: History, folders: dict[str, Path]) -> None:
        self.project, self.manifest, self.folders = project, manifest, folders
        self.files = history.files
        self.conflicts: list[Conflict] = []
        self.placeholders: list[str] = []
        self.withdrawn: Counter[str] = Counter()
        self.closed = False
        self.kept: set[tuple[str, str]] = set()
        self._copies: Counter[tuple[str, str]] = Counter()
        self._guard = threading.Lock()

    def keep(self, label: str, candidate: Candidate, address: str, photo: Fetched) -> ImageRecord:
        """Keep a photo, unless its bytes are here already. Returns the line that was written."""
        sha256 = hashlib.sha256(photo.content).hexdigest()
        signed = without_secrets(photo.final_url) != photo.final_url  # for a while, and for whoever has it
        record = replace(
            describe(label, candidate, address),
            sha256=sha256,
            width=photo.decoded.width,
            height=photo.decoded.height,
            final_url="" if photo.final_url == address or signed else photo.final_url,
        )
        with self._guard:
            self._check_open()
            self._copies[sha256, host(address)] += 1
            if known := self.files.get(sha256):
                record = self._repeated(record, *known)
            else:
                path = self._path(label, candidate, sha256, photo)
                write_bytes(path, photo.content)
                record = replace(record, status="ok", file=path.relative_to(self.project.images).as_posix())
                self.files[sha256] = (record.file, label)
                self.kept.add((label, address))
            self.manifest.append([record])
        return record

    def take_withdrawn(self) -> dict[str, int]:
        """How many photos of each label were set aside since the last call."""
        with self._guard:
            taken = dict(self.withdrawn)
            self.withdrawn.clear()
        return taken

    def miss(self, label: str, candidate: Candidate, address: str, reason: str, detail: str) -> ImageRecord:
        """Write down an address that gave no photo."""
        record = replace(describe(label, candidate, address), status="failed", reason=reason, detail=detail[:300])
        with self._guard:
            self._check_open()
            self.manifest.append([record])
        return record

    def abandon(self, label: str, candidate: Candidate, address: str) -> None:
        """Write down, after `close`, an address that was still being fetched."""
        detail = "enough others were there first"
        self.manifest.append([replace(describe(label, candidate, address), reason="abandoned", detail=detail)])

    def close(self) -> None:
        """Nothing is written any more; a thread that comes late gets UnusablePhoto."""
        with self._guard:
            self.closed = True

    def _check_open(self) -> None:
        if self.closed:
            raise UnusablePhoto("abandoned")

    def _repeated(self, record: ImageRecord, file: str, label: str) -> ImageRecord:
        if host(record.image_url) and self._copies[record.sha256, host(record.image_url)] >= COPIES_OF_A_PLACEHOLDER:
            if file not in self.placeholders:
                self.placeholders.append(file)
                self._set_aside(file, label, record.sha256, "placeholder", "served for several addresses")
            return replace(record, reason="placeholder", detail=f"the same bytes are {file}")
        if label == record.label:
            return replace(record, status="duplicate", file=file, reason="duplicate")
        self.conflicts.append(Conflict(record.label, record.image_url, label, file))
        self._set_aside(file, label, record.sha256, "two-labels", f"also found for {record.label}")
        return replace(record, reason="two-labels", detail=f"the same bytes are {file}")

    def _set_aside(self, file: str, label: str, sha256: str, reason: str, detail: str) -> None:
        """Move a photo to the quarantine: line first, as `clean` does, which can bring it back."""
        try:
            here, there = inside(self.project.images, file), inside(self.project.quarantine, file)
        except OutsideError:
            return
        if not here.is_file() or there.exists():
            return
        known = self.manifest.last(file) or ImageRecord(label, "ok", file, sha256=sha256)
        self.manifest.append([replace(known, status="quarantined", reason=reason, detail=detail, by="gather", at="")])
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(here, there)
        self.withdrawn[label] += 1

    def _path(self, label: str, candidate: Candidate, sha256: str, photo: Fetched) -> Path:
        """Ours, from the bytes; a photo from the user's own folder keeps its name when that is safe."""
        place = Path(candidate.hit.place)
        if candidate.hit.place and SAFE_NAME.fullmatch(place.stem):
            suffix = SUFFIXES.get(photo.decoded.format, ".jpg")
            folder = self.folders[label]
            if len(place.parts) == 3 and part_of(place.parts[0]):  # train/ants/x.jpg
                folder = self.project.images / place.parts[0] / folder.name
            path = folder / f"{place.stem}{suffix}"
            return path if not path.exists() else path.with_name(f"{place.stem}-{sha256[:16]}{suffix}")
        return self.folders[label] / file_name(candidate.provider, sha256, photo.decoded.format)


def describe(label: str, candidate: Candidate, address: str) -> ImageRecord:
    """What is known about a candidate before it is fetched."""
    hit = candidate.hit
    return ImageRecord(
        label=label,
        status="failed",
        provider=candidate.provider,
        query=candidate.query,
        rank=candidate.rank,
        image_url=address,
        page_url=hit.page_url,
        title=hit.title,
        license=hit.license,
        license_url=hit.license_url,
        creator=hit.creator,
        attribution=hit.attribution,
        group=hit.group,
        by="gather",
    )
