"""The text of a file in whatever encoding somebody saved it: by its mark, or as its letters suggest."""

from __future__ import annotations

import codecs
import re

from lookalike.project.jsonlists import ListError
from lookalike.project.kinds import HEAD, sniff

PAGE = re.compile(rb"<(?:html|!doctype|svg|\?xml)", re.IGNORECASE)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
CODE_PAGES = ["cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "gb18030", "big5", "cp932", "cp949"]
_LATIN = ("cp1250", "cp1252", "cp1254")
_WESTERN = set("àâäáãåçèéêëíîïñóôöõúùûüßœæøÀÂÄÁÃÅÇÈÉÊËÍÎÏÑÓÔÖÕÚÙÛÜŒÆØ’‘“”–—«»·°ªº¿¡")
_TURKISH = set("ýþðÝÞÐ")  # what ı, ş, ğ and their capitals are in the West
_NO_LISTS = {"ZIP": "an archive or a spreadsheet; save it as CSV", "HTML": "a web page", "PDF": "a PDF"}


def text_of(data: bytes) -> str:
    """The text of a file: by its byte order mark, as UTF-8, or as its letters suggest. Raises ListError."""
    kind = sniff(data[:HEAD])
    is_text = kind in ("", "JSON") or (
        kind in ("HTML", "SVG") and not PAGE.search(data[:HEAD])
    )  # <http://…> is no page
    if not is_text:
        raise ListError(f"this is {_NO_LISTS.get(kind, f'a file of the kind {kind}')}")
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "") or _wide(data) or "utf-8"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode(_code_page(data), "replace")


def _code_page(data: bytes) -> str:
    """Which of the code pages that spreadsheets write in fits the words with letters beyond ASCII. Raises ListError."""
    from charset_normalizer import from_bytes

    words = b" ".join(re.findall(rb"[^\n;,/\t]*[\x80-\xff][^\n;,/\t]*", data))
    best = from_bytes(words, cp_isolation=CODE_PAGES).best()
    if best is None or b"\0" in data:
        raise ListError("this is no text")
    return _of_few_letters(words, best.encoding) if best.encoding in _LATIN else best.encoding


def _of_few_letters(words: bytes, guess: str) -> str:
    """Which of the pages of Latin letters: a few names are too little to guess from, while most languages of the West
    have letters that mean others elsewhere, and of three Turkish ones another language has not all."""
    letters = {letter for letter in words.decode("cp1252", "replace") if letter > "\x7f"}
    if letters <= _WESTERN:
        return "cp1252"
    if letters & _TURKISH and letters <= _TURKISH | set("âîöüçûÖÜÇÂÎÛ’"):
        return "cp1254"
    return "cp1252" if letters & set("þðÞÐ") and letters <= _WESTERN | _TURKISH else guess  # of Iceland


def is_marked(head: bytes) -> bool:
    """Whether the first bytes of a text say that its encoding is another than that of file names."""
    return any(head.startswith(mark) for mark, _ in _BOMS) or bool(_wide(head))


def _wide(data: bytes) -> str:
    """UTF-16 without a mark: every other byte of plain letters is zero."""
    sample = data[: HEAD // 2 * 2]
    for encoding, zeros, letters in (
        ("utf-16-le", sample[1::2], sample[::2]),
        ("utf-16-be", sample[::2], sample[1::2]),
    ):
        if len(sample) >= 4 and zeros.count(0) > 0.8 * len(zeros) and letters.count(0) == 0:
            return encoding
    return ""
