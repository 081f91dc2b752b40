"""`python -m lookalike` is the `lookalike` command: how its process begins and ends."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from lookalike.errors import STOPS, Interrupted, explained


def script() -> None:
    """The command, or the line that installs what it can't start without."""
    from lookalike.console import Console, stand_in_for_closed_streams

    stand_in_for_closed_streams()
    _take_every_stop_for_ctrl_c()
    _start_what_predict_waits_for(sys.argv[1:])
    try:
        from lookalike import cli
    except (ImportError, EOFError, KeyboardInterrupt) as error:
        stopped = Interrupted("stopped", "nothing was begun; run the same command again")
        reason = stopped if isinstance(error, KeyboardInterrupt) else explained(error)
        Console().error(reason)
        sys.exit(reason.exit_code)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what libraries tell those who write programs; users can do nothing about it
    gc.set_threshold(200_000, 30, 30)  # searching for cycles while torch and fastai are loaded takes a quarter of it
    code = cli.main()
    if code == cli.STOPPED:
        for stop in STOPS:  # after Ctrl-C, another one must not disturb the end
            signal.signal(stop, signal.SIG_IGN)
    if "torch" in sys.modules:
        _end_at_once(code)
    try:
        sys.stdout.flush()
    except OSError:  # what could not be written will not be at the end either
        _end_at_once(code)
    gc.freeze()  # searching everything for cycles before the end takes up to 0.1 s
    sys.exit(code)


def _take_every_stop_for_ctrl_c() -> None:
    """What is done on Ctrl-C is right for every stop; one that is to be ignored (`nohup`) stays so."""
    for stop in STOPS:
        if signal.getsignal(stop) == signal.SIG_DFL:
            signal.signal(stop, signal.default_int_handler)


def _start_what_predict_waits_for(arguments: Sequence[str]) -> None:
    """The process that will run the model takes as long to start as the command line itself does: both at once."""
    if "predict" in arguments and "--help" not in arguments:
        from lookalike.photos.decode import start_ahead

        start_ahead("onnxruntime")


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
