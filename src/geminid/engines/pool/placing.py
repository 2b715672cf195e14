"""Which replica a prompt goes to: where its beginning lies, its home, or where there is least to do.

What lies where is known of calls that were answered here. A conversation's home is found by rendezvous hashing,
https://en.wikipedia.org/wiki/Rendezvous_hashing, so that several servers with the same replicas agree on it
without a word. Called by ``pool/__init__.py``; does no I/O.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from geminid.attachment import Media
from geminid.engines.pool.policy import Policy
from geminid.engines.pool.replica import Replica
from geminid.generation import Generation, Piece, spelled

_CHARACTERS_OF_A_TOKEN = 4
KEPT_BEGINNINGS = 65_536
_KEPT_TURNS = 32
_KEPT_PLACES = 4
"""A beginning that many share spreads; more places than this need not be known."""

Beginning: TypeAlias = int | str
"""The hash of a prompt up to one of its turns, or the key of a prefix that was cached."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """``tokens`` is an estimate. ``beginnings`` are the longest first; ``home`` stands for the conversation."""

    tokens: int
    beginnings: Sequence[Beginning]
    home: int

    @classmethod
    def of(cls, generation: Generation) -> Prompt:
        characters = sum(map(len, generation.texts()))
        tokens = characters // _CHARACTERS_OF_A_TOKEN + sum(generation.media_tokens().values())
        system = tuple(piece.text for piece in generation.system)
        functions = tuple(function.name for function in generation.tools.functions) if generation.tools else ()
        so_far, chain = hash((generation.tenant, system, functions)), list[Beginning]()
        for turn in generation.turns:
            so_far = hash((so_far, turn.role, tuple(map(_content, turn.pieces))))
            chain.append(so_far)
        beginnings = chain[::-1][:_KEPT_TURNS]
        key = generation.prefix.key if generation.prefix else None
        if key is not None:
            beginnings.append(key)
        return cls(tokens, beginnings, number_of(key if key is not None else _opening(generation)))


def _content(piece: Piece) -> object:
    return piece.shown if isinstance(piece, Media) else spelled(piece)


def _opening(generation: Generation) -> str:
    """What all prompts of a conversation begin with."""
    first = generation.turns[0].pieces if generation.turns else ()
    return "\0".join([generation.tenant, *map(spelled, (*generation.system, *first))])


def number_of(text: str) -> int:
    """The same in every process, as the hashes of Python are not."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def affinity(home: int, replica: Replica) -> int:
    """The home is where this is highest. The mixing is that of splitmix64, https://prng.di.unimi.it/splitmix64.c"""
    mixed = home ^ replica.seed
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
    return mixed ^ (mixed >> 31)


class Placing:
    """Remembers the places of the beginnings that were used last, and chooses by them."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._places: OrderedDict[Beginning, list[str]] = OrderedDict()

    def choose(self, prompt: Prompt, output: int, replicas: Sequence[Replica]) -> Replica:
        """One of ``replicas``, for a prompt whose answer is expected to have ``output`` tokens."""
        cost = prompt.tokens + output
        scores = {replica.name: replica.score(cost) for replica in replicas}
        least = min(replicas, key=lambda replica: scores[replica.name])
        bound = scores[least.name]
        found = self._where(prompt, replicas)
        if found:
            place = min(found, key=lambda replica: scores[replica.name])
            return place if scores[place.name] <= self._policy.overload * bound else least
        home = max(replicas, key=lambda replica: affinity(prompt.home, replica))
        return home if scores[home.name] <= self._policy.home_overload * bound else least

    def _where(self, prompt: Prompt, replicas: Sequence[Replica]) -> list[Replica]:
        """Where the longest beginning lies that lies anywhere."""
        for beginning in prompt.beginnings:
            names = self._places.get(beginning)
            found = [replica for replica in replicas if replica.name in names] if names else []
            if not found and isinstance(beginning, str):
                found = [replica for replica in replicas if beginning in replica.engine.remembered()]
            if found:
                return found
        return []

    def learn(self, prompt: Prompt, replica: Replica) -> None:
        """The prompt was read there."""
        for beginning in prompt.beginnings:
            names = self._places.setdefault(beginning, [])
            if replica.name not in names:
                names.append(replica.name)
                del names[:-_KEPT_PLACES]
            self._places.move_to_end(beginning)
        while len(self._places) > KEPT_BEGINNINGS:
            self._places.popitem(last=False)

    def forget(self, keys: Collection[str]) -> None:
        for key in keys:
            self._places.pop(key, None)
