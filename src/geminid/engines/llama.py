"""The embedded engine: llama.cpp in a supervised child process, spoken to over HTTP like any other server.

A crash of native code costs one restart: streams that had begun end with UNAVAILABLE, calls that had not are asked
again of the next child, and new calls wait for it. A child that works without progress is taken for hung and
replaced: ``kept_child.py`` keeps one running. Built by ``build/kinds.py``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from geminid import errors
from geminid.engines.base import Capabilities, Health, State
from geminid.engines.dialects import LLAMA
from geminid.engines.kept_child import BOUNDS, Bounds, ChildFailed, KeptChild
from geminid.engines.llama_memory import LlamaMemory
from geminid.engines.llama_process import Job, LlamaProcess, StartFailed, Told
from geminid.engines.llama_slot_routes import SlotRoutes
from geminid.engines.llama_states import States, folder_of
from geminid.engines.openai_http import ASSUMED_WINDOW, OpenAIHTTP, Patience
from geminid.engines.upstream import Upstream
from geminid.generation import Event, Generation, Token

_log = logging.getLogger(__name__)

_T = TypeVar("_T")


class Llama:
    """``weights`` is a GGUF file; its ``projector`` makes a model see images.

    ``threads``, ``slots`` (answers written at the same time) and ``context_tokens`` (of each slot, at most) are
    chosen to fit model and machine where they are None. ``system`` is said where a generation has no system
    pieces. ``log`` is handed each line that the child logs.
    """

    def __init__(
        self,
        weights: Path,
        *,
        threads: int | None = None,
        context_tokens: int | None = None,
        slots: int | None = None,
        projector: Path | None = None,
        system: str | None = None,
        states: Path | None = None,
        state_bytes: int = 2 * 1024**3,
        log: Callable[[str], None] = _log.debug,
        bounds: Bounds = BOUNDS,
    ) -> None:
        self._job = Job(weights, projector, threads, slots, context_tokens)
        self._states_at = (states, state_bytes)
        self._states: States | None = None
        self._system = system
        self._bounds = bounds
        self._kept = KeptChild(self._opened, log=log, bounds=bounds)
        self._capabilities = LLAMA.capabilities(context_tokens or ASSUMED_WINDOW)

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def pid(self) -> int | None:
        """The child that is ready now."""
        return self._kept.child.process.pid if self._kept.child else None

    @property
    def active(self) -> int:
        """How many requests the child is working on."""
        return self._kept.child.server.active if self._kept.child else 0

    async def start(self) -> None:
        if not self._kept.started:
            await asyncio.to_thread(self._open_states)
            self._kept.start(self._job)

    def _open_states(self) -> None:
        """None where they cannot be kept. llama.cpp cannot save what a projector has put into a slot."""
        root, most_bytes = self._states_at
        if root is None or self._job.projector is not None:
            return
        try:
            states = States(folder_of(root, self._job.weights), most_bytes)
            states.open()
        except OSError as error:
            _log.warning("prefixes are not kept on disk: %s", error.strerror)
            return
        self._states, self._job = states, replace(self._job, states=states.folder)

    async def wait_ready(self) -> None:
        await self._kept.wait_ready()

    async def health(self) -> Health:
        if self._kept.child is not None:
            return Health(State.READY)
        detail = self._kept.detail or f"loading {self._job.weights.name}"
        return Health(State.DOWN if self._kept.failed else State.STARTING, detail)

    async def aclose(self) -> None:
        await self._kept.aclose()

    async def generate(self, generation: Generation) -> AsyncGenerator[Event, None]:
        tries_left = 1
        while True:
            child = await self._ready_child()
            begun = False
            try:
                async with child.memory.slot(generation) as slot:
                    if child is not self._kept.child:
                        continue  # it ended while this call had to queue
                    async with aclosing(child.memory.answer(slot, generation)) as events:
                        async for event in events:
                            begun = True
                            yield event
                    return
            except errors.Unavailable:
                if begun or not tries_left or not await self._kept.has_ended(child):
                    raise
                tries_left -= 1

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return await self._of_a_child(lambda server: server.count_tokens(texts))

    async def tokenize(self, texts: Sequence[str]) -> list[list[Token]]:
        return await self._of_a_child(lambda server: server.tokenize(texts))

    async def _of_a_child(self, ask: Callable[[OpenAIHTTP], Awaitable[_T]]) -> _T:
        """What the child answers; asked once more where it ends meanwhile."""
        child = await self._ready_child()
        try:
            return await ask(child.server)
        except errors.Unavailable:
            if not await self._kept.has_ended(child):
                raise
        child = await self._ready_child()
        return await ask(child.server)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise errors.Unimplemented("This engine has no embeddings.")

    async def remember(self, generation: Generation) -> None:
        child = await self._ready_child()
        await child.memory.remember(generation)

    def remembered(self) -> Collection[str]:
        return self._states.keys() if self._states else ()

    async def forget(self, keys: Collection[str]) -> None:
        if self._kept.child is not None:
            await self._kept.child.memory.forget(keys)
        elif self._states is not None:
            self._states.forget(keys)

    async def _ready_child(self) -> _Child:
        """Waits for a child that is being started, but not for one that has failed again and again."""
        try:
            return await self._kept.ready()
        except ChildFailed as error:
            raise errors.Unavailable(errors.UNAVAILABLE) from error

    @asynccontextmanager
    async def _opened(self, process: LlamaProcess, told: Told) -> AsyncIterator[_Child]:
        """A child that answers. Raises StartFailed where it does not."""
        server = self._server(process, told)
        memory = self._memory(process, told, server)
        try:
            health = await server.health()  # also learns the window that the server has really made
            if health.state is not State.READY:
                raise StartFailed(health.detail)
            self._capabilities = replace(server.capabilities, slots=told.slots)
            yield _Child(process, server, memory)
        finally:
            await memory.aclose()
            await server.aclose()

    def _memory(self, process: LlamaProcess, told: Told, server: OpenAIHTTP) -> LlamaMemory:
        key = {"Authorization": f"Bearer {process.key}"}
        routes = SlotRoutes(Upstream(_url(told), key, keep_alive=LLAMA.keep_alive))
        return LlamaMemory(told.slots, routes, self._states, server.generate)

    def _server(self, process: LlamaProcess, told: Told) -> OpenAIHTTP:
        return OpenAIHTTP(
            _url(told),
            "embedded",
            api_key=process.key,
            dialect=LLAMA,
            system=self._system,
            control_tokens=told.control_tokens,
            patience=Patience(stall=2 * self._bounds.hang, health=10.0),
        )


def _url(told: Told) -> str:
    return f"http://127.0.0.1:{told.port}/v1"


@dataclass(frozen=True, slots=True)
class _Child:
    """A child that is ready. ``memory`` keeps the queue here, where waiting is cheap and can be cancelled."""

    process: LlamaProcess
    server: OpenAIHTTP
    memory: LlamaMemory

    def hangs(self, seconds: float) -> bool:
        return self.server.active > 0 and time.monotonic() - self.server.last_progress > seconds
