"""Whether folders of photos can be learnt from, and if not, what was found in them and what to do about it."""

from __future__ import annotations

import os
import re
import shlex
import tarfile
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from lookalike.errors import NotReadyError
from lookalike.project.names import NEITHER, NOT_A_LABEL
from lookalike.project.walk import Walk, part_of, walk
from lookalike.text import counted

GATHER = "run `lookalike gather NAME NAME`, or point --images at a folder of label folders"


def base(images: Path) -> Path:
    """The folder that new label folders go to: images/, or images/train/ where photos are divided already."""
    found = walk(images).photos
    train = next((item.file.partition("/")[0] for item in found if item.part == "train"), "train")
    return images / train if any(item.part for item in found) else images


def require_labels(found: Walk) -> None:
    """Raise NotReadyError unless there are two labels that can be told apart."""
    labels = found.labels
    if len(labels) < 2:
        raise NotReadyError(*(advice(found) or _too_few(found)))
    if all(part_of(label) for label in labels) and not any(item.part for item in found.photos):
        names = " and ".join(f"{label}/" for label in labels)
        folder = found.root / labels[0]
        raise NotReadyError(
            f"{names} in {found.root} hold photos and no label folders",
            f"move each photo into a folder named for its label, such as {folder}/LABEL/{_name(found)}",
        )
    parts = {item.part for item in found.photos}
    if None not in parts and "train" not in parts:
        told = ", ".join(sorted({item.file.partition("/")[0] for item in found.photos}))
        raise NotReadyError(
            f"{found.root} has {told} and no train folder", "name the folder with the photos to learn from `train`"
        )
    folded: dict[str, str] = {}
    for label in labels:
        if label.casefold() == NEITHER:
            raise NotReadyError(NOT_A_LABEL, f"rename the folder {label!r} in {found.root}, for example to 'other'")
        if odd := [letter for letter in label if "\ud800" <= letter <= "\udfff"]:
            shown = os.fsencode(label).decode(errors="backslashreplace")
            what = "a byte that is" if len(odd) == 1 else "bytes that are"
            raise NotReadyError(f"the name of the folder {found.root}/{shown} has {what} no text", "rename the folder")
        twin = folded.setdefault(" ".join(unicodedata.normalize("NFC", label).casefold().split()), label)
        if twin != label:
            raise NotReadyError(
                f"the labels {twin!r} and {label!r} differ only in case or spaces", "merge the two folders"
            )


def require_photos(found: Walk) -> None:
    """Raise NotReadyError unless there are photos in label folders, however few."""
    if not found.photos:
        raise NotReadyError(*(advice(found) or _too_few(found)))


def advice(found: Walk, flag: str = "--images") -> tuple[str, str] | None:
    """How the photos of a folder lie that has no two label folders, and what to do: with which `flag` to name another
    folder. None where nothing is to be said."""
    return _packed(found, flag) or _deeper(found, flag) or _flat(found)


def require_both_sides(found: Walk) -> None:
    """Raise NotReadyError when folders divide the photos and one side lacks a label, by the names of the folders."""
    sides = Counter((str(item.part), item.label) for item in found.photos)
    folders: dict[str, str] = {}
    for item in found.photos:
        if item.part:
            folders.setdefault(item.part, item.file.partition("/")[0])
    for label in sorted(found.labels):
        for here, there in (("train", "valid"), ("valid", "train"), ("test", "train")):
            if there in folders and sides[here, label] and not sides[there, label]:
                raise NotReadyError(
                    f"{label!r} has {counted(sides[here, label], 'photo')} in {found.root / folders[here]} and none in"
                    f" {found.root / folders[there]}",
                    f"move some into {found.root / folders[there] / label}; or, to have them divided for you, move"
                    f" every label folder into {found.root} itself",
                )


def without_photos(found: Walk) -> list[str]:
    """Folders that stand where label folders do and give no label: they are empty, or nothing in them is a photo."""
    spoilt = {item.label for item in found.passed if item.label and item.reason not in ("nested", "hidden", "folder")}
    parts = {found.root / item.file.partition("/")[0] for item in found.photos if item.part}
    tops = parts or {found.root}
    empty = {child.name for top in tops for child in top.iterdir() if child.name[:1] != "." and _is_empty(child)}
    return sorted((spoilt | empty) - set(found.labels))


def _is_empty(folder: Path) -> bool:
    try:
        return folder.is_dir() and not any(folder.iterdir())
    except OSError:
        return False


