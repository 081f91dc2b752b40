"""Give photos their place and write down what happened: file first, then its line."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

from lookalike.gather.fetch import Photo
from lookalike.gather.history import History
from lookalike.gather.hosts import host
from lookalike.gather.search import Candidate
from lookalike.images import SUFFIXES
from lookalike.manifest import Manifest
from lookalike.project import Project, write_bytes
from lookalike.records import ImageRecord

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
    """Writes into the data set. Safe from several threads."""

    def __init__(self, project: Project, manifest: Manifest, history: History, folders: dict[str, Path]) -> None:
        self.project, self.manifest, self.folders = project, manifest, folders
        self.files = history.files
        self.conflicts: list[Conflict] = []
        self.placeholders: set[str] = set()
        self._copies: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._guard = threading.Lock()

    def keep(self, label: str, candidate: Candidate, address: str, photo: Photo) -> ImageRecord:
        """Keep a photo, unless its bytes are here already. Returns the line that was written."""
        sha256 = hashlib.sha256(photo.content).hexdigest()
        path = self._path(label, candidate, sha256, photo)
        file = path.relative_to(self.project.images).as_posix()
        record = replace(
            describe(label, candidate, address),
            sha256=sha256,
            width=photo.looks.width,
            height=photo.looks.height,
            final_url="" if photo.final_url == address else photo.final_url,
        )
        with self._guard:
            known = self.files.get(sha256)
            if known is None:
                self.files[sha256] = (file, label)
            else:
                record = self._repeated(record, known, address)
        if known is None:
            write_bytes(path, photo.content)
            record = replace(record, status="ok", file=file)
        self.manifest.append([record])
        return record

    def miss(self, label: str, candidate: Candidate, address: str, reason: str, detail: str) -> ImageRecord:
        """Write down an address that gave no photo."""
        record = replace(describe(label, candidate, address), status="failed", reason=reason, detail=detail[:300])
        self.manifest.append([record])
        return record

    def _repeated(self, record: ImageRecord, known: tuple[str, str], address: str) -> ImageRecord:
        file, label = known
        copies = self._copies[record.sha256, host(address)]
        copies.add(address)
        if len(copies) + 1 >= COPIES_OF_A_PLACEHOLDER and host(address):
            self.placeholders.add(file)
        if label == record.label:
            return replace(record, status="duplicate", file=file, reason="duplicate")
        self.conflicts.append(Conflict(record.label, address, label, file))
        return replace(record, status="failed", reason="two-labels", detail=f"the same bytes are {file}")

    def _path(self, label: str, candidate: Candidate, sha256: str, photo: Photo) -> Path:
        """Ours, from the bytes; a photo from the user's own folder keeps its name when that is safe."""
        suffix = SUFFIXES.get(photo.looks.format, ".jpg")
        place = Path(candidate.hit.place)
        if candidate.hit.place and SAFE_NAME.fullmatch(place.stem):
            folder = self.folders[label]
            if len(place.parts) == 3:  # train/ants/x.jpg
                folder = self.project.images / place.parts[0] / folder.name
            path = folder / f"{place.stem}{suffix}"
            return path if not path.exists() else path.with_name(f"{place.stem}-{sha256[:16]}{suffix}")
        return self.folders[label] / f"{candidate.provider}-{sha256[:16]}{suffix}"


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
