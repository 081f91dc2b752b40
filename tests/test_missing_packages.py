"""A package that is not installed: one line that says which, the line that installs it, and exit code 6."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import draw, models

WITHOUT = """
import sys
hidden = sys.argv.pop(1)
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
from lookalike.__main__ import script
script()
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn photos and a small model."""
    root = tmp_path_factory.mktemp("missing")
    draw.folder(root / "images", {"circles": 4, "stripes": 4})
    models.bundle(root / "models" / "m")
    return root


@pytest.mark.parametrize(
    ("package", "line", "command"),
    [
        ("torch", "lookalike[train]", "train --size 64"),
        ("torchvision", "lookalike[train]", "train --size 64"),
        ("fastai", "lookalike[train]", "train --size 64"),
        ("timm", "lookalike[train]", "train --size 64"),
        ("sklearn", "lookalike[train]", "train --size 64"),
        ("onnxruntime", "onnxruntime>=", "predict images"),
        ("numpy", "numpy>=", "predict images"),
        ("PIL", "pillow>=", "clean --dry-run"),
        ("requests", "requests<", "gather ants bees"),
        ("ray", "lookalike[ray]", "predict images --engine ray"),
        ("ddgs", "lookalike[ddg]", "gather ants bees --provider ddgs"),
        ("starlette", "starlette>=", "serve --port 0"),
        ("uvicorn", "uvicorn>=", "serve --port 0"),
        ("typer", "typer<", "--help"),
        ("pydantic", "pydantic<", "--help"),
    ],
)
def test_it_is_named_with_the_line_that_installs_it(project: Path, package: str, line: str, command: str):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, package, *command.split()],
        check=False, cwd=project, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 6, done.stderr
    assert f'pip install "{line}' in done.stderr
    assert "Traceback" not in done.stderr and "fault of lookalike" not in done.stderr


def test_a_package_that_cannot_be_loaded_is_to_be_installed_again(project: Path, tmp_path: Path):
    (tmp_path / "requests.py").write_text(
        'raise ImportError("libssl.so.9: cannot open shared object", name="requests")'
    )
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from lookalike.__main__ import script; script()"
    done = subprocess.run(
        [sys.executable, "-c", program, "gather", "ants", "bees"],
        check=False, cwd=project, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 6
    assert "libssl.so.9" in done.stderr and "pip install --force-reinstall" in done.stderr
