"""Write a folder beside its place, complete, and put it there in one step: half an export never carries a name."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from lookalike.bundle.locate import heal
from lookalike.errors import NotReadyError
from lookalike.project.paths import load_bundle

MARKER = ".lookalike"


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Fill the folder this gives; when the block ends well it replaces `folder`, else `folder` stays as it was.

    What somebody else has put into an earlier export (a .git, notes) stays in it. Raises NotReadyError when the disk
    is full or refuses, when another export is writing the same folder, or when `folder` is not one of ours.
    """
    try:
        require_ours(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{folder.name}.lock", timeout=0):
            for left in folder.parent.glob(f".{folder.name}.*.part"):
                shutil.rmtree(left, ignore_errors=True)  # of a process that was killed
            heal(folder)
            part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".part"))
            try:
                yield part
                names = sorted(entry.name for entry in part.iterdir())
                (part / MARKER).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
                part.chmod(0o755)
                _swap(part, folder)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    except Timeout:
        raise NotReadyError(f"another export is writing {folder}", "wait for it to end and run this again") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise NotReadyError(f"{folder} cannot be written: {reason}", "what was there before is intact") from None


def _swap(part: Path, folder: Path) -> None:
    """Put `part` in the place of `folder`. Killed between the two moves, `heal` finds the old."""
    old = folder.with_name(f".{folder.name}.old")
    if folder.exists():
        _keep_others(old, folder)  # left by an export that was killed after the moves
        folder.rename(old)
    part.rename(folder)
    _keep_others(old, folder)


def _keep_others(old: Path, folder: Path) -> None:
    """Bring what is not ours from the old folder to the new one, and remove the rest."""
    if not old.is_dir():
        return
    ours = set((old / MARKER).read_text(encoding="utf-8").splitlines()) if (old / MARKER).is_file() else set()
    with suppress(NotReadyError):
        ours |= set(load_bundle(old).files)
    for entry in old.iterdir():
        if entry.name not in ours and not (folder / entry.name).exists():
            entry.rename(folder / entry.name)
    shutil.rmtree(old, ignore_errors=True)


def require_ours(folder: Path) -> None:
    """Raise NotReadyError unless nothing is there, or an earlier export that may be replaced. What a link leads to may
    be part of something else, such as a published site."""
    if folder.is_symlink():
        raise NotReadyError(f"{folder} is a link to {os.path.realpath(folder)}", "remove the link, or name its folder")
    if folder.exists() and not folder.is_dir():
        raise NotReadyError(f"{folder} is a file, which an export would replace", "choose a new folder")
    names = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    if any(not name.startswith(".") for name in names) and not names & {MARKER, "model.json"}:
        raise NotReadyError(f"{folder} holds other files, which an export would replace", "choose a new folder")
