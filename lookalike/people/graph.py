"""A published face network as an ONNX model of our kind: raw pixels of aligned faces in, features or answers out.

Any network of the shape that ArcFace gave (1 x 3 x 112 x 112 in, one row of numbers out) fits: J. Deng et al.,
"ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019. Whether it scales its
pixels itself is seen as others see it: by a Sub and a Mul among its first nodes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.errors import ConfigError
from lookalike.photos.align import SIDE

HINT = "give a network for aligned faces of 112 x 112 pixels in ArcFace's layout, or leave out --weights"
SMALLEST = 1e-12


def features(published: bytes, name: str) -> Any:
    """The network as an onnx model: `image` (uint8, n x 112 x 112 x 3) to `features` (n, d) of length 1.

    Raises ConfigError, which names the file `name`, when it is no such network.
    """
    import onnx
    from onnx import TensorProto, helper

    try:
        model = onnx.load_from_string(published)
        graph = model.graph
        weights = {tensor.name for tensor in graph.initializer}
        (pixels,) = [value for value in graph.input if value.name not in weights]
        (row,) = graph.output
    except Exception as error:  # protobuf's own kinds, and counts that do not fit
        raise ConfigError(f"{name} is no network for faces: {str(error).splitlines()[0]}", HINT) from None
    if [dimension.dim_value for dimension in pixels.type.tensor_type.shape.dim][1:] != [3, SIDE, SIDE]:
        raise ConfigError(f"{name} does not take 3 x {SIDE} x {SIDE} pixels", HINT)
    scales = {"Sub", "Mul"} <= {node.op_type for node in graph.node[:8]}
    before = [
        helper.make_node("Cast", ["image"], ["people.floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["people.floats"], ["people.planes" if not scales else pixels.name],
                         perm=[0, 3, 1, 2]),
    ]  # fmt: skip
    if not scales:
        before += [
            helper.make_node("Sub", ["people.planes", "people.middle"], ["people.centred"]),
            helper.make_node("Div", ["people.centred", "people.middle"], [pixels.name]),
        ]
        graph.initializer.append(onnx.numpy_helper.from_array(np.array(127.5, np.float32), "people.middle"))
    after = [
        helper.make_node("Mul", [row.name, row.name], ["people.squares"]),
        helper.make_node("MatMul", ["people.squares", "people.ones"], ["people.sum"]),
        helper.make_node("Sqrt", ["people.sum"], ["people.length"]),
        helper.make_node("Max", ["people.length", "people.smallest"], ["people.divisor"]),
        helper.make_node("Div", [row.name, "people.divisor"], ["features"]),
    ]
    count = row.type.tensor_type.shape.dim[-1].dim_value
    graph.initializer.append(onnx.numpy_helper.from_array(np.ones((count, 1), np.float32), "people.ones"))
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(SMALLEST, np.float32), "people.smallest"))
    nodes = [*before, *graph.node, *after]
    for part, values in (
        (graph.node, nodes),
        (graph.input, [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", SIDE, SIDE, 3])]),
        (graph.output, [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", count])]),
        (graph.value_info, []),
    ):
        del part[:]
        part.extend(values)
    return model


def backbone(model: bytes) -> bytes:
    """The part of a model that `answering` made which ends with `features`."""
    import onnx
    from onnx import TensorProto, helper

    loaded = onnx.load_from_string(model)
    del loaded.graph.output[:]
    loaded.graph.output.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", None]))
    return bytes(loaded.SerializeToString())


def answering(model: object, means: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> bytes:
    """What `features` made with a head on it, as lookalike.people.head.Head has it: `probabilities` (n, labels), and
    `similarity` (n), the highest cosine to one of the `means` (labels, k, d)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph, labels = copy.graph, len(means)
    graph.node.extend([
        helper.make_node("MatMul", ["features", "people.means"], ["people.cosines"]),
        helper.make_node("ReduceMax", ["people.cosines"], ["similarity"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["features", "people.weight"], ["people.products"]),
        helper.make_node("Reshape", ["people.products", "people.shape"], ["people.grouped"]),
        helper.make_node("ReduceMax", ["people.grouped"], ["people.highest"], axes=[2], keepdims=0),
        helper.make_node("Add", ["people.highest", "people.bias"], ["people.scores"]),
        helper.make_node("Softmax", ["people.scores"], ["probabilities"], axis=1),
    ])  # fmt: skip
    graph.initializer.append(numpy_helper.from_array(np.array([0, *weight.shape[:2]]), "people.shape"))  # 0: as it is
    for name, values in (("means", _columns(means)), ("weight", _columns(weight)), ("bias", bias)):
        array = np.ascontiguousarray(values, np.float32)
        graph.initializer.append(numpy_helper.from_array(array, f"people.{name}"))
    del graph.output[:]
    graph.output.extend([
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", labels]),
        helper.make_tensor_value_info("similarity", TensorProto.FLOAT, ["n"]),
    ])  # fmt: skip
    return bytes(copy.SerializeToString())


def head_of(model: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means (labels, k, d), weight (labels, k, d) and bias (labels,) of a model that `answering` made."""
    import onnx
    from onnx import numpy_helper

    tensors = {tensor.name: tensor for tensor in onnx.load_from_string(model).graph.initializer}
    means, weight, bias, shape = (
        numpy_helper.to_array(tensors[f"people.{name}"]) for name in ("means", "weight", "bias", "shape")
    )
    rows = (int(shape[1]), int(shape[2]), -1)
    return means.T.reshape(rows).astype(np.float32), weight.T.reshape(rows).astype(np.float32), bias.astype(np.float32)


def with_head(model: bytes, means: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> bytes:
    """The same model with another head of the same labels."""
    import onnx
    from onnx import numpy_helper

    loaded = onnx.load_from_string(model)
    new = {
        "means": _columns(means),
        "weight": _columns(weight),
        "bias": bias,
        "shape": np.array([0, *weight.shape[:2]]),
    }
    for tensor in loaded.graph.initializer:
        name = tensor.name.removeprefix("people.")
        if name in new and name != tensor.name:
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(new[name]), tensor.name))
    return bytes(loaded.SerializeToString())


def _columns(rows: np.ndarray) -> np.ndarray:
    """(labels, k, d) as (d, labels · k)."""
    return rows.reshape(-1, rows.shape[-1]).T
