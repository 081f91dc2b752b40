"""Models are opened and run in a process of their own, with limits on time and memory: every model, ours too.

A model is a program. It can loop, take all memory, end its process by a division, or meet a fault of the runtime, on
some photos only and at some batch sizes only; no trial before it is used can tell. So this process never opens one;
only `train` opens what it has written itself a moment ago.
"""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

from lookalike.bundle import onnxfile
from lookalike.errors import NotReadyError, in_words
from lookalike.files import write_bytes
from lookalike.photos.decode import Pool

if TYPE_CHECKING:
    import numpy as np

OPENING_SECONDS, PHOTO_SECONDS, BYTES_A_SECOND = 20.0, 5.0, 50_000_000
"""For opening a model or running a batch, for each photo of the batch in addition, and for large models still more."""
MEMORY, COPIES = 3_000_000_000, 5
"""Bytes that any model may take, and how many times its own size a large one may take besides."""
MOST_ANSWERED = 100_000_000
FACE = "face.onnx"
AGAIN = "run `lookalike export` again, or copy the model again"


@dataclass(frozen=True)
class Port:
    """An input or output of a model, as onnxruntime describes it."""

    name: str
    type: str
    shape: list[object]


class Session:
    """A model in a limited process; it is being opened when this returns. Speaks like onnxruntime's InferenceSession.

    `model` is a file or the bytes of one. `sha256` of the opened bytes lets the caller see that they are those it has
    checked.
    """

    def __init__(self, model: Path | bytes, *, threads: int = 0) -> None:
        onnxfile.require_packages()
        if isinstance(model, bytes):
            self._own = TemporaryDirectory(prefix="lookalike-")  # goes with the session; a second child reads it again
            kept = Path(self._own.name) / "model.onnx"
            write_bytes(kept, model)
            model = kept
        self._model, self._threads = model.absolute(), threads
        size = model.stat().st_size if model.is_file() else 0
        self._seconds = OPENING_SECONDS + size / BYTES_A_SECOND
        self._pool = Pool(1, memory=MEMORY + COPIES * size, loads="onnxruntime").__enter__()
        self._end = weakref.finalize(self, self._pool.__exit__, None, None, None)
        item = (self._model, threads)
        self._opened = self._pool.submit("lookalike.bundle.running:describe", item, seconds=self._seconds, again=False)
        beside, tried = self._model.with_name(FACE), "lookalike.bundle.running:try_detector"
        self._face = (
            self._pool.submit(tried, beside, seconds=OPENING_SECONDS, again=False) if beside.is_file() else None
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._end()

    def _ports(self) -> tuple[list[Port], list[Port], str]:
        ports = tuple(_sound(self._opened.result()))
        if self._face:
            _sound(self._face.result(), f"{self._model.with_name(FACE)}, which finds faces,")
        return ports

    def get_inputs(self) -> list[Port]:
        """What the model takes. Raises NotReadyError when it cannot be opened."""
        return self._ports()[0]

    def get_outputs(self) -> list[Port]:
        """What it gives. Raises NotReadyError when it cannot be opened."""
        return self._ports()[1]

    @property
    def sha256(self) -> str:
        """Of the bytes that were opened. Raises NotReadyError when they could not be."""
        return self._ports()[2]

    def run(self, names: Sequence[str] | None, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The outputs for one batch. Raises NotReadyError."""
        (batch,) = inputs.values()
        item = (self._model, self._threads, self.sha256, names, dict(inputs))
        seconds = self._seconds + PHOTO_SECONDS * len(batch)
        return list(_sound(self._pool.call("lookalike.bundle.running:answer", item, seconds=seconds, again=False)))


def _sound(answer: object, name: str = "the model") -> Any:
    """What the process answered, unless that is why there is no answer. Raises NotReadyError."""
    if isinstance(answer, (list, tuple)):
        return answer
    if isinstance(answer, str):
        raise NotReadyError(answer, AGAIN)
    raise NotReadyError(f"{name} cannot be run: it ends its process, or takes too much time or memory", AGAIN)


def open_session(model: bytes, *, threads: int = 0) -> Any:
    """An onnxruntime session over a model's bytes; given as bytes, it can refer to no other file.

    Raises NotReadyError when it is not an ONNX model, or not one that only calculates.
    """
    known = onnxfile.rewritten(model)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.add_session_config_entry(
        "session.intra_op.allow_spinning", "0"
    )  # waiting threads leave the cores to decoders
    try:
        return onnxruntime.InferenceSession(known, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own kinds for each way a model can be broken
        raise NotReadyError(f"this is not a usable ONNX model: {in_words(error)}", AGAIN) from None


@lru_cache(maxsize=1)
def _opened(model: Path, threads: int) -> tuple[Any, str]:
    data = model.read_bytes()
    return open_session(data, threads=threads), hashlib.sha256(data).hexdigest()


def describe(item: tuple[Path, int]) -> tuple[list[Port], list[Port], str] | str:
    """Open a model: its inputs, outputs and sha256, or what is wrong with it. Runs in the limited process."""
    try:
        session, sha256 = _opened(*item)
    except (NotReadyError, OSError) as error:
        return str(error)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    return *([Port(p.name, p.type, list(p.shape)) for p in ports] for ports in (inputs, outputs)), sha256  # type: ignore[return-value]


def try_detector(path: Path) -> list[object] | str:
    """Look once for faces where there are none: where photos are decoded, a detector that ends its process or comes to
    no end would be taken for a fault of each photo. Runs in the limited process."""
    import numpy as np

    from lookalike.photos.faces import SIDE

    nothing = np.zeros((1, 3, SIDE, SIDE), np.float32)
    try:
        open_session(path.read_bytes(), threads=1).run(None, {"input": nothing})
    except (NotReadyError, OSError) as error:
        return str(error)
    except Exception as error:  # whatever a network that loads can still do wrong
        return f"{path} cannot be run: {in_words(error)}"
    return []


def answer(item: tuple[Path, int, str, Sequence[str] | None, dict[str, object]]) -> list[object] | str:
    """The outputs of a model for a batch, or what is wrong. Runs in the limited process, perhaps in a second one."""
    model, threads, sha256, names, inputs = item
    try:
        session, found = _opened(model, threads)
        if found != sha256:
            return "the model has changed since it was opened"
        outputs = session.run(names, inputs)
    except (NotReadyError, OSError) as error:
        return str(error)
    except Exception as error:  # whatever a model that loads can still do wrong
        return f"the model cannot be run: {in_words(error)}"
    if sum(getattr(output, "nbytes", MOST_ANSWERED + 1) for output in outputs) > MOST_ANSWERED:
        return "the model gives far more than probabilities"
    return list(outputs)
