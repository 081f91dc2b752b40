"""The file of a part: one row a photo, with the values that `--jsonl` prints and the photo's number in the list."""

from __future__ import annotations

import io
from collections.abc import Iterable
from functools import cache
from typing import Any

from lookalike.bundle.answer import document
from lookalike.files import JsonObject
from lookalike.project.records import Prediction
from lookalike.text import json_text


def written(predictions: Iterable[Prediction], first: int, top: int, form: str) -> bytes:
    """The file of a part in one of the forms; `first` is the number of its first photo, from 1."""
    rows = ({"row": number, **document(item, top)} for number, item in enumerate(predictions, first))
    return _parquet(rows) if form == "parquet" else "".join(json_text(row) + "\n" for row in rows).encode()


def _parquet(rows: Iterable[JsonObject]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.Table.from_pylist([_mapped(row) for row in rows], schema=_schema())
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    return buffer.getvalue()


def _mapped(row: JsonObject) -> JsonObject:
    """The same with probabilities as Arrow takes a map: pairs."""
    pairs = {"probabilities": list(row["probabilities"].items())} if "probabilities" in row else {}
    faces = {"faces": [_mapped(face) for face in row["faces"]]} if "faces" in row else {}
    return {**row, **pairs, **faces}


@cache
def _schema() -> Any:
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    said = [
        ("label", text), ("probability", number), ("known", pa.bool_()), ("closest", text), ("similarity", number),
        ("probabilities", pa.map_(text, number)), ("reason", text), ("detail", text),
    ]  # fmt: skip
    faces = pa.list_(pa.struct([("box", pa.list_(number)), *said]))
    return pa.schema([("row", pa.int64()), ("file", text), *said, ("ranked", pa.list_(text)), ("faces", faces)])
