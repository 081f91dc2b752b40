"""A real ONNX classifier without training: it tells warm pictures (circles) from cold ones (stripes) by mean colour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lookalike.bundle.bundle import write_description
from lookalike.project.records import Bundle, InputSpec

LABELS = ("circles", "stripes")


def warm_or_cold(size: int = 64, labels: int = 2, liked: int = 1) -> onnx.ModelProto:
    """uint8 (n, size, size, 3) to probabilities; the first label likes red, the last one blue, or, where `liked` is
    -1, the other way round."""
    weights = np.zeros((3, labels), np.float32)
    weights[0, 0] = weights[2, -1] = liked * 20 / 255
    weights[2, 0] = weights[0, -1] = -liked * 20 / 255
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["floats"], ["colour"], axes=[1, 2], keepdims=0),
            helper.make_node("MatMul", ["colour", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "warm-or-cold",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", size, size, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", labels])],
        [numpy_helper.from_array(weights, "weights")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def with_similarity(name: str = "similarity", node: str = "ReduceMean", labels: int = 2, **how: Any) -> onnx.ModelProto:
    """The same with a second output: how bright the photo is, from 0 to 1, as its likeness to photos learnt from."""
    model = warm_or_cold(labels=labels)
    how = how or {"axes": [1, 2, 3], "keepdims": 0}
    model.graph.initializer.append(numpy_helper.from_array(np.float32(1 / 255), "brightest"))
    model.graph.node.append(helper.make_node("Mul", ["floats", "brightest"], ["bright"]))
    model.graph.node.append(helper.make_node(node, ["bright"], [name], **how))
    model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    return onnx.shape_inference.infer_shapes(model)


def bundle(folder: Path, model: onnx.ModelProto | bytes | None = None, **changes: Any) -> Path:
    """Write a bundle into `folder`: the model above, or another one; `changes` go into its model.json."""
    folder.mkdir(parents=True, exist_ok=True)
    size = changes.get("input", InputSpec(64)).size
    model = model if model is not None else warm_or_cold(size, len(changes.get("labels", LABELS)))
    (folder / "model.onnx").write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    values = {"labels": LABELS, "input": InputSpec(size), "files": {}, "name": folder.name, "arch": "mean colour"}
    write_description(folder, Bundle(**{**values, **changes}), ["model.onnx"])
    return folder
