"""An engine that another process of this server has: ``Host`` lends it out over a Unix socket, ``Remote`` uses it.

So that several workers share one embedded model: its process, its slots and what they remember stay in one place.
A call is a connection, whose end cancels it, and the socket's buffers hold back an engine that is too fast. Who
may open the folder of the socket may use the engine. Built by ``build/embedded.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

from geminid import errors
from geminid.engines import remote_frames
from geminid.engines.base import Capabilities, Engine, Health, State
from geminid.generation import Event, Generation, Token

_VALUE, _END, _ERROR, _TOO_LONG = "value", "end", "error", "too long"

_GONE: Final = Health(State.DOWN, "the process that has the engine is gone")
_LOOK_SECONDS: Final = 0.2
"""How soon a change of an engine's health is told."""

_BUFFER_BYTES: Final = 1 << 20


class Host:
    """Lends ``engine`` out at ``path``. To start the engine and to close it is left to its owner."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        self._path = path
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Raises OSError where the socket cannot be made."""
        self._server = await asyncio.start_unix_server(self._accept, self._path, limit=_BUFFER_BYTES)

    async def aclose(self) -> None:
        """Ends the calls that are left."""
        if self._server is not None:
            self._server.close()
        for call in list(self._calls):
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        call = asyncio.create_task(self._serve(reader, writer))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        call.add_done_callback(lambda _: writer.close())

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One call, which ends with its connection."""
        work = left = None
        try:
            method, *arguments = await remote_frames.read(reader)
            work = asyncio.create_task(self._answer(method, arguments, writer))
            left = asyncio.create_task(reader.read(1))
            await asyncio.wait([work, left], return_when=asyncio.FIRST_COMPLETED)
        except IncompleteReadError:
            pass
        finally:
            await _cancelled(work, left)

    async def _answer(self, method: str, arguments: list[Any], writer: StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            try:
                async with aclosing(self._values(method, arguments)) as values:
                    async for value in values:
                        writer.write(remote_frames.frame(_VALUE, value))
                        await writer.drain()
                end = remote_frames.frame(_END)
            except errors.PromptTooLong as error:
                end = remote_frames.frame(_TOO_LONG, error.tokens, error.limit)
            except errors.ApiError as error:
                end = remote_frames.frame(_ERROR, int(error.code), error.message, *error.details)
            writer.write(end)
            await writer.drain()

    async def _values(self, method: str, arguments: list[Any]) -> AsyncGenerator[object, None]:
        engine = self._engine
        match method:
            case "generate":
                async with aclosing(engine.generate(*arguments)) as events:
                    async for event in events:
                        yield event
            case "watch":
                async for told in self._watch():
                    yield told
            case "count_tokens":
                yield await engine.count_tokens(*arguments)
            case "tokenize":
                yield await engine.tokenize(*arguments)
            case "embed":
                yield await engine.embed(*arguments)
            case "remember":
                await engine.remember(*arguments)
            case "forget":
                await engine.forget(*arguments)

    async def _watch(self) -> AsyncIterator[object]:
        """The engine's health and capabilities, and the keys that it remembers, each time that they are others."""
        told = None
        while True:
            health = await self._engine.health()
            now = (health, self._engine.capabilities, frozenset(self._engine.remembered()))
            if now != told:
                yield now
                told = now
            await asyncio.sleep(_LOOK_SECONDS)


async def _cancelled(*tasks: asyncio.Task[Any] | None) -> None:
    running = [task for task in tasks if task is not None]
    for task in running:
        task.cancel()
    for outcome in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionError):
            raise outcome


class Remote:
    """The engine that a ``Host`` lends out at ``path``; its capabilities are those ``assumed`` until it tells."""

    def __init__(self, path: Path, assumed: Capabilities) -> None:
        self._path = path
        self._capabilities = assumed
        self._health = Health(State.STARTING, "it was not asked yet")
        self._remembered: frozenset[str] = frozenset()
        self._ready = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    async def start(self) -> None:
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())

    async def wait_ready(self) -> None:
        await self._ready.wait()

    async def health(self) -> Health:
        return self._health

    async def aclose(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        self._health = Health(State.DOWN, "stopped")

    async def generate(self, generation: Generation) -> AsyncGenerator[Event, None]:
        async with self._asked("generate", generation) as answer:
            async for event in answer:
                yield event

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return cast(list[int], await self._answer("count_tokens", list(texts)))

    async def tokenize(self, texts: Sequence[str]) -> list[list[Token]]:
        return cast(list[list[Token]], await self._answer("tokenize", list(texts)))

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return cast(list[list[float]], await self._answer("embed", list(texts)))

    async def remember(self, generation: Generation) -> None:
        await self._answer("remember", generation)

    def remembered(self) -> Collection[str]:
        return self._remembered

    async def forget(self, keys: Collection[str]) -> None:
        await self._answer("forget", list(keys))

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(errors.Unavailable):
                async with self._asked("watch") as answer:
                    async for told in answer:
                        self._learn(*told)
            self._learn(_GONE, self._capabilities, frozenset())
            await asyncio.sleep(_LOOK_SECONDS)

    def _learn(self, health: Health, capabilities: Capabilities, remembered: frozenset[str]) -> None:
        self._health, self._capabilities, self._remembered = health, capabilities, remembered
        if health.state is State.READY:
            self._ready.set()
        else:
            self._ready.clear()

    async def _answer(self, method: str, argument: object) -> Any:
        """The one value of an answer; None where it has none."""
        async with self._asked(method, argument) as answer:
            return await anext(answer, None)

    @asynccontextmanager
    async def _asked(self, method: str, *arguments: object) -> AsyncIterator[AsyncIterator[Any]]:
        """The values of the answer. They raise what the engine has raised, and Unavailable where it is gone."""
        try:
            reader, writer = await asyncio.open_unix_connection(self._path, limit=_BUFFER_BYTES)
        except OSError as error:
            raise errors.Unavailable(errors.UNAVAILABLE) from error
        try:
            writer.write(remote_frames.frame(method, *arguments))
            async with aclosing(_received(reader)) as values:
                yield values
        finally:
            writer.transport.abort()


async def _received(reader: StreamReader) -> AsyncGenerator[Any, None]:
    while True:
        try:
            kind, *values = await remote_frames.read(reader)
        except (IncompleteReadError, ConnectionError) as error:
            raise errors.Unavailable(errors.UNAVAILABLE) from error
        match kind:
            case "value":
                yield values[0]
            case "end":
                return
            case "too long":
                raise errors.PromptTooLong(*values)
            case _:
                code, message, *details = values
                raise errors.by_code(errors.Code(code))(message, *details)
