"""Imports point down only, heavy packages load late, one file prints."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import lookalike
from lookalike import plugins

PACKAGE = Path(lookalike.__file__).parent
LAYERS = [
    {"errors", "text"},
    {"files", "report", "plugins", "html"},
    {"project", "settings"},
    {"photos", "net", "web", "metrics", "logistic"},
    {"bundle"},
    {"vision", "people"},
    {"decisions"},
    {"gather", "clean", "train", "evaluate", "export", "predict", "serve", "console"}
    | {"compare", "config", "correct", "suggest"},
    {"flags"},
    {"commands"},
    {"cli", "library"},
    {"__init__", "__main__"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
STAGES = LAYERS[7]
HEAVY = ("torch", "torchvision", "fastai", "timm", "onnx", "onnxruntime", "rich", "matplotlib", "sklearn")


def modules() -> list[Path]:
    """Every file of the package but the programs that exports carry away."""
    return sorted(path for path in PACKAGE.rglob("*.py") if path.parent.name != "standalone")


def part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path, *, inner: bool) -> set[str]:
    """What a file imports when it is imported itself; with `inner`, also what its functions do. Type checking aside."""
    tree = ast.parse(path.read_text())
    tree.body = [
        node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
    ]
    names: set[str] = set()
    for node in ast.walk(tree) if inner else tree.body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def ours(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path, inner=True) if name.startswith("lookalike.")}


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_down_only(path: Path):
    own = part(path)
    for other in ours(path) - {own, "__version__"}:
        assert RANK[other] <= RANK[own], f"{own} imports {other}"
        assert not (other in STAGES and own in STAGES), f"the stage {own} imports the stage {other}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_heavy_packages_are_imported_late(path: Path):
    if part(path) == "vision":
        return
    assert not {name for name in imports(path, inner=False) if name.split(".")[0] in HEAVY}


def test_no_files_import_each_other_round_a_corner():
    files = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in modules()
        if path != PACKAGE / "__init__.py"  # its version is for all, and the rest of it loads when it is asked for
    }
    needs = {
        name: {imported if imported in files else imported.rpartition(".")[0] for imported in imports(path, inner=True)}
        for name, path in files.items()
    }
    circle: list[str] = []
    try:
        TopologicalSorter({name: files.keys() & wanted - {name} for name, wanted in needs.items()}).prepare()
    except CycleError as error:
        circle = error.args[1]
    assert circle == []


def test_the_architecture_page_lists_what_there_is():
    page = (PACKAGE.parent / "docs/architecture.md").read_text()
    listing = page.split("## The listing")[1].split("##")[0]
    cells = re.findall(r"^\| (`.*?`) \|", listing, re.MULTILINE)
    named = set(re.findall(r"([a-z_]+)(?:/|\.py)", " ".join(cells)))
    assert named == {part(path) for path in modules()} - {"__init__"}
    layers = page.split("## Imports point down")[1].split("```")[1].strip().splitlines()
    drawn = [set(re.findall("[a-z_]+", line.split("     ")[0])) for line in reversed(layers)]
    assert drawn == [layer - {"__init__"} for layer in LAYERS]
    groups = re.findall(r"^\| ([a-z]+) \| `lookalike\.([a-z]+)` \|", page, re.MULTILINE)
    assert set(groups) == {(kind, f"{kind}s") for kind in plugins.TABLES}


def test_a_class_name_means_one_thing():
    where: dict[str, list[Path]] = {}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                where.setdefault(node.name, []).append(path)
    assert not {name: paths for name, paths in where.items() if len(paths) > 1}


def test_only_the_console_prints():
    for path in modules():
        if path.name == "console.py" or "standalone" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"), path


def loaded_by(code: str) -> set[str]:
    """The top-level packages a fresh interpreter has loaded after running `code`."""
    end = "\nimport sys; print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code + end], capture_output=True, text=True, timeout=120, check=True)
    return set(done.stderr.splitlines()[-1].split())


def test_help_loads_nothing_heavy():
    loaded = loaded_by("from lookalike.cli import main; main(['--help'])")
    assert "typer" in loaded
    assert not loaded & {"torch", "fastai", "onnxruntime", "numpy", "PIL", "rich", "requests"}


def test_the_command_line_loads_nothing_heavy_and_checks_no_settings_before_they_are_known():
    code = "from lookalike import cli\nfrom lookalike.settings.fields import TrainSettings"
    loaded = loaded_by(f"{code}\nassert not TrainSettings.__pydantic_complete__")
    assert not loaded & {"torch", "numpy", "onnxruntime", "rich", "PIL"}


def test_predict_starts_its_decoders_before_it_loads_numpy():
    assert not loaded_by("import lookalike.predict") & {"numpy", "onnxruntime", "PIL"}


def test_predict_never_loads_torch_nor_starts_threads_for_numpy(trained: Path):
    photo = trained / "images" / "circles" / "000.jpg"
    arguments = ["predict", str(photo), "--project", str(trained)]
    code = f"from lookalike.cli import main; assert main({arguments!r}) == 0"
    threads = "{pool['num_threads'] for pool in threadpool_info() if pool['internal_api'] == 'openblas'}"
    loaded = loaded_by(f"{code}\nfrom threadpoolctl import threadpool_info; assert {threads} <= {{1}}")
    assert "numpy" in loaded  # and the model is opened in another process
    assert not loaded & {
        "onnxruntime",
        "torch",
        "torchvision",
        "fastai",
        "timm",
        "sklearn",
        "matplotlib",
        "rich",
        "PIL",
    }
