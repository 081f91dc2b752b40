"""A page that classifies in the visitor's own browser: a folder for any static host, or one HTML file."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from lookalike import text
from lookalike.export import runtime, small
from lookalike.export.samples import SamplePhoto, into_page
from lookalike.files import write_bytes, write_text
from lookalike.project.records import Bundle
from lookalike.settings.fields import Section, Settings
from lookalike.web.files import PAGE

MODULES = ("assets.js", "pixels.js", "faces.js", "local.js", "words.js", "camera.js", "app.js")
MOVED = 1e-3  # by how much probabilities and similarities may differ for that, at most
SHOWN_LABELS = 20
SHOWN = ("name", "labels", "input", "temperature", "threshold", "min_similarity", "metrics", "created")


class WebSettings(Section):
    """The page that classifies in the browser."""

    table: ClassVar[str] = "web"
    single_file: bool = Field(
        False,
        description="with --to web: one HTML file that opens from disk",
        json_schema_extra={"flag": "single-file"},
    )


class Web:
    """A page for any static host, or one HTML file."""

    section: ClassVar[type[Section] | None] = WebSettings

    def write(self, part: Path, model: Path, bundle: Bundle, settings: Settings) -> None:
        """The page, in the form asked for."""
        write(part, model, bundle, single=settings.of(WebSettings).single_file)

    def show_samples(self, part: Path, samples: Sequence[SamplePhoto]) -> None:
        """Buttons on the page."""
        into_page(next(part.glob("*.html")), samples)


def write(part: Path, model: Path, bundle: Bundle, *, single: bool = False) -> None:
    """Fill `part` with the page for the model in folder `model`, as one file if `single`.

    Raises MissingExtraError and NetworkError when onnxruntime for browsers cannot be had.
    """
    script, wasm = runtime.files()
    about = {key: value for key, value in bundle.to_json().items() if key in SHOWN}
    assets = {
        "ort.js": script,
        "ort.wasm.gz": packed(wasm),
        "model.onnx.gz": packed(_weights(model, bundle)),
        "model.json": (json.dumps(about, ensure_ascii=False) + "\n").encode(),
    }
    if bundle.input.crop != "none":
        assets["face.onnx.gz"] = packed((model / "face.onnx").read_bytes())
    if single:
        name = f"{bundle.name}.html"
        write_text(part / name, _titled(single_file(assets), bundle))
        write_text(part / "README.md", SINGLE_README.format(name=bundle.name, file=name))
    else:
        write_text(part / "index.html", _titled((PAGE / "index.html").read_text(encoding="utf-8"), bundle))
        for name in ("style.css", *(name for name in MODULES if name != "local.js")):
            write_bytes(part / name, (PAGE / name).read_bytes())
        write_bytes(part / "engine.js", (PAGE / "local.js").read_bytes())
        for name, content in assets.items():
            write_bytes(part / name, content)
        write_text(part / ".nojekyll", "")
        write_text(part / "README.md", README.format(name=bundle.name))
    write_text(part / "THIRD-PARTY.txt", runtime.NOTICE)


def _titled(html: str, bundle: Bundle) -> str:
    """The page with its title, and with what a messenger shows of a link to it."""
    title, shown = text.markup(bundle.name), ", ".join(bundle.labels[:SHOWN_LABELS])
    told = text.markup(f"Tells photos apart in your browser: {shown}".replace("_", " "))
    tags = f'<meta property="og:title" content="{title}"><meta property="og:description" content="{told}">'
    head = f'<title>{title}</title>\n<meta name="description" content="{told}">\n{tags}'
    return html.replace("<title>lookalike</title>", head)


def _weights(model: Path, bundle: Bundle) -> bytes:
    """model.onnx, of a model of people with its largest arrays halved where the proof says that no answer moves."""
    whole, half = (model / "model.onnx").read_bytes(), bundle.parity.get("half")
    moves_none = isinstance(half, dict) and half.get("flips") == 0 and half.get("largest", 1.0) <= MOVED
    return small.halve(whole, small.LARGEST) if moves_none else whole


def packed(data: bytes) -> bytes:
    """gzip that gives the same bytes for the same data. Its checksum lets the page notice a damaged download."""
    return gzip.compress(data, 9, mtime=0)


def single_file(assets: Mapping[str, bytes]) -> str:
    """The whole page as one HTML document that opens from disk and can reach nothing at all."""
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    script = "\n".join(_plain((PAGE / name).read_text(encoding="utf-8")) for name in MODULES)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}' blob: 'wasm-unsafe-eval'; style-src '{_hash(style)}'; "
        "img-src blob: data:; media-src blob:; base-uri 'none'; form-action 'none'"
    )
    embedded = "\n".join(
        f'<script type="application/octet-stream" id="asset:{name}">{base64.b64encode(content).decode()}</script>'
        for name, content in assets.items()
    )
    html = re.sub(r'(Content-Security-Policy" content=)"[^"]*"', lambda m: f'{m[1]}"{policy}"', html)
    html = html.replace('<link rel="stylesheet" href="style.css">', f"<style>{style}</style>")
    return html.replace(
        '<script type="module" src="app.js"></script>', f'{embedded}\n<script type="module">{script}</script>'
    )


def _plain(module: str) -> str:
    """A module's text with its imports of the others and its export marks taken off, to stand in one script."""
    module = re.sub(r"^import .* from '\./.*';\n", "", module, flags=re.MULTILINE)
    return re.sub(r"^export ", "", module, flags=re.MULTILINE)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


README = """\
# {name}

A page that names photos in the visitor's own browser. Photos never leave it: the page's Content-Security-Policy forbids
every connection but to the host it came from, and nothing is ever sent there.

Look at it first: `python -m http.server 8080` in this folder, then open http://127.0.0.1:8080/.

Publish it, for example with GitHub Pages (an empty repository YOU/{name} must exist):

```
git init -b gh-pages && git add . && git commit -m "{name}"
git remote add origin https://github.com/YOU/{name}.git
git push -u origin gh-pages
```

It then answers at https://YOU.github.io/{name}/. Any other host of plain files works as well, in any sub-folder; no
special headers are needed. Browsers that disguise what a canvas holds (Brave, Firefox with resistFingerprinting) may
give slightly different answers.
"""

SINGLE_README = """\
# {name}

`{file}` is the whole classifier: open it from disk, send it by e-mail, or put it on any web host. It connects to
nothing; photos stay in the browser.

```
cp {file} SOMEWHERE
cd SOMEWHERE
python -m webbrowser {file}
```
"""
