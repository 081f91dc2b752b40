"""Text that strangers wrote, made harmless for where it goes: a terminal, JSON, a spreadsheet, Markdown, HTML.

Labels, file names, titles, models and answers of services may hold anything: sequences that steer a terminal, letters
that turn the reading direction around, formulas, tags.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Any

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]")
"""Controls, line ends, what changes the reading direction, and halves of letters. Joiners stay: words are spelt with
them in Persian and Hindi."""

_FORMULA = re.compile("(^|[;\\t\\r\\n])(?='*[-=+@＝＋－＠])")
_APOSTROPHE = re.compile("(^|[;\\t\\r\\n])'(?='*[-=+@＝＋－＠])")
LONGEST_NUMBER = 1000
_USER = re.compile(r"(?<=://)[^/?#]*@")
_SIGNATURE = re.compile(
    r"([?&](?:x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|awsaccesskeyid|"
    r"sig|signature|(?:access_?|auth_?)?token|api_?key|subscription-key|password|secret)=)[^&#]*",
    re.IGNORECASE,
)
_MARKDOWN = re.compile(r"([\\`*\[\]<>#|~&$]|(?<!\w)_|_(?!\w))")


def printable(text: str) -> str:
    """The text on one line, fit for a terminal: whatever steers one becomes \\x1b, \\n, \\u202e."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def host_of(typed: str) -> str:
    """host or host:port, lower case, of what a person typed for it: perhaps a whole address."""
    return (typed.strip().partition("://")[2] or typed.strip()).partition("/")[0].lower()


def without_secrets(address: str) -> str:
    """An address as it may be shown and kept: `***` for a name and password, and for the signature of a signed one."""
    return _SIGNATURE.sub(r"\1***", without_user(address))


def without_user(address: str) -> str:
    """An address with `***` for the name and password in it, since either may be a secret; one that was signed still
    opens what it is signed for."""
    return _USER.sub("***@", address)


def counted(number: int, singular: str, plural: str = "") -> str:
    """`1 photo`, `2 photos`, `1,200 photos`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def typed(*words: object) -> str:
    """Words as they are typed after a command in a shell: a name may hold blanks, quotes and `$(…)`, and one that
    begins with a dash is no flag."""
    told = [str(word) for word in words]
    return shlex.join(["--", *told] if any(word.startswith("-") for word in told) else told)


def json_text(data: object) -> str:
    """JSON on one line in the letters it is about, printable as it is."""
    text = json.dumps(data, ensure_ascii=False)
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def json_value(text: str | bytes) -> Any:
    """A JSON document, with None for whole numbers longer than anybody means, which Python refuses to read.

    Raises ValueError, and RecursionError when it is nested too deeply.
    """
    return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) <= LONGEST_NUMBER else None)


def markdown(text: str) -> str:
    """The text as Markdown that shows just that."""
    return _MARKDOWN.sub(r"\\\1", printable(text))


def markup(text: str) -> str:
    """The text as HTML that shows just that, also inside an attribute's quotes."""
    from html import escape  # its table of entities is large

    return escape(printable(text))


class CsvWriter:
    """Rows of CSV that a spreadsheet takes as text: what looks like a formula gets an apostrophe before it.

    So does what would begin a cell where ";" or a tab divides cells, as in much of Europe.
    """

    def __init__(self, file: Any, end: str = "\r\n") -> None:
        self._file, self._end = file, end

    def row(self, cells: Iterable[object]) -> None:
        """Write one row of cells as CSV; a cell that a spreadsheet would take for a formula is quoted."""
        line = io.StringIO()  # csv quotes of the characters that break lines only those that end its own
        csv.writer(line).writerow(_FORMULA.sub(r"\1'", cell) if isinstance(cell, str) else cell for cell in cells)
        self._file.write(line.getvalue().removesuffix("\r\n") + self._end)


def csv_rows(file: Iterable[str], needed: Iterable[str] = ()) -> Iterator[dict[str, str]]:
    """Each row of a file that CsvWriter wrote, by column, as it was before.

    Raises ValueError when it is no CSV or lacks one of the `needed` columns.
    """
    try:
        rows = csv.DictReader(file)
        if lacking := set(needed) - set(rows.fieldnames or ()):
            raise ValueError(f"it has no column {' and no column '.join(sorted(lacking))}")
        for row in rows:
            yield {name: _APOSTROPHE.sub(r"\1", cell) for name, cell in row.items() if isinstance(cell, str)}
    except csv.Error as error:
        raise ValueError(str(error)) from None
