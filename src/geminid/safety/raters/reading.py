"""How the embedded rater reads: a text as words in sentences, however disguised. Used by ``concepts.py``.

Pure. It knows nothing of what words mean.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

_WORD = r"[^\W_](?:[\w'*@$!-]*[\w*@$])?"
_TOKEN = re.compile(rf"{_WORD}|[.?!;:\n]")
_SPACED = re.compile(r"(?<!\w)(?:\w[ ._-]){3,}\w(?!\w)")
_APART = re.compile(r"[ ._-]")
_STRETCHED = re.compile(r"(.)\1{2,}")
_STARS = re.compile(r"\*+")
_INSTEAD = str.maketrans("013457@$!", "oieastasi")
_LETTERS_AND_SIGNS = re.compile(r"(?=.*[a-z])(?=.*[0-9@$!])")

MOST_GAPS = 3
"""More of them take long to try."""
LEAST_LETTERS = 2

END = ""
"""Stands between sentences."""


def words(text: str) -> Iterator[str]:
    """The words in small letters, with END where a sentence ends. Signs for letters are read as those letters."""
    plain = unicodedata.normalize("NFKC", text).lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    plain = _SPACED.sub(lambda found: _APART.sub("", found[0]), plain)
    for found in _TOKEN.finditer(plain):
        token = found[0]
        if token.isalpha():
            yield token
        elif token in ".?!;:\n":
            yield END
        else:
            yield token.translate(_INSTEAD) if _LETTERS_AND_SIGNS.match(token) else token


def squeezed(word: str) -> tuple[str, ...]:
    """What a word with stretched letters may stand for: ``sooo`` is ``soo`` or ``so``. Empty if none are."""
    if not _STRETCHED.search(word):
        return ()
    return _STRETCHED.sub(r"\1\1", word), _STRETCHED.sub(r"\1", word)


def shown(word: str) -> Sequence[str]:
    """What a word with stars among its letters shows, piece by piece. Empty if it has none, or tells nothing."""
    pieces = _STARS.split(word)
    told = 1 < len(pieces) <= MOST_GAPS + 1 and sum(map(len, pieces)) >= LEAST_LETTERS
    return pieces if told else ()


def fits(pieces: Sequence[str], word: str) -> bool:
    """Whether a word has these pieces, in order, from end to end, with letters between them."""
    first, *_, last = pieces
    if not (word.startswith(first) and word.endswith(last)):
        return False
    end = len(first)
    for piece in pieces[1:-1]:
        found = word.find(piece, end + 1)
        if found < 0:
            return False
        end = found + len(piece)
    return len(word) - len(last) > end
