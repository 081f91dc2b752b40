"""A Hugging Face Space: the static page, or with --gradio an app on their server."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from lookalike.export import program, requirements, web
from lookalike.export.samples import SamplePhoto, beside, into_page
from lookalike.files import write_text
from lookalike.project.records import Bundle
from lookalike.settings.fields import Section, Settings

LARGE = "*.onnx filter=lfs diff=lfs merge=lfs -text\n*.gz filter=lfs diff=lfs merge=lfs -text\n"


class SpaceSettings(Section):
    """A Hugging Face Space."""

    table: ClassVar[str] = "space"
    gradio: bool = Field(
        False,
        description="with --to space: a Gradio app instead of a static page",
        json_schema_extra={"flag": "gradio"},
    )


class Space:
    """A static Space, or one with a Gradio app."""

    section: ClassVar[type[Section] | None] = SpaceSettings

    def write(self, part: Path, model: Path, bundle: Bundle, settings: Settings) -> None:
        """Fill the folder `part` with a Space: app.py, requirements.txt, README.md and the model."""
        if settings.of(SpaceSettings).gradio:
            program.with_model(part, model)
            shutil.copyfile(program.STANDALONE / "gradio_app.py", part / "app.py")
            requirements.write(part)
            versions = f'sdk_version: {requirements.GRADIO}\npython_version: "{requirements.PYTHON}"'
            kind = f"sdk: gradio\n{versions}\napp_file: app.py"
        else:
            web.write(part, model, bundle)
            kind = "sdk: static\napp_file: index.html"
        write_text(part / ".gitattributes", LARGE)
        write_text(part / "README.md", README.format(name=bundle.name, title=json.dumps(bundle.name), kind=kind))

    def show_samples(self, part: Path, samples: Sequence[SamplePhoto]) -> None:
        """Buttons on the page, or files that the Gradio app finds."""
        page = part / "index.html"
        into_page(page, samples) if page.is_file() else beside(part, samples)


README = """\
---
title: {title}
emoji: 🔎
colorFrom: blue
colorTo: green
{kind}
pinned: false
---

# {name}

Publish it as a Space:

```
pip install huggingface_hub
hf auth login
hf upload YOU/{name} . . --repo-type space
```
"""
