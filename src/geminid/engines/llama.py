"""The embedded engine: llama.cpp in a supervised child process, spoken to over HTTP like any other server.

A crash of native code costs one restart: streams that had begun end with UNAVAILABLE, calls that had not are asked
again of the next child, and new calls wait for it. A child that works without progress is taken for hung and
replaced. One child is ``llama_process.py``; this file keeps one running. Built by ``app.py``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from geminid import errors
from geminid.engines.base import Capabilities, Health, State
from geminid.engines.bounds import Bounds as SchemaBounds
from geminid.engines.dialects import LLAMA
from geminid.engines.llama_memory import LlamaMemory
from geminid.engines.llama_process import Job, LlamaProcess, StartFailed, Told
from geminid.engines.llama_slot_routes import SlotRoutes
from geminid.engines.llama_states import States, folder_of
from geminid.engines.openai_http import ASSUMED_WINDOW, OpenAIHTTP, Patience
from geminid.engines.upstream import Upstream
from geminid.generation import Event, Generation, Token

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_QUICK_FAILURES = 5
_HEALTHY_SECONDS = 60.0
_NOTICE_SECONDS = 1.0
"""A connection breaks a moment before the end of its process is known."""

SMALL_MODEL = 1_000_000_000
"""Parameters. Smaller models go on with a list, a string or a number without end where a schema lets them."""

SMALL_MODEL_BOUNDS = SchemaBounds(text=100, key=24, items=5, properties=5, digits=9, fraction=4, depth=2)
"""Measured with SmolLM2-135M and 13 schemas that have no end, three answers each: 141 tokens at most, where looser
ones (texts of 200, lists of 8, depth 3) let it write 1,700."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds. ``start``: for loading the model; ``wait``: how long a call waits for a child that is not ready.

    ``hang``: without any progress, neither a token nor a piece of a prompt read, the child is killed; ``stop``: to
    end by itself when the engine is closed.
    """

    start: float = 600.0
    wait: float = 15.0
    hang: float = 60.0
    stop: float = 5.0


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
        bounds: Bounds = Bounds(),
    ) -> None:
        self._job = Job(weights, projector, threads, slots, context_tokens)
        self._states_at = (states, state_bytes)
        self._states: States | None = None
        self._system = system
        self._log_line = log
        self._bounds = bounds
        self._child: _Child | None = None
        self._ready = asyncio.Event()
        self._health = Health(State.STARTING, f"loading {weights.name}")
        self._capabilities = LLAMA.capabilities(context_tokens or ASSUMED_WINDOW)
        self._supervisor: asyncio.Task[None] | None = None

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def pid(self) -> int | None:
        """The child that is ready now."""
        return self._child.process.pid if self._child else None

    @property
    def active(self) -> int:
        """How many requests the child is working on."""
        return self._child.server.active if self._child else 0

    async def start(self) -> None:
        if self._supervisor is None:
            await asyncio.to_thread(self._open_states)
            self._supervisor = asyncio.create_task(self._supervise())

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
        await self._ready.wait()

    async def health(self) -> Health:
        return self._health

    async def aclose(self) -> None:
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])
        self._health = Health(State.DOWN, "stopped")

    async def generate(self, generation: Generation) -> AsyncGenerator[Event, None]:
        tries_left = 1
        while True:
            child = await self._ready_child()
            begun = False
            try:
                async with child.memory.slot(generation) as slot:
                    if child is not self._child:
                        continue  # it ended while this call had to queue
                    async with aclosing(child.memory.answer(slot, generation)) as events:
                        async for event in events:
                            begun = True
                            yield event
                    return
            except errors.Unavailable:
                if begun or not tries_left or not await self._has_ended(child):
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
            if not await self._has_ended(child):
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
        if self._child is not None:
            await self._child.memory.forget(keys)
        elif self._states is not None:
            self._states.forget(keys)

    async def _ready_child(self) -> _Child:
        """Waits for a child that is being started, but not for one that has failed again and again."""
        if self._child is None and self._health.state is not State.DOWN:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._bounds.wait):
                    await self._ready.wait()
        if self._child is None:
            raise errors.Unavailable(errors.UNAVAILABLE)
        return self._child

    async def _has_ended(self, child: _Child) -> bool:
        """Whether a call failed because its child is gone: then the next one can be asked."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_NOTICE_SECONDS):
                await child.process.wait()
                self._retire(child)
                return True
        return False

    def _retire(self, child: _Child) -> None:
        if child is self._child:
            self._child = None
            self._ready.clear()
            self._health = Health(State.STARTING, child.process.epitaph)

    async def _supervise(self) -> None:
        pause, failures = _FIRST_PAUSE, 0
        while True:
            detail, seconds = await self._run_one()
            if seconds > _HEALTHY_SECONDS:
                pause, failures = _FIRST_PAUSE, 0
            failures += 1
            self._health = Health(State.DOWN if failures >= _QUICK_FAILURES else State.STARTING, detail)
            _log.warning("%s; starting it again in %.1f s", detail, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _run_one(self) -> tuple[str, float]:
        """One child from start to end: how it ended, and for how many seconds it was ready."""
        try:
            process, told = await LlamaProcess.start(self._job, self._log_line, self._bounds.start)
        except StartFailed as error:
            return str(error), 0.0
        server = self._server(process, told)
        child = _Child(process, server, self._memory(process, told, server))
        try:
            health = await server.health()  # also learns the window that the server has really made
            if health.state is not State.READY:
                return health.detail, 0.0
            self._child, self._capabilities = child, replace(server.capabilities, slots=told.slots)
            self._health = Health(State.READY)
            self._ready.set()
            began = time.monotonic()
            return await self._watch(child), time.monotonic() - began
        finally:
            self._retire(child)
            await child.memory.aclose()
            await server.aclose()
            await process.stop(self._bounds.stop)

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
            bounds=SMALL_MODEL_BOUNDS if 0 < told.parameters < SMALL_MODEL else None,
            patience=Patience(stall=2 * self._bounds.hang, health=10.0),
        )

    async def _watch(self, child: _Child) -> str:
        """How the child ended. Kills it when it is at work and gets nowhere."""
        process, server, hang = child.process, child.server, self._bounds.hang
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(hang / 4):
                    await process.wait()
                    return process.epitaph
            if server.active and time.monotonic() - server.last_progress > hang:
                process.kill()
                return f"llama.cpp made no progress for {hang:g} s"


def _url(told: Told) -> str:
    return f"http://127.0.0.1:{told.port}/v1"


@dataclass(frozen=True, slots=True)
class _Child:
    """A child that is ready. ``memory`` keeps the queue here, where waiting is cheap and can be cancelled."""

    process: LlamaProcess
    server: OpenAIHTTP
    memory: LlamaMemory
