"""Which slot of the child writes which answer: the one that has read most of the prompt before.

Pure bookkeeping; called by ``llama_memory.py``, which also keeps what a slot must give up. The child itself would
choose by the same rule, but knows nothing of tenants.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass

from geminid.generation import Function, Generation, Turn, spelled

_FUNCTION_CHARACTERS = 200
"""About what a function's schema takes; it is only weighed against other beginnings."""


@dataclass(slots=True, eq=False)
class Slot:
    """``holds`` is the prompt that it was given last; ``known``: it has read all of it."""

    number: int
    holds: Generation | None = None
    known: bool = False


class Slots:
    """``count`` slots, of which the free ones are in the order of their last use."""

    def __init__(self, count: int) -> None:
        self._free = [Slot(number) for number in range(count)]
        self._turns = asyncio.Semaphore(count)

    @property
    def free(self) -> tuple[Slot, ...]:
        return tuple(self._free)

    async def take(self, generation: Generation) -> Slot:
        """The free slot that knows most of this prompt, else the one that was not used for longest."""
        await self._turns.acquire()
        chosen = max(self._free, key=lambda slot: shared(slot.holds, generation))
        self._free.remove(chosen)
        return chosen

    def leave(self, slot: Slot) -> None:
        self._free.append(slot)
        self._turns.release()


def shared(known: Generation | None, generation: Generation) -> int:
    """How many characters both begin with, whole pieces only. 0 for two tenants."""
    if known is None or not _open_alike(known, generation):
        return 0
    length = _opening(generation)
    for one, other in zip(known.turns, generation.turns, strict=False):
        if one != other:
            return length + _common(one, other)
        length += _turn(one)
    return length


def length(generation: Generation) -> int:
    """All that ``shared`` could be."""
    return _opening(generation) + sum(map(_turn, generation.turns))


def _open_alike(known: Generation, generation: Generation) -> bool:
    """What stands before the turns; a constraint is told there too, but for a prefix after them."""
    if known.prefix is None and generation.prefix is None and known.constraint != generation.constraint:
        return False
    return (
        known.tenant == generation.tenant and known.system == generation.system and known.tools == generation.tools
    )


def _common(one: Turn, other: Turn) -> int:
    """Of two turns that differ: a cached one may end with what the caller goes on with."""
    if one.role != other.role:
        return 0
    same = itertools.takewhile(lambda both: both[0] == both[1], zip(one.pieces, other.pieces, strict=False))
    return sum(len(spelled(piece)) for piece, _ in same)


def _opening(generation: Generation) -> int:
    functions = generation.tools.functions if generation.tools else ()
    return 1 + sum(len(piece.text) for piece in generation.system) + sum(map(_function, functions))


def _function(function: Function) -> int:
    return len(function.name) + len(function.description) + _FUNCTION_CHARACTERS


def _turn(turn: Turn) -> int:
    return sum(len(spelled(piece)) for piece in turn.pieces)
