"""What a model sees in a photo before it names it: the numbers that its last layer turns into scores."""

from __future__ import annotations

from lookalike.bundle.onnxfile import require_packages
from lookalike.errors import NotReadyError

AGAIN = "run `lookalike train` again"


def seen_by(model: bytes) -> bytes:
    """An exported model cut off before the layer that gives the labels' scores: `image` to features (n, d).

    Raises NotReadyError when it has no such layer.
    """
    require_packages()
    import onnx
    from onnx import TensorProto, helper

    loaded = onnx.load_from_string(model)
    graph = loaded.graph
    makers = {name: node for node in graph.node for name in node.output}
    node = makers.get(graph.output[0].name)
    while node and node.op_type not in ("Gemm", "MatMul"):
        node = makers.get(node.input[0]) if node.input else None
    if not node:
        raise NotReadyError("this model has no last layer that lookalike knows", AGAIN)
    features = node.input[0]
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(features, TensorProto.FLOAT, None))
    return bytes(loaded.SerializeToString())
