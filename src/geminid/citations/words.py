"""What a word is, and its normal form: without case, punctuation, and Unicode's compatibility differences.

The writer of an index normalises whole texts, the matcher word by word; both must come to the same.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LONGEST: Final = 256
"""Characters. What is longer (encoded data) is cut, so that a word which never ends costs no more than others."""

_UNSPACED = (
    "\u0e01-\u0e30\u0e40-\u0e46\u0e81-\u0eb0\u0ec0-\u0ec6\u1000-\u102a\u1780-\u17b3"  # Thai, Lao, Myanmar, Khmer
    "\u3040-\u3096\u309d-\u30fa\u30fd-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
)
"""Scripts that put no space between words: each of their characters is one."""

_INVISIBLE = "\u00ad\u200b-\u200d\u2060\ufeff"
"""Soft hyphens, joiners, spaces of no width: part of the word that they stand in, but not of its normal form."""

_MARKS = "".join(chr(code) for code in range(0x300, 0x3100) if unicodedata.category(chr(code)).startswith("M"))
"""Accents and vowel signs that are characters of their own, as NFD writes them. ``re`` has no class for them."""

_LETTER = rf"[^\W_{_UNSPACED}]"
_MORE = f"[{_MARKS}{_INVISIBLE}]"

WORD: Final = re.compile(rf"{_LETTER}(?:{_LETTER}|{_MORE}){{0,{LONGEST - 1}}}+|[{_UNSPACED}]{_MORE}{{0,16}}+")

_DROPPED = re.compile(f"[{_INVISIBLE}]")

_PLAIN = bytes(
    code if code >= 128 else ord(chr(code).lower()) if chr(code).isalnum() else ord(" ") for code in range(256)
)
"""To lower case; what is no letter or digit to a space. Bytes beyond ASCII stay."""


def normal(text: str) -> bytes:
    """The words of ``text`` in their normal form, UTF-8, one space between two."""
    if not text.isascii():
        text = "\n".join(line if line.isascii() else _folded(line) for line in text.split("\n"))
    return b" ".join(text.encode().translate(_PLAIN).split())


def _folded(text: str) -> str:
    words = " ".join(WORD.findall(text))
    return unicodedata.normalize("NFKC", _DROPPED.sub("", words)).casefold()
