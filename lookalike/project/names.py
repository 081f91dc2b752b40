"""Names of files, as manifests, splits, decisions and models tell them: the one check before a name becomes a path.

Such files are handed on with sets and models, so a name in them is a stranger's word. It may only mean something
below the folder that it is for: no way up, no other drive, nothing hidden, no folder that is a link to elsewhere.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

NEITHER = "neither"
"""What programs read in place of a label for a photo that fits none, so no label may be called that."""
NOT_A_LABEL = f"{NEITHER!r} is the answer to photos that fit no label, so no label can be called that"
_WINDOWS = os.name == "nt"
_NOT_ON_WINDOWS = re.compile(r'[\x00-\x1f\\<>:"|?*]')
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
LONGEST = 255
"""Bytes that file systems take as the name of a file."""


class OutsideError(ValueError):
    """A name that is none, or that means something outside the folder it is for."""


def checked(name: object, *, parts: int = 2, windows: bool = _WINDOWS) -> str:
    """A name of `parts` parts or more with "/" between them, as it is on every system. Raises OutsideError.

    Photos have two parts or three: "ants/x.jpg", "train/ants/x.jpg". What is forbidden on Windows alone is refused
    there alone: on other systems "12:30.jpg" is a name like any other.
    """
    if not isinstance(name, str) or not 0 < len(name) <= 4096:
        raise OutsideError("a file name is no text, or empty, or endless")
    found = name.split("/")
    if len(found) < parts or "\0" in name or any(part == "" or part.startswith(".") for part in found):
        raise OutsideError(f"{name[:200]!r} is no name of a file below this folder")
    if windows and any(_refused_by_windows(part) for part in found):
        raise OutsideError(f"{name[:200]!r} cannot be the name of a file on Windows")
    if not _is_writable(name):
        raise OutsideError(f"{name[:200]!r} is not text")
    if max(len(os.fsencode(part)) for part in found) > LONGEST:
        raise OutsideError(f"{name[:200]!r} is too long to be the name of a file")
    return name


def _is_writable(name: str) -> bool:
    """Whether a name has no halves of letters, but for bytes of a file name that is no text."""
    try:
        os.fsencode(name)
        return True
    except UnicodeEncodeError:
        return False


def photo_name(name: object) -> str:
    """The name of a photo below images/, or "" for none. Raises OutsideError."""
    return "" if name == "" else checked(name, parts=2)


def name_in_folder(name: object) -> str:
    """The name of a file beside the one that tells it. Raises OutsideError."""
    if "/" in (text := checked(name, parts=1)):
        raise OutsideError(f"{text[:200]!r} is not beside the file that names it")
    return text


def photos_folder(name: object) -> str:
    """A folder of photos as a run keeps it: relative to the project and inside it, or absolute. Raises OutsideError."""
    path = Path(name if isinstance(name, str) and "\0" not in name and _is_writable(name) else "..")
    if not path.is_absolute() and (path.anchor or ".." in path.parts):
        raise OutsideError(f"{str(name)[:200]!r} is no folder of this project")
    return str(name)


def is_device(part: str) -> bool:
    """Whether a file of this name is a device on Windows, whatever follows a dot: CON, nul.jpg, COM1."""
    return part.partition(".")[0].rstrip(" ").casefold() in _DEVICES


def _refused_by_windows(part: str) -> bool:
    return is_device(part) or part[-1] in ". " or bool(_NOT_ON_WINDOWS.search(part))


def inside(root: Path, name: object, *, parts: int = 2) -> Path:
    """The path of a named file below `root`, which need not be there. Raises OutsideError.

    No folder on the way may be a link. The file itself may: what moves or removes a link touches nothing behind it.
    """
    path, way = root, checked(name, parts=parts).split("/")
    for part in way[:-1]:
        path /= part
        if path.is_symlink():
            raise OutsideError(f"{path} is a link; what lies behind it is left alone")
    return path / way[-1]
