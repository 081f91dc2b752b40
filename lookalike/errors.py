"""Every way a command can end badly, each with its exit code.

    LookalikeError            1   a fault of ours
    ├── ConfigError           2   a flag or a setting is wrong
    ├── NotReadyError         3   something is not there: an earlier step, enough photos, room on the disk, permission
    ├── NetworkError          4   no provider or photo could be reached, a key was refused
    ├── QualityError          5   a bar was missed: accuracy, or an export that answers differently
    ├── MissingExtraError     6   an optional package is not installed
    └── Interrupted         130   a signal of STOPS, with what was done so far
    UnusablePhoto             –   one photo or address: always a counted row, never the end of a command

Ctrl-C ends with 130, and so do the other ways in which a command is asked to stop (STOPS).
"""

from __future__ import annotations

import errno
import os
import re
import signal
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from lookalike.report import Result


STOPS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""How a command is asked to stop: Ctrl-C, `kill` or a scheduler, a terminal that is closed. All are told alike."""

_OBJECT = re.compile(r"<[^<>]*\bat 0x[0-9a-fA-F]+[^<>]*>|<_io\.[^<>]*>")


class LookalikeError(Exception):
    """A command cannot go on.

    `message` is one plain line, `hint` says what to type next, and `result` holds what was done before the
    command stopped, so that it is still shown.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "", *, result: Result | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.result = result


class ConfigError(LookalikeError):
    """A flag, an environment variable or a line of lookalike.toml is wrong."""

    exit_code = 2


class NotReadyError(LookalikeError):
    """An earlier step has not run yet, there are too few photos for this one, or the machine refuses what it needs."""

    exit_code = 3


class NetworkError(LookalikeError):
    """Nothing useful could be reached: no provider, no photo, no weights; a limit was met or a key refused."""

    exit_code = 4


class QualityError(LookalikeError):
    """A bar was missed; the message names the number and the bar."""

    exit_code = 5


class MissingExtraError(LookalikeError):
    """An optional package is not installed; the hint is the exact line that installs it."""

    exit_code = 6


class Interrupted(LookalikeError):
    """The user pressed Ctrl-C, or another signal of STOPS came; the result so far is attached."""

    exit_code = 130


class UnusablePhoto(Exception):
    """One file or address gave no usable photo.

    `reason` is a stable word from a short list that programs may rely on (`not-an-image`, `truncated`, …);
    `detail` is for people.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


def in_words(error: BaseException) -> str:
    """What a library says, without the objects it speaks of: "<_io.BytesIO object at 0x7f…>" tells nothing, nor does
    the system's number of an error beside its words."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    text = " ".join(_OBJECT.sub("it", str(error)).split())
    return text or type(error).__name__


class OutOfMemory(UnusablePhoto):
    """Decoding needed more memory than there was."""

    def __init__(self, *_: object) -> None:
        super().__init__("too-large", "decoding needs too much memory")


PASSING = frozenset(
    {
        "decoder-died", "too-slow", "stopped", "missing", "no-access", "unsupported", "tls", "blocked-address",
        "robots-unknown",
    }
)  # fmt: skip
"""Reasons that tell of a moment, a machine, an installation or a setting and not of the photo: never held against it
for good. lookalike.net.client adds those of the network."""


FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says when a disk, a quota or the size that a file may have is used up."""

_ELSEWHERE = "allow it, or work in a folder of your own with --project DIR"
_MEMORY = "end other programs, or ask for less: --size, --batch-size, --jobs"
_WAYS_ON = {
    **dict.fromkeys(FULL, "free some space and run the same command again"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _ELSEWHERE),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "allow more and run the same command again: ulimit -n 1024"),
    **dict.fromkeys((errno.ENOMEM, errno.EAGAIN), _MEMORY),
    errno.ELOOP: "nothing is written through a link, which may lead anywhere: put the file itself in its place",
    errno.ENAMETOOLONG: "give it a shorter name",
    errno.EBUSY: "wait for the other command to end and run this again",
    errno.EIO: "see that the disk has room and is in order, and run the same command again",
}
_STORES = {
    "FULL": errno.ENOSPC, "IOERR": errno.EIO, "CANTOPEN": errno.EACCES, "PERM": errno.EACCES,
    "READONLY": errno.EACCES, "BUSY": errno.EBUSY, "LOCKED": errno.EBUSY,
}  # fmt: skip
"""What the system must have said when a store of SQLite can't be used, by the name of its error."""
_NAME = 300  # letters of a file's name that a message shows
_NOT_OURS = "put that right and run the same command again"


