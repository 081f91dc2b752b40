"""Our speed and quality beside the alternatives', one file for each area."""

import os
import signal

QUICK = bool(os.environ.get("BENCH_QUICK"))
"""Each area at its smallest, to see that it runs to its end; the numbers then mean little."""

signal.signal(signal.SIGINT, signal.default_int_handler)
# A shell lets what it starts in the background ignore Ctrl-C, and so would the servers that are stopped so here.
