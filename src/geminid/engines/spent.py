"""Which tokens a run of text took, where text is held back and passed on at other borders than it came in.

Used by ``chat_reply.py``. A token belongs to the text in which it begins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from geminid.generation import TokenLogprobs

_BROKEN = "\ufffd"
"""What servers write for the part of a character."""


class Tokens(NamedTuple):
    """How many tokens, and what is known of each: nothing, or ``logprobs`` with an entry for every one."""

    number: int
    logprobs: tuple[TokenLogprobs, ...] = ()


class _Run(NamedTuple):
    length: int
    tokens: Tokens


class Spent:
    """Text goes in with its tokens, and comes out from the front, in pieces of any length."""

    def __init__(self) -> None:
        self._runs: deque[_Run] = deque()

    def add(self, text: str, tokens: Tokens) -> None:
        told = _whole(text, tokens.logprobs)
        lengths = [len(place.chosen.token) for place in told]
        if len(told) < 2 or sum(lengths) != len(text):
            self._runs.append(_Run(len(text), Tokens(tokens.number, told)))
            return
        # Where the server tells less than it counts, the first is as good as any to count the rest with.
        more = max(tokens.number - len(told), 0)
        for length, place in zip(lengths, told, strict=True):
            self._runs.append(_Run(length, Tokens(1 + more, (place,))))
            more = 0

    def take(self, length: int) -> Tokens:
        """The tokens that begin in the next ``length`` characters."""
        number, told = 0, list[TokenLogprobs]()
        while self._runs and length > 0:
            run = self._runs.popleft()
            if length < run.length:
                run, rest = _split(run, length)
                self._runs.appendleft(rest)
            number += run.tokens.number
            told += run.tokens.logprobs
            length -= run.length
        return Tokens(max(number, len(told)), tuple(told))

    def rest(self) -> Tokens:
        """All that is left."""
        tokens = [run.tokens for run in self._runs]
        self._runs.clear()
        told = tuple(place for one in tokens for place in one.logprobs)
        return Tokens(max(sum(one.number for one in tokens), len(told)), told)


def _split(run: _Run, length: int) -> tuple[_Run, _Run]:
    """A token that is cut goes with its first part; what is left of its text has no token of its own."""
    number, told = run.tokens
    if len(told) == 1:
        told = (_shortened(told[0], length),)
    return _Run(length, Tokens(number, told)), _Run(run.length - length, Tokens(0))


def _shortened(place: TokenLogprobs, length: int) -> TokenLogprobs:
    return replace(place, chosen=replace(place.chosen, token=place.chosen.token[:length]))


def _whole(text: str, told: Sequence[TokenLogprobs]) -> tuple[TokenLogprobs, ...]:
    """Of tokens that are parts of characters, the last has the text."""
    if not any(_BROKEN in place.chosen.token for place in told) or _BROKEN in text:
        return tuple(told)
    texts = [""] * (len(told) - 1) + [text]
    return tuple(
        replace(place, chosen=replace(place.chosen, token=token)) for place, token in zip(told, texts, strict=True)
    )
