"""Look into an ONNX file without running it: is it one, and does it hold anything a classifier has no business with?

onnxruntime would load a model that loops for ever, that names files elsewhere on the disk, or that calls operators of
its own. None of these is needed to classify a photo, so all are refused before the bytes reach it. What remains is
straight arithmetic over tensors inside the file. The few fields needed are read with a protobuf reader of our own,
which costs milliseconds and cannot run anything. Format: onnx.proto3 of the ONNX project.
"""

from __future__ import annotations

from collections.abc import Iterator

from lookalike.errors import NotReadyError

_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_OP, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 10, (6, 11)
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
_HINT = "use a model that `lookalike export` wrote"


def inspect(model: bytes) -> set[str]:
    """The operators an ONNX model uses. Raises NotReadyError when it is no ONNX file or holds something refused."""
    if kind := _other_kind(model):
        raise NotReadyError(f"this model is {kind}, which can run code when loaded; it was not opened", _HINT)
    try:
        return _operators(memoryview(model))
    except (IndexError, ValueError):
        raise NotReadyError("this is not an ONNX model", _HINT) from None


def _other_kind(data: bytes) -> str:
    """What else the bytes are, when they are a kind of file that models are also kept in."""
    if data[:1] == b"\x80" and data[1:2] in b"\x01\x02\x03\x04\x05":
        return "a pickle"
    if data[:4] == b"PK\x03\x04" or data[:4] == b"PK\x05\x06":
        return "a zip archive (a torch file)"
    if data[:1] in b"(c]}" and data.rstrip(b"\n")[-1:] == b".":
        return "a pickle"
    return ""


def _operators(model: memoryview) -> set[str]:
    operators: set[str] = set()
    graphs = 0
    for field, value in _fields(model):
        if field == _MODEL_FUNCTIONS:
            raise _refused("functions of its own")
        if field == _MODEL_GRAPH and isinstance(value, memoryview):
            graphs += 1
            operators |= _graph(value)
    if not graphs or not operators:
        raise ValueError("no graph")
    return operators


def _graph(graph: memoryview) -> set[str]:
    operators = set()
    for field, value in _fields(graph):
        if not isinstance(value, memoryview):
            continue
        if field == _GRAPH_NODE:
            operators.add(_node(value))
        elif field == _GRAPH_INITIALIZER:
            _tensor(value)
        elif field == _GRAPH_SPARSE:
            raise _refused("sparse tensors")
    return operators


def _node(node: memoryview) -> str:
    operator = domain = ""
    for field, value in _fields(node):
        if not isinstance(value, memoryview):
            continue
        if field == _NODE_OP:
            operator = bytes(value).decode("utf-8", "replace")
        elif field == _NODE_DOMAIN:
            domain = bytes(value).decode("utf-8", "replace")
        elif field == _NODE_ATTRIBUTE:
            _attribute(value)
    if domain not in _DOMAINS:
        raise _refused(f"the operator {domain}.{operator} of another library")
    return operator


def _attribute(attribute: memoryview) -> None:
    for field, value in _fields(attribute):
        if field in _ATTRIBUTE_GRAPHS:
            raise _refused("loops or branches")
        if field in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS) and isinstance(value, memoryview):
            _tensor(value)


def _tensor(tensor: memoryview) -> None:
    for field, value in _fields(tensor):
        if field == _TENSOR_EXTERNAL or (field == _TENSOR_LOCATION and value != 0):
            raise _refused("the names of other files to read")


def _refused(what: str) -> NotReadyError:
    return NotReadyError(f"this model holds {what}; it was not opened", _HINT)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field number and value of each entry of a protobuf message. Raises ValueError or IndexError on damage."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        field, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield field, value
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        elif wire == 2:
            length, at = _varint(message, at)
            if at + length > len(message):
                raise ValueError("cut off")
            yield field, message[at : at + length]
            at += length
        else:
            raise ValueError("not protobuf")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("not protobuf")
