"""An engine behind HTTP: any server that speaks the OpenAI chat API. Built by ``app.py`` and by ``llama.py``.

This file is the course of a conversation. What is said is in ``openai_chat.py``, how servers differ in
``dialects.py``, what their errors mean in ``upstream_errors.py``, connections are in ``upstream.py``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import aiohttp
import msgspec

from geminid import errors
from geminid.engines import upstream
from geminid.engines.base import Capabilities, Health, State
from geminid.engines.dialects import DIALECTS, Dialect, TokenizeRoute
from geminid.engines.openai_chat import Abandoned, Body, ErrorInStream, Reply, Writer
from geminid.engines.sse import LINE_BYTES, LineTooLong
from geminid.engines.token_counts import TokenCounts
from geminid.engines.upstream import Patience, Upstream
from geminid.engines.upstream_errors import Refusal
from geminid.generation import Event, Generation, Token

__all__ = ["OpenAIHTTP", "Patience"]

_log = logging.getLogger(__name__)

ASSUMED_WINDOW = 32_768
"""The window of a server that does not tell its own, unless the settings do."""

_ERROR_BYTES = 64 * 1024
_END_SECONDS = 0.2


class OpenAIHTTP:
    """``url`` is the address up to and with ``/v1``. An empty ``model`` takes the first that the server lists.

    ``dialect`` is a row of ``dialects.py`` or its name. ``system`` is said where a generation has no system
    pieces; ``openai_chat.Writer`` explains ``control_tokens``. ``active`` is how many requests are under way,
    ``last_progress`` the monotonic time when one of them last received anything: a supervisor reads them.
    """

    def __init__(
        self,
        url: str,
        model: str = "",
        *,
        api_key: str | None = None,
        dialect: str | Dialect = "generic",
        context_tokens: int | None = None,
        system: str | None = None,
        control_tokens: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._model = model
        self._key = api_key
        self._dialect = DIALECTS[dialect] if isinstance(dialect, str) else dialect
        self._context_tokens = context_tokens
        self._writer = Writer(self._dialect, system, control_tokens)
        self._counts = TokenCounts(self._count)
        self.active = 0
        self.last_progress = time.monotonic()
        self._upstream = Upstream(
            url,
            {**(headers or {}), **({"Authorization": f"Bearer {api_key}"} if api_key else {})},
            keep_alive=self._dialect.keep_alive,
            patience=patience,
        )

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            context_tokens=self._context_tokens or ASSUMED_WINDOW,
            counts_tokens=self._dialect.tokenize is not None,
            top_k=self._dialect.top_k is not None,
            seed=self._dialect.seed is not None,
            penalties=self._dialect.penalties,
        )

    async def start(self) -> None:
        self._upstream.open()

    async def wait_ready(self) -> None:
        pause = 0.1
        while (await self.health()).state is not State.READY:
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    async def health(self) -> Health:
        """Asks the server's health route, which no server queues behind generations."""
        route = self._dialect.health
        try:
            status, _ = await self._upstream.get(
                self._upstream.root + route if route else self._upstream.v1 + "/models"
            )
            if status == 200:
                await self._learn()
        except errors.ApiError as error:
            reason = type(error.__cause__).__name__ if error.__cause__ else "no model listed"
            return Health(State.DOWN, f"the model server does not answer ({reason})")
        match status:
            case 200:
                return Health(State.READY)
            case 503:
                return Health(State.STARTING, "the model server is loading its model")
        return Health(State.DOWN, f"the model server answers with status {status}")

    async def aclose(self) -> None:
        await self._upstream.aclose()

    async def generate(self, generation: Generation) -> AsyncGenerator[Event, None]:
        reply, response = Reply(), None
        self._begin()
        try:
            response = await self._ask(generation)
            while not reply.done:
                received = await upstream.receive(response)
                self.last_progress = time.monotonic()
                for event in reply.feed(received):
                    yield event
            await self._let_end(response)
        except ErrorInStream as error:
            raise self._refused(Refusal.read(200, error.body)) from None
        except (msgspec.DecodeError, LineTooLong) as error:
            _log.warning("the model server sent what is no chunk: %s", type(error).__name__)
            raise errors.Internal(errors.INTERNAL) from error
        except (aiohttp.ClientError, TimeoutError, Abandoned) as error:
            if not reply.finished:
                _log.warning("the model server broke off: %s", type(error).__name__)
                raise errors.Unavailable(errors.UNAVAILABLE) from error
        finally:
            self.active -= 1
            if response is not None:
                response.close()
        if not reply.finished:
            _log.warning("the model server ended a stream without a finish reason")
            raise errors.Unavailable(errors.UNAVAILABLE)
        if reply.usage is not None:
            yield reply.usage

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return await self._counts.of(texts)

    async def tokenize(self, texts: Sequence[str]) -> list[list[Token]]:
        route = self._dialect.tokenize
        if route is None or route.pieces is None:
            raise errors.Unimplemented("This engine cannot tell the tokens of a text.")
        answers = [await self._tokenize(route, text, **route.pieces) for text in texts]
        return [
            [Token(token.id, token.bytes) for token in msgspec.convert(answer.tokens, list[_Piece])]
            for answer in answers
        ]

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise errors.Unimplemented("This engine has no embeddings.")

    def _begin(self) -> None:
        """Counts a request in. An idle server is not blamed for having made no progress."""
        if not self.active:
            self.last_progress = time.monotonic()
        self.active += 1

    async def _ask(self, generation: Generation) -> aiohttp.ClientResponse:
        """A stream that has begun, or an error.

        vLLM counts the wanted output against the window, where Gemini means a bound: asked again without one, it
        takes what is left of the window.
        """
        if not self._model:
            await self._learn()
        body = self._writer.body(self._model, generation, self.capabilities.context_tokens)
        response, refusal = await self._chat(body)
        if refusal and refusal.overflow and not refusal.overflow.by_prompt:
            body.pop(self._dialect.max_tokens, None)
            response, refusal = await self._chat(body)
        if refusal:
            raise self._refused(refusal)
        if response.content_type not in ("text/event-stream", "application/octet-stream"):
            response.close()
            _log.warning("the model server answered with %s instead of a stream", response.content_type)
            raise errors.Internal(errors.INTERNAL)
        return response

    async def _chat(self, body: Body) -> tuple[aiohttp.ClientResponse, Refusal | None]:
        response = await self._upstream.post(self._upstream.v1 + "/chat/completions", body)
        if response.status == 200:
            return response, None
        return response, Refusal.read(response.status, await upstream.read(response, _ERROR_BYTES))

    async def _let_end(self, response: aiohttp.ClientResponse) -> None:
        """Reads the end of the body, so that the connection can be used again."""
        if self._dialect.keep_alive:
            async with asyncio.timeout(_END_SECONDS):
                while await upstream.receive(response):
                    pass

    def _refused(self, refusal: Refusal) -> errors.ApiError:
        error = refusal.as_error(self._key)
        level = logging.DEBUG if isinstance(error, errors.InvalidArgument) else logging.WARNING
        _log.log(level, "the model server refused with %d: %.500s", refusal.status, refusal.message)
        return error

    async def _count(self, text: str) -> int:
        route = self._dialect.tokenize
        if route is None:
            raise errors.Unimplemented("This engine cannot count tokens.")
        told = await self._tokenize(route, text)
        return len(told.tokens) if told.count is None else told.count

    async def _tokenize(self, route: TokenizeRoute, text: str, **more: object) -> _Tokens:
        body = {"model": self._model, route.text_field: text, **route.fixed, **more}
        self._begin()
        try:
            response = await self._upstream.post(self._upstream.root + route.path, body)
            answer = await upstream.read(response, LINE_BYTES)
        finally:
            self.active -= 1
        if response.status != 200:
            raise self._refused(Refusal.read(response.status, answer))
        try:
            return msgspec.json.decode(answer, type=_Tokens)
        except msgspec.DecodeError as error:
            raise errors.Internal(errors.INTERNAL) from error

    async def _learn(self) -> None:
        """The model's name and its window, as far as the settings leave them open. Raises Unavailable."""
        if self._model and self._context_tokens:
            return
        status, body = await self._upstream.get(self._upstream.v1 + "/models")
        try:
            models = msgspec.json.decode(body, type=_Models).data if status == 200 else []
        except msgspec.DecodeError:
            models = []
        found = next((model for model in models if self._model in ("", model.id)), None)
        if found is None and not self._model:
            raise errors.Unavailable(errors.UNAVAILABLE)
        if found is not None:
            self._model = found.id
        told = found.window if found else None
        self._context_tokens = self._context_tokens or told or ASSUMED_WINDOW


class _Meta(msgspec.Struct):
    n_ctx: int | None = None


class _Model(msgspec.Struct):
    """A row of ``GET /v1/models``; vLLM tells the window on top, llama-server in ``meta``."""

    id: str
    max_model_len: int | None = None
    meta: _Meta | None = None

    @property
    def window(self) -> int | None:
        return self.max_model_len or (self.meta.n_ctx if self.meta else None)


class _Models(msgspec.Struct):
    data: list[_Model] = []


class _Tokens(msgspec.Struct):
    """The answer of a tokenize route."""

    count: int | None = None
    tokens: list[Any] = []


class _Piece(msgspec.Struct):
    """A token with its text; as a list of bytes where they are no text by themselves."""

    id: int
    piece: str | list[int]

    @property
    def bytes(self) -> bytes:
        return self.piece.encode() if isinstance(self.piece, str) else bytes(self.piece)