def explained(error: Exception) -> LookalikeError:
    """Any error as one line and what to do: what the machine refused, what is not installed, or a fault of ours."""
    if isinstance(error, LookalikeError):
        return error
    if isinstance(error, ImportError) and (missing := _missing(error)):
        return missing
    if isinstance(error, EOFError) and (compiled := _cut_off(error)):
        return NotReadyError(
            f"{compiled} is cut off", "remove it and run the same command again: Python writes it anew"
        )
    if isinstance(error, MemoryError):
        return NotReadyError("there is not enough memory", _MEMORY)
    if "disk image is malformed" in str(error):
        return NotReadyError("what .cache/ keeps is damaged", "remove it and run the same command again")
    if (refusal := _refusal(error)) and refusal.errno:
        return refused(refusal)
    return _fault_of_ours(error)


def refused(error: OSError) -> LookalikeError:
    """What the system refused, with the file it was about."""
    full = "the disk is full: " if error.errno in FULL else ""
    name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes, os.PathLike)) else ""
    where = f"{name[:_NAME] + '…' * (len(name) > _NAME)}: " if name else ""
    reason = "an output is closed" if error.errno == errno.EBADF else error.strerror or str(error)
    kind = NetworkError if isinstance(error, (ConnectionError, TimeoutError)) else NotReadyError
    return kind(f"{full}{where}{reason[:1].lower()}{reason[1:]}", _WAYS_ON.get(error.errno or 0, _NOT_OURS))


def _refusal(error: Exception) -> OSError | None:
    """What the system said, also when a library written in Rust or C tells it in its own words."""
    if isinstance(error, OSError):
        return error
    if told := re.search(r"\(os error (\d+)\)", str(error)):
        return OSError(int(told[1]), os.strerror(int(told[1])))
    store = re.match("SQLITE_([A-Z]+)", getattr(error, "sqlite_errorname", ""))
    if store and (number := _STORES.get(store[1])):
        return OSError(number, os.strerror(number), "what .cache/ keeps")
    return None


def _cut_off(error: EOFError) -> str:
    """The compiled file that Python left half-written when the disk was full, if reading it is what failed."""
    import traceback

    found = [frame.f_locals.get("bytecode_path") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return next((str(path) for path in reversed(found) if path), "")


_DISTRIBUTIONS = {
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "multipart": "python-multipart",
}  # named unlike their module


def _missing(error: ImportError) -> MissingExtraError | None:
    """A package that is not there or can't be loaded, with the line that installs it; None for a module of ours."""
    module = (error.name or "").partition(".")[0]
    if module in ("", "lookalike"):
        return None
    return missing_package(module, "" if isinstance(error, ModuleNotFoundError) else str(error))


def missing_package(module: str, broken: str = "") -> MissingExtraError:
    """What to say of a package that is not installed, or `broken`, with the line that installs it."""
    package = _DISTRIBUTIONS.get(module, module).replace("_", "-")
    what = f"the package {package} can't be loaded: {broken}" if broken else f"the package {package} is not installed"
    again = "--force-reinstall " if broken else ""
    return MissingExtraError(what.splitlines()[0], f'run: pip install {again}"{_requirement(package)}"')


def _requirement(package: str) -> str:
    """What pip should be asked for: the versions that suit us, or the extra that brings them."""
    from importlib import metadata

    try:
        known = metadata.requires("lookalike") or []
    except metadata.PackageNotFoundError:
        known = []
    for line in known:
        wanted, _, condition = line.partition(";")
        extra = re.search(r"extra == ['\"]([^'\"]+)", condition)
        if re.split(r"[^\w.-]", wanted)[0].replace("_", "-").lower() == package.lower() and "dev" not in condition:
            return f"lookalike[{extra[1]}]" if extra else wanted.strip()
    return package


def _fault_of_ours(error: Exception) -> LookalikeError:
    """An error nobody foresaw; its traceback goes to a file that the line names."""
    import tempfile
    import traceback

    message = f"{type(error).__name__}: {error}"
    try:
        with tempfile.NamedTemporaryFile("w", prefix="lookalike-", suffix=".log", delete=False) as log:
            traceback.print_exception(error, file=log)
    except OSError:
        return LookalikeError(message, "this is a fault of lookalike; --debug shows where")
    return LookalikeError(message, f"this is a fault of lookalike; details are in {log.name}")
