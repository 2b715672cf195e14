"""The operator's list of words, phrases and expressions that no prompt and no answer may have (BLOCKLIST).

    # one entry a line
    project nightingale
    re:ticket-\\d{6}

Entries are compared in Unicode's compatibility form (NFKC), without case, invisible characters and loose accents
(U+0300 to U+036F). Words and phrases match whole words, any white space between them; in scripts that are written
without spaces they match anywhere. Expressions are RE2's (https://github.com/google/re2/wiki/Syntax), which has no
slow ones; there ``\\b`` knows ASCII alone. Called by ``guard.py``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

INSTALL = "pip install 'geminid[safety]'"

_EXPRESSION = "re:"
_EXPRESSION_OVERLAP = 256
"""Nobody can tell how long a match may be; one that is longer may be missed at the seam of two windows."""

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef]+"
)
"""The characters of Default_Ignorable_Code_Point (Unicode, DerivedCoreProperties.txt) that texts come with."""
_LOOSE = re.compile("[\u0300-\u036f]+")

_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
"""Thai, Lao, Myanmar, Khmer, kana and Han: every character is a word to us."""
_MARKED = (
    "\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed"
    "\u0900-\u0963\u0966-\u0dff"
)
"""Vowel signs of Hebrew, Arabic and India's scripts, which Python does not count among the letters of a word."""
_LETTERS = rf"(?:[^\W_{_SPACELESS}]|[{_MARKED}])"
_WORD = re.compile(rf"{_LETTERS}+|\S")
_IN_WORD = re.compile(_LETTERS)

_LEET = str.maketrans("0134578@$l", "oieastbasi")
"""The digit one stands for i and for l, so that these two are taken for the same letter."""

_Trie: TypeAlias = dict[str, Any]
"""By word, to what may follow; an empty word leads to the name of the entry that ends there."""


class ListError(Exception):
    """A list that cannot be used; the message names the file and the line."""


@dataclass(frozen=True, slots=True)
class _Expression:
    name: str
    compiled: Any


class Blocklist:
    """``entries`` by name, the place that the log points to. With ``leet``, ``b4d`` is looked up as ``bad``, too.

    Safe to use from any thread. Raises ListError.
    """

    def __init__(self, entries: Mapping[str, str], *, leet: bool = False) -> None:
        expressions = {name: entry for name, entry in entries.items() if entry.startswith(_EXPRESSION)}
        phrases = {name: normal(entry) for name, entry in entries.items() if name not in expressions}
        self._phrases = _trie(phrases)
        self._leet = _trie({name: phrase.translate(_LEET) for name, phrase in phrases.items()}) if leet else None
        self._expressions = _compiled(expressions)
        longest = 2 * max(map(len, phrases.values()), default=0) + 2
        self._overlap = max(longest, _EXPRESSION_OVERLAP if expressions else 0)

    @classmethod
    def load(cls, paths: Sequence[Path], *, leet: bool = False) -> Blocklist:
        """Reads UTF-8 files, where # begins a comment line. Raises ListError."""
        entries: dict[str, str] = {}
        for path in paths:
            try:
                lines = path.read_text(encoding="utf-8-sig").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise ListError(f"cannot read {path}: {error}") from error
            for number, line in enumerate(lines, 1):
                if (entry := line.strip()) and not entry.startswith("#"):
                    entries[f"{path.name}, line {number}"] = entry
        return cls(entries, leet=leet)

    @property
    def overlap(self) -> int:
        """How many characters of a stream have to be looked at again with what comes next."""
        return self._overlap

    def find(self, text: str, *, begins: bool = True, ends: bool = True) -> str | None:
        """The name of an entry that the text has, if there is one.

        ``begins`` and ``ends`` are False where the text goes on beyond its edge: a word that touches that edge may
        be a part of a longer one, and is left to the window that has all of it.
        """
        text = normal(text)
        if found := _phrase(self._phrases, text, begins, ends):
            return found
        if self._leet is not None and (found := _phrase(self._leet, text.translate(_LEET), begins, ends)):
            return found
        return self._expression(text, begins, ends)

    def _expression(self, text: str, begins: bool, ends: bool) -> str | None:
        for expression in self._expressions:
            for match in expression.compiled.finditer(text):
                if (begins or match.start() > 0) and (ends or match.end() < len(text)):
                    return expression.name
        return None


def normal(text: str) -> str:
    """The form in which texts are compared."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold()
    return _LOOSE.sub("", unicodedata.normalize("NFKC", text))


def _phrase(trie: _Trie, text: str, begins: bool, ends: bool) -> str | None:
    """Walks the trie from every word; no walk is longer than the longest phrase."""
    if not trie:
        return None
    words = _WORD.findall(text)
    first = 0 if begins or not _IN_WORD.match(text) else 1
    if not ends and words and _IN_WORD.match(text[-1]):
        words.pop()
    for start in range(first, len(words)):
        node = trie.get(words[start])
        following = start + 1
        while node is not None:
            if (name := node.get("")) is not None:
                return str(name)
            node = node.get(words[following]) if following < len(words) else None
            following += 1
    return None


def _trie(phrases: Mapping[str, str]) -> _Trie:
    root: _Trie = {}
    for name, phrase in phrases.items():
        words = _WORD.findall(phrase)
        if not words:
            raise ListError(f"{name}: there is nothing to compare in this entry")
        node = root
        for word in words:
            node = node.setdefault(word, {})
        node.setdefault("", name)
    return root


def _compiled(entries: Mapping[str, str]) -> list[_Expression]:
    if not entries:
        return []
    try:
        import re2
    except ImportError as error:
        raise ListError(f"{_first(entries)}: expressions need google-re2: {INSTALL}") from error
    _compile: Any = re2.compile
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.never_capture = True
    expressions = []
    for name, entry in entries.items():
        try:
            compiled: Any = _compile(entry.removeprefix(_EXPRESSION).strip(), options)
        except re2.error as error:
            raise ListError(f"{name}: RE2 cannot compile this: {_reason(error)}") from error
        if compiled.search("") is not None:
            raise ListError(f"{name}: this expression matches the empty text, and so every text")
        expressions.append(_Expression(name, compiled))
    return expressions


def _first(names: Iterable[str]) -> str:
    return next(iter(names))


def _reason(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    return told.decode(errors="replace") if isinstance(told, bytes) else str(told)
