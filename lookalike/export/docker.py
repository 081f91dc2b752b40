"""A container that serves the page and the JSON API."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from lookalike.export import program, requirements
from lookalike.export.samples import SamplePhoto, into_page
from lookalike.files import write_bytes, write_text
from lookalike.project.records import Bundle
from lookalike.settings.fields import Section, Settings
from lookalike.web.files import PAGE, SERVED


class Docker:
    """A page and a JSON API in a container."""

    section: ClassVar[type[Section] | None] = None

    def write(self, part: Path, model: Path, bundle: Bundle, settings: Settings) -> None:
        """Fill `part` with what `docker build` needs."""
        program.with_model(part, model)
        shutil.copyfile(program.STANDALONE / "docker_app.py", part / "app.py")
        for name, source in SERVED.items():
            write_bytes(part / "page" / name, (PAGE / source).read_bytes())
        requirements.write(part, *requirements.SERVER)
        write_text(part / "Dockerfile", DOCKERFILE.format(python=requirements.PYTHON))
        write_text(part / "README.md", README.format(name=bundle.name.lower()))

    def show_samples(self, part: Path, samples: Sequence[SamplePhoto]) -> None:
        """Buttons on the page."""
        into_page(part / "page" / "index.html", samples)


DOCKERFILE = """\
FROM python:{python}-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
USER nobody
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000", "--limit-concurrency", "64"]
"""

README = """\
# {name}

A container with a page (GET /) and a JSON API (POST /api/predict with a photo as the body):

```
docker build -t {name} .
docker run --rm --memory 1g -p 127.0.0.1:8000:8000 {name}
curl --data-binary @photo.jpg http://127.0.0.1:8000/api/predict
```

To publish it, push the image to a registry: `docker tag {name} YOU/{name} && docker push YOU/{name}`. Who can reach the
port can use it; put a proxy with a login in front where that matters.
"""
