"""The page that names photos, as files: a server shows it with engine.js asking it, an exported page answers itself."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).parent / "page"
COMMON = ("style.css", "words.js", "camera.js", "app.js")
SERVED = {"index.html": "index.html", "engine.js": "remote.js", **{name: name for name in (*COMMON, "correct.js")}}
"""The files of a page that a server answers for: the name it asks for, and the file of PAGE that it gets."""
