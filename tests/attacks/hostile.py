"""Model files made to harm whoever opens them. Each is a working attack on some program; none may work on ours."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.support.models import warm_or_cold, with_similarity


class Canary:
    """Unpickling this makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def pickles(canary: Path) -> dict[str, bytes]:
    """The same bomb in every wrapping that loaders unpack."""
    bomb = Canary(canary)
    wrapped = {f"protocol {n}": pickle.dumps(bomb, n) for n in range(pickle.HIGHEST_PROTOCOL + 1)}
    for name, compression in (("stored zip", zipfile.ZIP_STORED), ("deflated zip", zipfile.ZIP_DEFLATED)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(bomb, 2))
        wrapped[name] = buffer.getvalue()
    broken = bytearray(wrapped["stored zip"])
    broken[14:18] = b"\0\0\0\0"  # a wrong checksum: some scanners stop there, some loaders go on
    wrapped["zip with a bad checksum"] = bytes(broken)
    wrapped["pickle after a model"] = warm_or_cold().SerializeToString() + wrapped["protocol 2"]
    wrapped["zip after a model"] = warm_or_cold().SerializeToString() + wrapped["stored zip"]
    return wrapped


def onnx_files(elsewhere: str) -> dict[str, bytes]:
    """ONNX models with something in them that a classifier has no business with."""
    found = {name: model.SerializeToString() for name, model in _models(elsewhere).items()}
    return {**found, **_hidden_loops(), **{f"chance: {name}": _with_node(name).SerializeToString() for name in CHANCE}}


CHANCE = ("RandomNormal", "RandomUniformLike", "Bernoulli", "Multinomial", "Scan", "ImageDecoder")


def _hidden_loops() -> dict[str, bytes]:
    """The endless loop with its body under a tag that programs read differently, or write in another way."""
    whole, loop = _loop(), _loop().graph.node[0]
    body = next(attribute for attribute in loop.attribute if attribute.name == "body")
    inner = body.g.SerializeToString()
    body.ClearField("g")
    plain = body.SerializeToString()
    del loop.attribute[:]
    found = {}
    for name, tag in {
        "loop behind a high bit": _number(6 << 3 | 2 | 1 << 32), "loop behind a long tag": b"\xb2\x80\x00",
        "loop behind the longest tag": b"\xb2\x80\x80\x80\x80\x80\x80\x80\x80\x00",
    }.items():  # fmt: skip
        node = loop.SerializeToString() + field(5, plain + tag + _number(len(inner)) + inner)
        rest = onnx.GraphProto()
        rest.CopyFrom(whole.graph)
        del rest.node[:]
        nodes = b"".join(field(1, part) for part in (node, *(n.SerializeToString() for n in whole.graph.node[1:])))
        model = onnx.ModelProto()
        model.CopyFrom(whole)
        model.ClearField("graph")
        found[name] = model.SerializeToString() + field(7, nodes + rest.SerializeToString())
    return found


def _number(value: int) -> bytes:
    """A number as protobuf writes it."""
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    return bytes([*written, value])


def field(number: int, content: bytes) -> bytes:
    """A field of a protobuf message."""
    return _number(number << 3 | 2) + _number(len(content)) + content


def _models(elsewhere: str) -> dict[str, onnx.ModelProto]:
    return {
        "external data above": _external("../../etc/passwd"),
        "external data, absolute": _external("/etc/passwd"),
        "external data beside": _external(elsewhere),
        "external data in an attribute": _external_constant(elsewhere),
        "another library's operator": _with_node("Evil", domain="evil.example"),
        "an operator nobody knows": _with_node("Evil"),
        "endless loop": _loop(),
        "branches": _branch(),
        "functions of its own": _function(),
        "2^40 numbers": _huge_initializer(),
        "64 GiB made while loading": _huge_constant(),
        "64 GiB made while running": _huge_expand(),
        "ends the process that divides": _division(),
        "hours of work": _hours(),
        "newer opset": helper.make_model(warm_or_cold().graph, opset_imports=[helper.make_opsetid("", 999)]),
        "no nodes": helper.make_model(helper.make_graph([], "empty", [], [])),
    }


def _external(location: str) -> onnx.ModelProto:
    model = warm_or_cold()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return model


def _external_constant(location: str) -> onnx.ModelProto:
    model = warm_or_cold()
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "constant")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    model.graph.node.append(helper.make_node("Constant", [], ["unused"], value=tensor))
    return model


def _with_node(operator: str, domain: str = "") -> onnx.ModelProto:
    model = warm_or_cold()
    model.graph.node.append(helper.make_node(operator, ["floats"], ["unused"], domain=domain))
    if domain:
        model.opset_import.append(helper.make_opsetid(domain, 1))
    return model


def _loop() -> onnx.ModelProto:
    truth = helper.make_tensor_value_info("go", TensorProto.BOOL, [])
    body = helper.make_graph(
        [helper.make_node("Identity", ["again"], ["go"])],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("again", TensorProto.BOOL, []),
        ],
        [truth],
    )
    model = warm_or_cold()
    model.graph.initializer.append(numpy_helper.from_array(np.array(2**62), "turns"))
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    model.graph.node.insert(0, helper.make_node("Loop", ["turns", "yes"], [], body=body))
    return model


