"""`python -m tests.bench [NAME ...]`: the measurements named, or all of them."""

from __future__ import annotations

import sys
from importlib import import_module

AREAS = ("gather", "clean", "train", "predict", "people", "neither", "ray", "corrections", "hub")

for area in sys.argv[1:] or AREAS:
    print(f"\n== {area}", flush=True)
    import_module(f"tests.bench.{area}").main()
