"""What a child remembers of the prompts that it has read, and how a new one makes use of it.

A prompt that begins as another one did is read from where they part. What was read lies in the slots, and beside
them in files: states of prefixes, while their caches live (``llama_states.py``), and conversations that had to
leave their slot, while there is room and the process lives. Nothing is used for another tenant. Called by
``llama.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

from geminid import errors
from geminid.engines.llama_slot_routes import SlotRoutes
from geminid.engines.llama_slots import Slot, Slots, length, shared
from geminid.engines.llama_states import States
from geminid.generation import Event, Generation

Ask: TypeAlias = Callable[[Generation, Mapping[str, object]], AsyncGenerator[Event, None]]
"""Asks the child, with so many more fields in the request."""

_WORTH_CHARACTERS = 1000
"""What is shorter is read again almost as fast as it is restored."""

PARKED_BYTES = 256 * 1024 * 1024
"""Of conversations that left their slots."""

_NOBODY = Generation((), tenant="\0")
"""What a slot holds that was told to forget: no tenant is called so."""


@dataclass(frozen=True, slots=True)
class _Parked:
    """A conversation that left its slot, and the size of its file."""

    holds: Generation
    file: str
    bytes: int


class LlamaMemory:
    """``states`` is None where the child cannot save any: then prompts are known while they lie in a slot."""

    def __init__(self, slots: int, routes: SlotRoutes, states: States | None, ask: Ask) -> None:
        self._slots = Slots(slots)
        self._routes = routes
        self._states = states
        self._ask = ask
        self._parked: list[_Parked] = []
        self._reading: dict[str, asyncio.Event] = {}

    @asynccontextmanager
    async def slot(self, generation: Generation) -> AsyncIterator[Slot]:
        """The slot for this prompt, once one is free and nobody is reading its prefix."""
        if generation.prefix is not None:
            await self._read_by_others(generation.prefix.key)
        slot = await self._slots.take(generation)
        try:
            yield slot
        finally:
            self._slots.leave(slot)

    async def answer(self, slot: Slot, generation: Generation) -> AsyncGenerator[Event, None]:
        """Has the child write in this slot, after it was given all that is known of the prompt."""
        if self._states is not None:
            await self._prepare(slot, generation, self._states)
        async with aclosing(self._write(slot, generation)) as events:
            async for event in events:
                yield event

    async def remember(self, generation: Generation) -> None:
        """Reads the prefix, unless it is known."""
        head = generation.head
        assert head.prefix is not None
        await self._read_by_others(head.prefix.key)
        if self._states is not None and head.prefix.key in self._states:
            return
        async with self.slot(head) as slot:
            if self._states is not None:
                await self._prepare(slot, head, self._states)
            elif shared(slot.holds, head) < length(head):
                await self._read(slot, head)

    async def forget(self, keys: Collection[str]) -> None:
        """Erases what lies in free slots; what is in use will be overwritten."""
        if self._states is not None:
            self._states.forget(keys)
        for parked in [one for one in self._parked if _of(one.holds, keys)]:
            self._drop(parked)
        for slot in self._slots.free:
            if slot.holds is not None and _of(slot.holds, keys):
                slot.holds, slot.known = _NOBODY, False
                await self._routes.erase(slot.number)

    async def aclose(self) -> None:
        """The files of conversations go with the child."""
        for parked in list(self._parked):
            self._drop(parked)
        await self._routes.aclose()

    async def _read_by_others(self, key: str) -> None:
        while (reading := self._reading.get(key)) is not None:
            await reading.wait()

    async def _write(self, slot: Slot, generation: Generation) -> AsyncGenerator[Event, None]:
        mine = slot.holds is None or slot.holds.tenant == generation.tenant
        slot.holds, slot.known = generation, False
        async with aclosing(self._ask(generation, {"id_slot": slot.number, "cache_prompt": mine})) as events:
            async for event in events:
                slot.known = True
                yield event

    async def _prepare(self, slot: Slot, generation: Generation, states: States) -> None:
        """Puts the longest beginning that is known into the slot, and parks what that displaces."""
        here = shared(slot.holds, generation) if slot.known else 0
        parked = max(self._parked, key=lambda one: shared(one.holds, generation), default=None)
        there = shared(parked.holds, generation) if parked else 0
        if generation.prefix and length(generation.head) > max(here, there):
            await self._park(slot, states)
            await self._begin_with_prefix(slot, generation, states)
        elif parked and there > here:
            await self._park(slot, states)
            await self._restore(slot, parked.file, parked.holds)
        elif slot.holds is not None and here < length(slot.holds) / 2:
            await self._park(slot, states)

    async def _begin_with_prefix(self, slot: Slot, generation: Generation, states: States) -> None:
        """Restores its state. Where there is none, reads it and saves it; others who want it wait for that."""
        assert generation.prefix is not None
        key = generation.prefix.key
        await self._read_by_others(key)
        name = await states.find(key)
        if name is not None:
            if await self._restore(slot, name, generation.head):
                return
            states.forget([key])
        reading = self._reading[key] = asyncio.Event()
        try:
            if await self._read(slot, generation.head):
                await self._save(slot, key, states)
        finally:
            del self._reading[key]
            reading.set()

    async def _restore(self, slot: Slot, file: str, holds: Generation) -> bool:
        """False leaves the slot empty."""
        slot.holds, slot.known = None, False
        if not await self._routes.restore(slot.number, file):
            return False
        slot.holds, slot.known = holds, True
        return True

    async def _read(self, slot: Slot, head: Generation) -> bool:
        """False where a chat template has no use for a prompt without a question."""
        try:
            async with aclosing(self._write(slot, head)) as events:
                async for _ in events:
                    pass
        except errors.Unavailable:
            raise
        except errors.ApiError:
            return False
        return True

    async def _save(self, slot: Slot, key: str, states: States) -> None:
        file = states.passing()
        if await self._routes.save(slot.number, file):
            await states.keep(file, key)
        else:
            states.remove(file)

    async def _park(self, slot: Slot, states: States) -> None:
        """Saves what the slot holds, where it would be missed."""
        holds = slot.holds
        if holds is None or not slot.known or self._is_saved(holds, states):
            return
        file = states.passing()
        if not await self._routes.save(slot.number, file):
            states.remove(file)
            return
        for older in [one for one in self._parked if shared(one.holds, holds) == length(one.holds)]:
            self._drop(older)
        self._parked.append(_Parked(holds, file, states.size(file)))
        while sum(parked.bytes for parked in self._parked) > PARKED_BYTES:
            self._drop(self._parked[0])

    def _is_saved(self, holds: Generation, states: States) -> bool:
        """All but a small rest of it lies in files."""
        saved = max((shared(parked.holds, holds) for parked in self._parked), default=0)
        if holds.prefix is not None and holds.prefix.key in states:
            saved = max(saved, length(holds.head))
        return length(holds) - saved < _WORTH_CHARACTERS

    def _drop(self, parked: _Parked) -> None:
        assert self._states is not None
        self._parked.remove(parked)
        self._states.remove(parked.file)


def _of(holds: Generation, keys: Collection[str]) -> bool:
    return holds.prefix is not None and holds.prefix.key in keys
