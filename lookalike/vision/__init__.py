"""Everything that needs torch or fastai: networks, weights, training data. Nothing outside imports them at its top."""

import contextlib
import ctypes
import logging
import os

# Threads that wait for each other may spin for a moment, then must sleep. On a machine that others use too, spinning
# on made a training step ten times slower (two cores, three busy processes: 474 ms a photo against 46 to 73); never
# spinning costs a third on a quiet one (efficientnet_lite0, batches of 8 at 112 px: 11.1 ms a photo against 7.5; with
# two busy processes 25 against 14). Read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

# A training step frees and takes the same hundreds of megabytes again and again. glibc hands large blocks back to the
# system each time, and fetching them anew, page by page, took half of the whole training (ants and bees, two cores:
# 79 s, 52 of them in the system, against 39 s and 6). Elsewhere there is no mallopt, and nothing to mend.
with contextlib.suppress(AttributeError, OSError, TypeError):
    _libc = ctypes.CDLL(None)
    for _option, _bytes in ((-3, 1 << 30), (-1, 2**31 - 1)):  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD of malloc.h
        _libc.mallopt(_option, _bytes)

# fastai loads matplotlib, which complains at length where the home folder is not there or can't be written.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