def _packed(found: Walk, flag: str) -> tuple[str, str] | None:
    """The photos are still in the archive they came in, which stands where their folder should be or in it."""
    inside = [found.root / item.file for item in found.passed if item.reason == "not-an-image"]
    for path in [found.root] if found.root.is_file() else inside if not found.photos else []:
        kind = "zipfile" if zipfile.is_zipfile(path) else "tarfile" if tarfile.is_tarfile(path) else ""
        if kind:
            folder = path.with_name(path.name.partition(".")[0] or "set")
            unpacked = folder if not folder.exists() else folder.with_name(f"{folder.name}-photos")
            unpack = shlex.join(["python", "-m", kind, "-e", str(path), str(unpacked)])
            then = f"unpack it: {unpack}; then add {flag} {shlex.quote(str(unpacked))}"
            return f"{path} is an archive, not a folder", then
    return None


def _deeper(found: Walk, flag: str) -> tuple[str, str] | None:
    """The label folders are inside a folder, as archives unpack."""
    outer = {item.file.partition("/")[0] for item in found.passed if item.reason in ("nested", "unlabelled")}
    inner = [walk(found.root / name) for name in sorted(outer) if (found.root / name).is_dir()]
    fitting = [deep for deep in inner if len(deep.labels) > 1]
    if turned := _turned(found, inner, flag):
        return turned
    fitting = fitting or [deep for deep in map(_within, inner) if deep]
    for deep in sorted(fitting, key=lambda each: (_for_learning(each), -len(each.photos)))[:1]:
        holds = f"{found.root} has no label folders with photos" if not found.photos else "it has one label"
        return f"{holds}; {deep.root} has: {_listed(deep.labels)}", f"add {flag} {shlex.quote(str(deep.root))}"
    return None


def _turned(found: Walk, inner: Sequence[Walk], flag: str) -> tuple[str, str] | None:
    """Several folders that have folders in them: either may be the labels, unless it is sides that are inside."""
    often = Counter(label for deep in inner for label in deep.labels)
    shared = [label for label, count in often.items() if count > 1]
    alike = [deep for deep in inner if deep.labels and not any(map(part_of, _words(deep.root.name)))]
    alike = [deep for deep in alike if {*shared} & {*deep.labels} if shared] or [d for d in alike if len(d.labels) > 1]
    if len(alike) < 2:
        return None
    alike = sorted(alike, key=lambda deep: -len(deep.labels))
    outer, names = _listed(sorted(deep.root.name for deep in alike)), _listed(alike[0].labels)
    each = (
        f"each of {outer} has: {_listed(shared)}"
        if shared
        else f"each of {outer} has folders, {alike[0].root.name}: {names}"
    )
    told, file = f"in {found.root}, {each}", Path(alike[0].photos[-1].file)
    if all(part_of(label) for deep in alike for label in deep.labels):
        place = found.root / file.parent.name / alike[0].root.name / file.name
        return f"{told}; sides belong outside, labels inside", f"move each photo to its place, such as {place}"
    up = alike[0].root / file.name
    other = f"if {names} are, add {flag} {shlex.quote(str(alike[0].root))}"
    return told, f"if {outer} are the labels, move each photo up, such as to {up}; {other}"


def _for_learning(found: Walk) -> int:
    """0 for a folder that seems to hold the photos to learn from, 2 for those of a test, 1 where nothing is said."""
    sides = {side for name in found.root.parts[-2:] for word in _words(name) if (side := part_of(word))}
    return 0 if "train" in sides else 2 if sides or "pred" in _words(found.root.name) else 1


def _words(name: str) -> list[str]:
    return [name, *re.findall(r"[^\W\d_]+", name.lower())]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def _within(outer: Walk) -> Walk | None:
    """A folder one more level down that has labels, such as the second of set/set/label."""
    names = {item.file.partition("/")[0] for item in outer.passed if item.reason == "nested"}
    deep = [walk(outer.root / name) for name in sorted(names)]
    return next((each for each in deep if len(each.labels) > 1), None)


def _flat(found: Walk) -> tuple[str, str] | None:
    loose = [item for item in found.passed if item.reason == "unlabelled"]
    if found.photos or not loose:
        return None
    holds = f"{found.root} holds {counted(len(loose), 'photo')} and no label folders"
    example = found.root / "LABEL" / Path(loose[0].file).name
    return holds, f"move each photo into a folder named for its label, such as {example}"


def _too_few(found: Walk) -> tuple[str, str]:
    if found.root.is_file():
        return f"there are no photos: {found.root} is a file, not a folder of label folders", GATHER
    if not found.root.is_dir():
        return f"there are no photos: there is no folder {found.root}", GATHER
    rest = found.summary().partition(", ")[2]
    rest = f" ({rest})" if rest else ""
    if not found.photos:
        return f"there are no photos in {found.root}{rest}", GATHER
    return f"{found.root} has one label, {found.labels[0]!r}; telling apart needs two{rest}", GATHER


def _name(found: Walk) -> str:
    return Path(found.photos[0].file).name
