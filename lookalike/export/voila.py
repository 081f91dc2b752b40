"""The fastai book's app: a notebook that Voila shows as a page, ready for Binder. It runs onnxruntime, not torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from lookalike.export import program, requirements
from lookalike.export.samples import SamplePhoto, beside
from lookalike.files import write_json, write_text
from lookalike.project.records import Bundle
from lookalike.settings.fields import Section, Settings
from lookalike.text import markdown

MAX_UPLOAD = 100 * 1024 * 1024  # the default of 10 MB drops larger photos without a word


class Voila:
    """A notebook that Voila shows as a page."""

    section: ClassVar[type[Section] | None] = None

    def write(self, part: Path, model: Path, bundle: Bundle, settings: Settings) -> None:
        """Fill `part` with a repository that Binder can run."""
        program.with_model(part, model)
        write_json(part / "app.ipynb", notebook(bundle))
        requirements.write(part, *requirements.NOTEBOOK)
        write_text(part / "runtime.txt", f"python-{requirements.PYTHON}\n")
        room = {"tornado_settings": {"websocket_max_message_size": MAX_UPLOAD}}
        write_json(part / ".jupyter" / "jupyter_server_config.json", {"ServerApp": room})  # read on Binder
        write_json(part / "voila.json", {"Voila": room})  # read by `voila` itself
        write_text(part / "README.md", README.format(name=bundle.name))

    def show_samples(self, part: Path, samples: Sequence[SamplePhoto]) -> None:
        """Files that the notebook finds."""
        beside(part, samples)


def notebook(bundle: Bundle) -> dict[str, object]:
    """The app as a notebook of one text and one code cell."""
    heading = [
        f"# {markdown(' or '.join(bundle.labels))}?" if len(bundle.labels) <= 4 else f"# {markdown(bundle.name)}"
    ]
    code = (program.STANDALONE / "voila_app.py").read_text(encoding="utf-8").splitlines(keepends=True)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": [
            {"cell_type": "markdown", "id": "title", "metadata": {}, "source": heading},
            {"cell_type": "code", "id": "app", "metadata": {}, "execution_count": None, "outputs": [], "source": code},
        ],
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def binder(owner: str, name: str) -> str:
    """The address that starts the app on Binder."""
    return f"https://mybinder.org/v2/gh/{owner}/{name}/HEAD?urlpath=%2Fvoila%2Frender%2Fapp.ipynb"


README = (
    """\
# {name}

[![launch](https://mybinder.org/badge_logo.svg)]("""
    + binder("YOU", "{name}")
    + """)

A notebook app: upload a photo, press Classify. Publish it on Binder by pushing this folder to GitHub (an empty
repository YOU/{name} must exist; replace YOU in the badge above as well):

```
git init -b main && git add . && git commit -m "{name}"
git remote add origin https://github.com/YOU/{name}.git
git push -u origin main
```

Then press the badge; the first start builds the environment and takes some minutes. Here on this computer:

```
pip install -r requirements.txt
voila app.ipynb
```
"""
)
