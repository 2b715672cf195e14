"""Finds what identifies a person or their money in a text (SPII): cards, accounts, national identity numbers.

Candidates are found by how they are written, and python-stdnum says whether one is such a number. Names, telephone
numbers, mail addresses and passports are not looked for: a letter has the former, and passports no checksum.
Called by ``guard.py``. Needs ``pip install 'geminid[safety]'``.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from geminid.safety.identifiers import CARD, CARDS, IBAN, IDENTIFIERS, Identifier

INSTALL = "pip install 'geminid[safety]'"
KINDS = (IBAN, *(identifier.name for identifier in IDENTIFIERS))

_CUE_BEFORE, _CUE_AFTER = 48, 24
_LONGEST = 42
"""The longest IBAN, of 34 characters, written in groups of four."""

_Check: TypeAlias = Callable[[str], bool]

_SPACES = " \u00a0\u202f"
_DASHES = "-\u2010\u2011\u2012\u2013"
_PICTURE = {
    **{ord(digit): "9" for digit in "0123456789"},
    **{ord(letter): "A" for letter in "abcdefghijklmnopqrstuvwxyz"},
    **{ord(space): " " for space in _SPACES},
    **{ord(dash): "-" for dash in _DASHES},
}
_SIGNS = {"9": "[0-9]", "A": "[a-z]", " ": f"[{_SPACES}]", "-": f"[{_DASHES}]", ".": r"\."}

_ALONE_BEFORE = r"(?<![\w.+])(?=[a-z]{0,6}-?[0-9])(?<!\w[-/])"
_ALONE_AFTER = r"(?!\w|[-./+]\w)"
_SIDE = 2
"""A part of a longer number, word, path, decimal fraction, telephone number or UUID is no candidate. To see that
takes two characters on each side."""

_NOTHING = "(?!)"
_IBAN = rf"(?P<iban>[a-z]{{2}}[0-9]{{2}}(?:[{_SPACES}]?[a-z0-9]{{4}}){{2,7}}(?:[{_SPACES}]?[a-z0-9]{{1,3}})?)"


@dataclass(frozen=True, slots=True)
class _Reading:
    """One meaning that a form may have."""

    name: str
    valid: _Check
    cue: re.Pattern[str] | None


class Patterns:
    """Looks for the kinds in ``kinds``, a part of ``KINDS``. Safe to use from any thread."""

    overlap = _LONGEST + _CUE_BEFORE + _CUE_AFTER
    """How many characters of a stream have to be looked at again with what comes next."""

    def __init__(self, kinds: Collection[str] = KINDS) -> None:
        self._iban = _check("iban") if IBAN in kinds else None
        wanted = [identifier for identifier in IDENTIFIERS if identifier.name in kinds]
        self._readings = _readings(wanted)
        self._candidate = _candidates(self._readings, iban=self._iban is not None)

    @staticmethod
    def ready() -> str | None:
        """None when it can be used, otherwise the command that installs what it lacks. Cheap."""
        return None if importlib.util.find_spec("stdnum") else INSTALL

    def find(self, text: str, *, begins: bool = True, ends: bool = True) -> str | None:
        """The kind of the first identifier in the text, if there is one.

        ``begins`` and ``ends`` are False where the text goes on beyond its edge: what touches that edge may be a
        part of something longer, and is left to the window that has all of it.
        """
        text = text.lower()
        for found in self._candidate.finditer(text):
            if (found.start() < _SIDE and not begins) or (len(text) - found.end() < _SIDE and not ends):
                continue
            if name := self._named(text, found):
                return name
        return None

    def _named(self, text: str, found: re.Match[str]) -> str | None:
        written = found[0]
        if found.lastgroup == IBAN and self._iban and self._iban(written):
            return IBAN
        for reading in self._readings.get(written.translate(_PICTURE), ()):
            if (reading.cue is None or _near(reading.cue, text, found)) and reading.valid(written):
                return reading.name
        return None


def _near(cue: re.Pattern[str], text: str, found: re.Match[str]) -> bool:
    return cue.search(text, max(0, found.start() - _CUE_BEFORE), found.end() + _CUE_AFTER) is not None


def _readings(identifiers: Iterable[Identifier]) -> Mapping[str, list[_Reading]]:
    """By form. Checks of forms that count alone come first."""
    readings: dict[str, list[_Reading]] = {}
    for identifier in identifiers:
        check = _card if identifier.name == CARD else _check(identifier.check)
        cue = re.compile(r"\b(?:" + "|".join(map(re.escape, identifier.cues)) + ")")
        for form in identifier.forms:
            readings.setdefault(form, []).insert(0, _Reading(identifier.name, check, None))
        for form in identifier.weak:
            readings.setdefault(form, []).append(_Reading(identifier.name, check, cue))
    return readings


def _candidates(forms: Iterable[str], *, iban: bool) -> re.Pattern[str]:
    """All forms as one expression, the longest first. It has no unbounded repetition, so its time is linear."""
    longest_first = sorted(forms, key=len, reverse=True)
    digits, letters = (
        ["".join(map(_SIGNS.__getitem__, form)) for form in longest_first if form[0] == sign] for sign in "9A"
    )
    letters = [_IBAN] * iban + letters
    either = f"(?=[0-9])(?:{'|'.join(digits) or _NOTHING})|(?=[a-z])(?:{'|'.join(letters) or _NOTHING})"
    return re.compile(f"{_ALONE_BEFORE}(?:{either}){_ALONE_AFTER}")


def _check(module: str) -> _Check:
    is_valid: _Check = importlib.import_module(f"stdnum.{module}").is_valid

    def valid(written: str) -> bool:
        try:
            return is_valid(written)
        except (LookupError, ValueError):  # some modules raise for places and dates that they do not know
            return False

    return valid


def _card(written: str) -> bool:
    digits = "".join(filter(str.isdigit, written))
    known = any(int(digits[:4]) in first and len(digits) in lengths for first, lengths in CARDS)
    return known and _check("luhn")(digits)
