"""Answers in parts: which photos each part holds is written down before the first is asked about.

    OUT/part-0000000.jsonl   the answers of one part, there only when all of it is answered
    OUT/_plan/names          a JSON line for every photo: [name], [name, address] or [name, reason, detail]
    OUT/_plan/offsets        where each part begins in `names`: 8 bytes each, and the end
    OUT/_plan/plan.json      what the answers depend on; written last

A part is finished when its file is there, as that is moved into place whole. So whatever dies is asked again, what is
finished is never, and each photo has one row. Neither the list nor what is finished is held in memory, however long.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shlex
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

from filelock import FileLock, Timeout

from lookalike.errors import ConfigError, NotReadyError, UnusablePhoto, in_words
from lookalike.files import replacing, write_json
from lookalike.predict.photos import Named, is_remote
from lookalike.project.typed import Record, between, one_of

FOLDER = "_plan"  # what reads a folder of tables passes over names that begin so
_OFFSET = struct.Struct("<Q")
_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Terms(Record):
    """What the answers depend on besides the list: the sha256 of the model's description, and the settings."""

    model: str
    threshold: float | None
    top: int
    form: Annotated[str, one_of("jsonl", "parquet")]
    size: Annotated[int, between(1, 1_000_000)]


@dataclasses.dataclass(frozen=True)
class PartsPlan(Record):
    """How many photos there are, the sha256 of their names in order, and on what terms they are answered."""

    photos: int
    names: str
    terms: Terms
    version: int = _VERSION

    @property
    def parts(self) -> int:
        """Into how many parts the list is cut."""
        return -(-self.photos // self.terms.size)

    def rows(self, part: int) -> int:
        """How many photos a part has: `size`, the last one perhaps less."""
        return min(self.terms.size, self.photos - part * self.terms.size)


class PartsFolder:
    """The folder of a plan and its parts, held by one process at a time."""

    def __init__(self, out: Path, plan: PartsPlan) -> None:
        self.out, self.plan = out, plan

    def file(self, part: int) -> Path:
        """Where the answers of a part are, once it is finished."""
        return self.out / f"part-{part:07}.{self.plan.terms.form}"

    def finished(self) -> Iterator[int]:
        """The parts that are answered."""
        return (part for part in range(self.plan.parts) if self.file(part).is_file())

    def unfinished(self) -> Iterator[int]:
        """The parts that are still to be answered, each looked at when its turn comes."""
        return (part for part in range(self.plan.parts) if not self.file(part).is_file())

    def lines(self, part: int) -> bytes:
        """The photos of a part, as `photos_of` reads them."""
        return lines(self.out, part)


@contextmanager
def opened(out: Path, named: Iterable[Named], terms: Terms) -> Iterator[PartsFolder]:
    """Write the plan for a list, or take up the one that is there if the list and the terms are the same.

    Raises ConfigError when they are not, NotReadyError while another process holds the folder or there is no photo.
    """
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            before = _read(out)
            with replacing(folder / "names") as names, replacing(folder / "offsets") as offsets:
                with names.open("wb") as lines, offsets.open("wb") as places:
                    plan = _listed(named, terms, lines, places)
                _require_same(out, before, plan)
            (folder / "names").chmod(0o600)  # addresses may be signed
            if not before:
                write_json(folder / "plan.json", plan.to_json())
            yield PartsFolder(out, plan)
    except Timeout:
        raise NotReadyError(
            f"another lookalike is writing into {out}", "wait for it, or choose another --out"
        ) from None


def _listed(named: Iterable[Named], terms: Terms, lines: IO[bytes], places: IO[bytes]) -> PartsPlan:
    """Write each photo as a line as it comes. The hash is of names alone: an address that is signed anew is the same.

    Raises NotReadyError when there is none, so that no plan is left behind.
    """
    count, place, digest = 0, 0, hashlib.sha256()
    for name, source in named:
        if count % terms.size == 0:
            places.write(_OFFSET.pack(place))
        place += lines.write(_line(name, source))
        digest.update(json.dumps(name).encode() + b"\n")
        count += 1
    places.write(_OFFSET.pack(place))
    if not count:
        raise NotReadyError("there is not one photo", "name photos, or a folder or a list that holds some")
    return PartsPlan(count, digest.hexdigest(), terms)


def _line(name: str, source: object) -> bytes:
    if isinstance(source, bytes):
        raise ConfigError("a photo on standard input has no place in a list", "leave out --out and --engine")
    more = [source.reason, source.detail] if isinstance(source, UnusablePhoto) else []
    more += [source] if isinstance(source, str) and source != name else []
    return json.dumps([name, *more]).encode() + b"\n"


def lines(out: Path, part: int) -> bytes:
    """The photos of one part of the plan in a folder, as `photos_of` reads them."""
    folder = out / FOLDER
    with (folder / "offsets").open("rb") as offsets:
        offsets.seek(part * _OFFSET.size)
        (start,), (end,) = _OFFSET.iter_unpack(offsets.read(2 * _OFFSET.size))
    with (folder / "names").open("rb") as names:
        names.seek(start)
        return names.read(end - start)


def photos_of(lines: bytes) -> Iterator[Named]:
    """The photos of a part, as the arguments named them."""
    for line in lines.splitlines():
        name, *more = json.loads(line)
        if len(more) == 2:
            yield name, UnusablePhoto(*more)
        elif more or is_remote(name):
            yield name, more[0] if more else name
        else:
            yield name, Path(name)


def _read(out: Path) -> PartsPlan | None:
    """The plan that is there. Raises NotReadyError when it is damaged, or answers are there without one."""
    path = out / FOLDER / "plan.json"
    try:
        plan = PartsPlan.from_json(json.loads(path.read_bytes()))
    except FileNotFoundError:
        if next(out.glob("part-*"), None):
            raise NotReadyError(f"{out} holds answers without the plan they belong to", _ELSEWHERE) from None
        return None
    except (OSError, ValueError, TypeError) as error:
        raise NotReadyError(f"{path} is damaged: {in_words(error)}", _ELSEWHERE) from None
    if plan.version != _VERSION:
        raise NotReadyError(f"{path} is of version {plan.version}, not {_VERSION}", _ELSEWHERE)
    return plan


_ELSEWHERE = "choose another --out, or remove that folder to begin again"


def _require_same(out: Path, before: PartsPlan | None, now: PartsPlan) -> None:
    """Raises ConfigError, which names what is not as it was, and says how to go on as before where flags can."""
    if before is None or before == now:
        return
    then, wanted = before.terms, now.terms
    changed = []
    if before.names != now.names:
        changed.append(f"the photos are others ({before.photos:,} then, {now.photos:,} now)")
    changed += ["the model is another"] if then.model != wanted.model else []
    flags = {"--threshold": (then.threshold, wanted.threshold), "--top": (then.top, wanted.top)}
    flags |= {"--part-size": (then.size, wanted.size)}
    changed += [f"{flag} was {_shown(old)} and is {_shown(new)}" for flag, (old, new) in flags.items() if old != new]
    changed += [f"its parts are {then.form}"] if then.form != wanted.form else []
    told = f"{out} was begun otherwise: {'; '.join(changed)}"
    raise ConfigError(told, f"go on as it was begun, or add --out {shlex.quote(str(_free(out)))}")


def _shown(value: object) -> str:
    return "the model's own" if value is None else str(value)


def _free(out: Path) -> Path:
    """A folder beside `out` that is not there yet."""
    number = 2
    while os.path.lexists(out.with_name(f"{out.name}-{number}")):
        number += 1
    return out.with_name(f"{out.name}-{number}")
