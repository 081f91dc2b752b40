"""Our speed and quality beside the alternatives', one file for each area."""

import os

QUICK = bool(os.environ.get("LOOKALIKE_BENCH_QUICK"))
"""Each area at its smallest, to see that it runs to its end; the numbers then mean little."""
