"""What a decoding process can be asked to do to itself. Light, as children import it within their time."""

from __future__ import annotations

import os
import time
from pathlib import Path


def fails_once(request: tuple[str, Path]) -> str:
    """Do something bad to the process, but only the first time."""
    what, marker = request
    if marker.exists():
        return "good"
    marker.touch()
    if what == "die":
        os.abort()
    if what == "hang":
        time.sleep(60)
    raise MemoryError
