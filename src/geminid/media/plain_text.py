"""Text files to text, whatever they were encoded in. Markup, tables and JSON are left as they are.

Runs in a worker, as the job ``plain_text.read``, because guessing an encoding takes time.
"""

from __future__ import annotations

import codecs
import re
from typing import BinaryIO

from geminid.attachment import Kind
from geminid.media import refusals

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(
    rb"""(?:<\?xml[^>]{0,80}\bencoding|<meta[^>]{0,120}\bcharset)\s*=\s*["']?([\w.:-]{2,30})""", re.IGNORECASE
)
_DECLARED_WITHIN = 1024
"""Browsers look no further either (https://html.spec.whatwg.org/#charset)."""

_FOREIGN_BYTES = re.compile(rb"[\x80-\xff]")
_LATIN_LETTERS = re.compile(rb"[A-Za-z]")
_SAMPLE_BYTES = 64 * 1024
_FOREIGN_SHARE = 0.3
"""Of letters beyond ASCII. French has 4 %, Czech 15 %, Vietnamese 25 %; Greek and Japanese above 50 %."""


def read(file: BinaryIO, *, charset: str = "") -> str:
    """The whole file. ``charset`` is what the source said of it, and is believed where it fits.

    Raises InvalidArgument for what holds NUL, as no text does, or nothing.
    """
    return decode(file.read(), charset)


def decode(data: bytes, charset: str = "") -> str:
    """UTF-8 is told by itself, UTF-16 and UTF-32 by their marks; the rest is declared in the text or guessed."""
    if not data:
        raise refusals.empty()
    mark, encoding = next(((mark, name) for mark, name in _MARKS if data.startswith(mark)), (b"", "utf-8"))
    body = data[len(mark) :] if encoding == "utf-8" else data
    text = _decoded(body, encoding)
    if text is None and not mark:
        text = _older(data, charset)
    if text is None or "\0" in text:
        raise refusals.not_valid(Kind.TEXT)
    return text


def _older(data: bytes, charset: str) -> str | None:
    """In an encoding from before Unicode."""
    match = _DECLARED.search(data[:_DECLARED_WITHIN])
    declared = match[1].decode("ascii") if match else ""
    for name in (charset, declared):
        text = _decoded(data, name) if name else None
        if text is not None:
            return text
    if b"\0" in data:
        return None
    guess = _decoded(data, _guess(data[:_SAMPLE_BYTES]))
    return _western(data) if guess is None else guess


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (LookupError, UnicodeError):
        return None


def _guess(sample: bytes) -> str:
    """Where few letters are foreign it is Latin, of which only the western one is common enough to bet on.

    charset-normalizer takes short texts in it for Baltic or Central European ones, and is good with other scripts.
    """
    foreign = len(_FOREIGN_BYTES.findall(sample))
    latin = len(_LATIN_LETTERS.findall(sample))
    if foreign < _FOREIGN_SHARE * (foreign + latin):
        return "cp1252"
    import charset_normalizer

    best = charset_normalizer.from_bytes(sample).best()
    return best.encoding if best else "cp1252"


def _western(data: bytes) -> str:
    """Windows-1252, its five holes filled as browsers fill them (https://encoding.spec.whatwg.org)."""
    return codecs.charmap_decode(data, "strict", _WESTERN)[0]


_WESTERN = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256))
