"""Write a folder beside its place, complete, and put it there in one step: half an export never carries a name."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from lookalike.errors import NotReadyError
from lookalike.models import heal


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Fill the folder this gives; when the block ends well it replaces `folder`, else `folder` stays as it was.

    Raises NotReadyError when the disk is full or refuses, or when another export is writing the same folder.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{folder.name}.lock", timeout=0):
            for left in folder.parent.glob(f".{folder.name}.*.part"):
                shutil.rmtree(left, ignore_errors=True)  # of a process that was killed
            heal(folder)
            part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".part"))
            try:
                yield part
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
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
