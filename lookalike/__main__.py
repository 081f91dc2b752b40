"""`python -m lookalike` is the `lookalike` command: how its process begins and ends."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import signal
import sys
from typing import NoReturn


def script() -> None:
    """The command, or the line that installs what it can't start without."""
    try:
        from lookalike import cli
        from lookalike.console import stand_in_for_closed_streams
    except ImportError as error:
        from lookalike.console import Console
        from lookalike.errors import explained

        reason = explained(error)
        Console().error(reason)
        sys.exit(reason.exit_code)
    stand_in_for_closed_streams()
    gc.set_threshold(200_000, 30, 30)  # searching for cycles while torch and fastai are loaded takes a quarter of it
    code = cli.main()
    if code == cli.STOPPED:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # after Ctrl-C, another one must not disturb the end
    if "torch" in sys.modules:
        _end_at_once(code)
    try:
        sys.stdout.flush()
    except OSError:  # what could not be written will not be at the end either
        _end_at_once(code)
    gc.freeze()  # searching everything for cycles before the end takes up to 0.1 s
    sys.exit(code)


def _end_at_once(code: int) -> NoReturn:
    """End without taking every object of torch apart, which takes two seconds.

    Nothing is left behind: files are replaced in one step, and what is registered for the end is run.
    """
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError):  # the reader is gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    script()
