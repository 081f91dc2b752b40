"""What an ONNX file may hold before it is opened: straight arithmetic over numbers inside the file, and nothing else.

onnxruntime would load a model that loops for ever, that names files elsewhere on the disk, or that calls operators of
its own. None of these is needed to classify a photo. So operators must be among those known here, and what is opened
is never the file itself but what was understood of it, written anew: no two readers can then see different models.

The format is onnx.proto3 of the ONNX project, read by protobuf with the schema that the package onnx brings along.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike.errors import NotReadyError

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

OPERATORS = frozenset(
    """
    Abs Acos Add And ArgMax ArgMin Asin Atan Attention AveragePool BatchNormalization BitShift BitwiseAnd BitwiseNot
    BitwiseOr BitwiseXor Cast CastLike Ceil Celu CenterCropPad Clip Col2Im Compress Concat ConcatFromSequence Constant
    ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumSum DFT DepthToSpace DequantizeLinear Det Div Dropout
    DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather GatherElements GatherND Gelu
    Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HardSigmoid
    HardSwish Hardmax Identity InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual
    Log LogSoftmax LpNormalization LpPool MatMul MatMulInteger Max MaxPool Mean MeanVarianceNormalization Min Mish Mod
    Mul Neg NonZero Not OneHot Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN Range
    Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
    ReduceSumSquare Relu Reshape Resize ReverseSequence RotaryEmbedding Round ScatterElements ScatterND Selu SequenceAt
    SequenceConstruct Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split
    SplitToSequence Sqrt Squeeze Sub Sum Swish Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Upsample
    Where Xor
    """.split()  # noqa: SIM905 - a page of quotes and commas is harder to read
)
"""Of the operators of ONNX those that only calculate, without a graph inside and without chance. None of onnx.ml."""

_DOMAINS = ("", "ai.onnx")
_HINT = "use a model that `lookalike export` wrote"


def inspect(model: bytes) -> set[str]:
    """The operators an ONNX model uses. Raises NotReadyError when it is no ONNX file or holds something refused."""
    return {node.op_type for node in _understood(model).graph.node}


def rewritten(model: bytes) -> bytes:
    """What was understood of an ONNX model, as bytes that can be opened. Raises NotReadyError like `inspect`."""
    return bytes(_understood(model).SerializeToString())


def require_no_other_kind(data: bytes) -> None:
    """Raises NotReadyError when the bytes are a kind of file that models are also kept in and that can run code."""
    kind = ""
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        kind = "a zip archive (a torch file)"
    elif (data[:1] == b"\x80" and data[1:2] in b"\x01\x02\x03\x04\x05") or (
        data[:1] in b"(c]}" and data.rstrip(b"\n")[-1:] == b"."
    ):
        kind = "a pickle"
    if kind:
        raise NotReadyError(f"this model is {kind}, which can run code when loaded; it was not opened", _HINT)


def require_packages() -> None:
    """Raises ModuleNotFoundError when models can't be opened, before a process is started that would do it."""
    for package in ("onnxruntime", "onnx"):
        if not find_spec(package):
            raise ModuleNotFoundError(f"no module named {package}", name=package)


@cache
def _schema() -> Any:
    """The schema alone: all of the package takes a tenth of a second more to load, which each answer would wait for."""
    package = find_spec("onnx")
    assert package and package.origin
    spec = spec_from_file_location("onnx.onnx_ml_pb2", Path(package.origin).with_name("onnx_ml_pb2.py"))
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _understood(data: bytes) -> ModelProto:
    require_no_other_kind(data)
    model: ModelProto = _schema().ModelProto()
    try:
        model.ParseFromString(data)
    except Exception:  # protobuf's DecodeError, whose module is not loaded anywhere else
        raise NotReadyError("this is not an ONNX model", _HINT) from None
    if not model.graph.node:
        raise NotReadyError("this is not an ONNX model", _HINT)
    model.DiscardUnknownFields()
    if model.functions or model.training_info:
        raise _refused("functions of its own")
    _require_arithmetic(model.graph)
    return model


def _require_arithmetic(graph: GraphProto) -> None:
    if graph.sparse_initializer:
        raise _refused("sparse tensors")
    for tensor in graph.initializer:
        _require_inside(tensor)
    for node in graph.node:
        _require_known(node)


def _require_known(node: NodeProto) -> None:
    for attribute in node.attribute:
        if attribute.HasField("g") or attribute.graphs:
            raise _refused("loops or branches")
        if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
            raise _refused("sparse tensors")
        for tensor in (attribute.t, *attribute.tensors):
            _require_inside(tensor)
    if node.domain not in _DOMAINS:
        raise _refused(f"the operator {node.domain}.{node.op_type} of another library")
    if node.op_type not in OPERATORS:
        raise _refused(f"the operator {node.op_type}, which classifiers do without")


def _require_inside(tensor: TensorProto) -> None:
    if tensor.external_data or tensor.data_location:
        raise _refused("the names of other files to read")


def _refused(what: str) -> NotReadyError:
    return NotReadyError(f"this model holds {what}; it was not opened", _HINT)
