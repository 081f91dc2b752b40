"""Rows of cells with a delimiter between them, also where a quote was opened and never closed."""

from __future__ import annotations

import csv
from collections.abc import Sequence

LONGEST = 2**31 - 1
csv.field_size_limit(LONGEST)  # a photo may stand in the list itself, as data:; the whole of it is in memory anyway


def cells(lines: Sequence[str], mark: str, width: int) -> list[list[str]]:
    """Each row's cells. Where a quote is opened and never closed, which swallows rows, each line is one by itself."""
    if width == 1:
        return [[line] for line in lines]
    rows, read, torn = [], 0, sum(line.count('"') for line in lines) % 2 > 0
    reader = csv.reader(lines, delimiter=mark)
    try:
        for row in reader:
            torn = torn or (reader.line_num - read > 1 and len(row) != width)
            read = reader.line_num
            rows.append(row)
    except csv.Error:
        torn = True
    return [_line(line, mark) for line in lines] if torn else rows


def _line(line: str, mark: str) -> list[str]:
    torn = line.count('"') % 2 > 0
    try:
        if torn:
            return [cell.strip('"') for cell in next(csv.reader([line], delimiter=mark, quoting=csv.QUOTE_NONE))]
        return next(csv.reader([line], delimiter=mark))
    except csv.Error:
        return []
