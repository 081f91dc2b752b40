"""Every way a command can end badly, each with its exit code.

    LookalikeError            1   a fault of ours
    ├── ConfigError           2   a flag or a setting is wrong
    ├── NotReadyError         3   an earlier step has not run, or there are too few photos
    ├── NetworkError          4   no provider or photo could be reached, a key was refused
    ├── QualityError          5   a bar was missed: accuracy, or an export that answers differently
    ├── MissingExtraError     6   an optional package is not installed
    └── Interrupted         130   Ctrl-C, with what was done so far
    UnusablePhoto             –   one photo or address: always a counted row, never the end of a command

Ctrl-C ends with 130.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from lookalike.report import Result


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
    """An earlier step has not run yet, or there are too few photos for this one."""

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
    """The user pressed Ctrl-C; the result so far is attached."""

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


def fault_of_ours(error: Exception) -> LookalikeError:
    """An error nobody foresaw as one line; its traceback goes to a file that the line names."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="lookalike-", suffix=".log", delete=False) as log:
        traceback.print_exception(error, file=log)
    message = f"{type(error).__name__}: {error}"
    return LookalikeError(message, f"this is a fault of lookalike; details are in {log.name}")
