"""Names as people write them, and the folders they become."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from lookalike.errors import ConfigError, NotReadyError
from lookalike.project.names import NEITHER, NOT_A_LABEL, is_device
from lookalike.project.paths import Project

LONGEST = 100
_STUMBLES = re.compile('[/\\\\:*?"<>|\x00-\x1f\ud800-\udfff]')  # what other systems refuse, and what is no text


def folder_name(label: str) -> str:
    """The folder of a label: the label itself unless a file system could stumble over it.

    Raises ConfigError when nothing is left.
    """
    name = unicodedata.normalize("NFC", label)
    name = _STUMBLES.sub("-", name)
    name = " ".join(name.split()).lstrip(".").rstrip(". ")
    while len(name.encode()) > LONGEST:
        name = name[:-1]
    if not name.strip("-"):
        raise ConfigError(f"{label!r} cannot be the name of a folder", "use a name with letters or digits")
    return f"{name}_" if is_device(name) else name


def sort_out(labels: Iterable[str], base: Path) -> tuple[dict[str, str], dict[str, ConfigError]]:
    """Name to label, which is the folder's name below `base`, in order; and the names that can't have one, with why.

    A label must differ from the others, and from the folders already there, in more than its capital letters.
    """
    chosen: dict[str, str] = {}
    refused: dict[str, ConfigError] = {}
    owner: dict[str, str] = {}
    there = {_alike(path.name): path.name for path in base.glob("*") if path.is_dir()}
    for label in labels:
        try:
            name = _own_folder(label, owner)
            if (twin := there.get(_alike(name), name)) != name and unicodedata.normalize("NFC", twin) == name:
                name = twin  # as a Mac writes it, which looks the same and is typed the same
            if twin != name and not (base / name).is_dir():
                raise ConfigError(f"{base} has a folder {twin!r} already", "write the name as it is there")
        except ConfigError as error:
            refused[label] = error
        else:
            chosen[label] = name
    return chosen, refused


def _alike(name: str) -> str:
    """What names have in common that differ in capitals, or in how an accent is joined to its letter."""
    return unicodedata.normalize("NFC", name).casefold()


def _own_folder(label: str, owner: dict[str, str]) -> str:
    """The folder of a label that shares it with none in `owner`, where it is then noted. Raises ConfigError."""
    name = folder_name(label)
    if name.casefold() == "train":
        raise ConfigError(f"a folder called {name!r} divides photos for training", f"call the label {'a ' + name!r}")
    if name.casefold() == NEITHER:
        raise ConfigError(NOT_A_LABEL, "call it 'other', for example")
    twin = owner.setdefault(name.casefold(), label)
    if twin != label:
        raise ConfigError(f"the names {twin!r} and {label!r} would share a folder", "write them the same way")
    return name


def sweep(folders: Iterable[Path]) -> None:
    """Remove what a killed run was in the middle of writing. Only with the data set locked: nobody else writes then."""
    for folder in folders:
        for part in folder.glob(".*.part"):
            part.unlink(missing_ok=True)


def make_ready(project: Project, folders: Iterable[Path]) -> None:
    """Make sure, before anything is fetched, that photos can be written. Raises NotReadyError."""
    images = project.images
    hint = "choose another folder with --project or --images"
    try:
        images.mkdir(parents=True, exist_ok=True)
        probe = images / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except (FileExistsError, NotADirectoryError):
        raise NotReadyError(f"{images} is not a folder", hint) from None
    except OSError as error:
        raise NotReadyError(f"{images} cannot be written to: {error.strerror}", hint) from None
    for folder in folders:
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise NotReadyError(f"{folder} is a link or a file, not a folder", "move it away")
