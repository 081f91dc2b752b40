"""A Hugging Face Space: the static page, or with --gradio an app on their server."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from lookalike.export import web
from lookalike.export.voila import PYTHON, STANDALONE, copy_model
from lookalike.files import write_text
from lookalike.project.records import Bundle
from lookalike.settings.fields import ExportSettings

GRADIO = "6.31.0"
LARGE = "*.onnx filter=lfs diff=lfs merge=lfs -text\n*.gz filter=lfs diff=lfs merge=lfs -text\n"


def write(part: Path, model: Path, bundle: Bundle, wanted: ExportSettings) -> None:
    """Fill `part` with a Space."""
    if wanted.gradio:
        copy_model(part, model)
        shutil.copyfile(STANDALONE / "gradio_app.py", part / "app.py")
        write_text(part / "requirements.txt", "onnxruntime>=1.23,<2\nnumpy>=2,<3\npillow>=12,<13\n")
        kind = f'sdk: gradio\nsdk_version: {GRADIO}\npython_version: "{PYTHON}"\napp_file: app.py'
    else:
        web.write(part, model, bundle, wanted.model_copy(update={"single_file": False}))
        kind = "sdk: static\napp_file: index.html"
    write_text(part / ".gitattributes", LARGE)
    write_text(part / "README.md", README.format(name=bundle.name, title=json.dumps(bundle.name), kind=kind))


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