def _branch() -> onnx.ModelProto:
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["out"], value_float=1.0)],
        "branch",
        [],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [])],
    )
    model = warm_or_cold()
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    model.graph.node.append(helper.make_node("If", ["yes"], ["unused"], then_branch=branch, else_branch=branch))
    return model


def _function() -> onnx.ModelProto:
    model = warm_or_cold()
    node = helper.make_node("Identity", ["x"], ["y"])
    model.functions.append(helper.make_function("own", "F", ["x"], ["y"], [node], [helper.make_opsetid("", 13)]))
    return model


def _huge_initializer() -> onnx.ModelProto:
    model = warm_or_cold()
    model.graph.initializer[0].dims[:] = [2**40, 2]
    return model


def _huge_constant() -> onnx.ModelProto:
    model = warm_or_cold()
    shape = numpy_helper.from_array(np.array([2**34], np.int64), "shape")
    model.graph.initializer.append(shape)
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["shape"], ["bomb"]))
    model.graph.node.insert(1, helper.make_node("ReduceMean", ["bomb"], ["boom"], keepdims=0))
    model.graph.node[-1].input[0] = "with bomb"
    model.graph.node.insert(len(model.graph.node) - 1, helper.make_node("Add", ["logits", "boom"], ["with bomb"]))
    return model


def _huge_expand() -> onnx.ModelProto:
    model = warm_or_cold()
    model.graph.initializer.append(numpy_helper.from_array(np.array([2**30, 1, 1], np.int64), "shape"))
    model.graph.node.insert(3, helper.make_node("Expand", ["logits", "shape"], ["bomb"]))
    model.graph.node.insert(4, helper.make_node("ReduceMean", ["bomb"], ["boom"], axes=[0], keepdims=0))
    model.graph.node[-1].input[0] = "boom"
    return model


def _division() -> onnx.ModelProto:
    """The smallest whole number divided by -1, which the processor refuses; vectors of 16 photos would not trap."""
    model = warm_or_cold()
    for name, value in (("none", 0), ("smallest", -(2**31)), ("one less", -1)):
        model.graph.initializer.append(numpy_helper.from_array(np.array([value], np.int32), name))
    nodes = [
        helper.make_node("Cast", ["logits"], ["whole"], to=TensorProto.INT32),
        helper.make_node("Mul", ["whole", "none"], ["zeros"]),
        helper.make_node("Add", ["zeros", "smallest"], ["lowest"]),
        helper.make_node("Div", ["lowest", "one less"], ["bang"]),
        helper.make_node("Cast", ["bang"], ["new logits"], to=TensorProto.FLOAT),
    ]
    return _before_the_end(model, nodes, "new logits")


def detector() -> bytes:
    """What calls itself a network that finds faces, and ends the process that runs it, as above."""
    numbers = {"none": 0, "smallest": -(2**31), "one less": -1}
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=0),
        helper.make_node("Cast", ["mean"], ["whole"], to=TensorProto.INT32),
        helper.make_node("Mul", ["whole", "none"], ["zero"]),
        helper.make_node("Add", ["zero", "smallest"], ["lowest"]),
        helper.make_node("Div", ["lowest", "one less"], ["kps_32"]),
    ]
    given = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, "high", "wide"])]
    made = [helper.make_tensor_value_info("kps_32", TensorProto.INT32, None)]
    held = [numpy_helper.from_array(np.array([value], np.int32), name) for name, value in numbers.items()]
    graph = helper.make_graph(nodes, "faces", given, made, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def _hours() -> onnx.ModelProto:
    """Products of large matrices of constants, which are worked out while the model is opened."""
    model = warm_or_cold()
    model.graph.initializer.append(numpy_helper.from_array(np.array([12000, 12000], np.int64), "large"))
    products = [helper.make_node("MatMul", [f"u{n}", "u0"], [f"u{n + 1}"]) for n in range(200)]
    nodes = [helper.make_node("ConstantOfShape", ["large"], ["u0"]), *products]
    nodes.append(helper.make_node("ReduceMean", ["u200"], ["mean"], keepdims=0))
    return _before_the_end(model, [*nodes, helper.make_node("Add", ["logits", "mean"], ["sum"])], "sum")


def _before_the_end(model: onnx.ModelProto, nodes: list[onnx.NodeProto], last: str) -> onnx.ModelProto:
    end = model.graph.node.pop()
    end.input[0] = last
    model.graph.node.extend([*nodes, end])
    return model


def misfits() -> dict[str, onnx.ModelProto]:
    """Harmless models that are not what their model.json says."""
    wrong_type = warm_or_cold()
    wrong_type.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT
    nan = warm_or_cold()
    nan.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.full((3, 2), np.nan, np.float32), "weights"))
    logits = warm_or_cold()
    logits.graph.node[-1].op_type = "Identity"
    logits.graph.node[-1].ClearField("attribute")
    bright = with_similarity()
    bright.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.float32(1), "brightest"))
    unsure = with_similarity()
    unsure.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.float32(np.nan), "brightest"))
    third = with_similarity()
    third.graph.output.append(third.graph.output[0])
    return {
        "another second output": with_similarity("weather"), "three outputs": third, "similarity above 1": bright,
        "similarity for each channel": with_similarity(axes=[1, 2], keepdims=0), "similarity NaN": unsure,
        "three labels": warm_or_cold(64, 3), "another size": warm_or_cold(65), "floats in": wrong_type,
        "NaN weights": nan, "logits out": logits,
    }  # fmt: skip
