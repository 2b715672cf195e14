"""An engine behind HTTP: any server that speaks the OpenAI chat API. Built by ``app.py`` and by ``llama.py``.

This file is the course of a conversation. What is said is in ``chat_request.py`` and ``chat_reply.py``, how
servers differ in ``dialects.py``, what their errors mean in ``upstream_errors.py``, connections are in
``upstream.py``.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import ssl
import time
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence

import aiohttp
import msgspec

from geminid import errors
from geminid.engines import chat_media, upstream
from geminid.engines.base import Capabilities, Health, State
from geminid.engines.chat_messages import Body
from geminid.engines.chat_reply import Abandoned, ErrorInStream, Reply
from geminid.engines.chat_request import Writer
from geminid.engines.dialects import ASSUMED_WINDOW, DIALECTS, GENERIC, Dialect, TokenizeRoute
from geminid.engines.served import Served
from geminid.engines.server_answers import TokenPiece, Tokens
from geminid.engines.sse import LINE_BYTES, LineTooLong
from geminid.engines.token_counts import TokenCounts
from geminid.engines.upstream import Patience, Upstream
from geminid.engines.upstream_errors import Refusal
from geminid.engines.upstream_kind import kind_of
from geminid.generation import Event, Generation, Token

__all__ = ["ASSUMED_WINDOW", "OpenAIHTTP", "Patience"]

_log = logging.getLogger(__name__)

QUICK_MEDIA_BYTES = 1024 * 1024
"""Written as base64 in half a millisecond; what is more is written off the event loop, 20 MB in 10 ms."""

AUTO = "auto"
_BEARER = "Authorization"
_ERROR_BYTES = 64 * 1024
_END_SECONDS = 0.2


class OpenAIHTTP:
    """``url`` is the address up to and with ``/v1``. An empty ``model`` takes the first that the server lists.

    ``dialect`` is a row of ``dialects.py`` or its name; with ``auto`` the server is asked what it is. ``sees`` and
    ``hears`` are what the model takes in, by the server's own word where they are None. ``api_key`` is sent in
    ``key_header``, as a bearer token where that is ``Authorization``; ``tls`` says whom to trust.

    ``system`` is said where a generation has no system pieces; ``control_tokens`` are those of the model, without
    any those that the server tells. ``active`` is how many requests are under way, ``last_progress`` the monotonic
    time when one of them last received anything: a supervisor reads them.
    """

    def __init__(
        self,
        url: str,
        model: str = "",
        *,
        api_key: str | None = None,
        key_header: str = _BEARER,
        tls: ssl.SSLContext | None = None,
        dialect: str | Dialect = "generic",
        context_tokens: int | None = None,
        sees: bool | None = None,
        hears: bool | None = None,
        system: str | None = None,
        control_tokens: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._served = Served(model, context_tokens, sees, hears)
        self._key = api_key
        self._unknown = dialect == AUTO
        self._dialect = _named(dialect) if isinstance(dialect, str) else dialect
        self._capabilities = self._served.capabilities(self._dialect)
        self._writer = Writer(self._dialect, system, control_tokens)
        self._counts = TokenCounts(self._count)
        self.active = 0
        self.last_progress = time.monotonic()
        self._upstream = Upstream(
            url,
            {**(headers or {}), **_credential(key_header, api_key)},
            keep_alive=self._dialect.keep_alive,
            patience=patience,
            tls=tls,
        )
        self._learning = asyncio.Lock()
        self._asking: asyncio.Task[None] | None = None

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    async def start(self) -> None:
        """Asks the server what it is and serves until it has told."""
        self._upstream.open()
        if self._asking is None:
            self._asking = asyncio.create_task(self.wait_ready())

    async def wait_ready(self) -> None:
        pause = 0.1
        while (await self.health()).state is not State.READY:
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    async def health(self) -> Health:
        """Asks a route that no server queues behind generations."""
        try:
            status = await self._alive()
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

    async def _alive(self) -> int:
        """The status of the health route; of the list of models where there is none, as behind most gateways."""
        route, status = self._dialect.health, 404
        if route is not None:
            status, _ = await self._upstream.get(self._upstream.root + route)
        if status == 404:
            status, _ = await self._upstream.get(self._upstream.v1 + "/models")
        return status

    async def _learn(self) -> None:
        """What the server is and serves, as far as it is not known. Raises Unavailable."""
        async with self._learning:
            if self._unknown:
                self._speak(await kind_of(self._upstream))
                self._unknown = False
            if not self._served.complete:
                self._speak(await self._served.learn(self._upstream, self._dialect))

    def _speak(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._capabilities = self._served.capabilities(dialect)
        control_tokens = self._writer.control_tokens or self._served.control_tokens
        self._writer = dataclasses.replace(
            self._writer, dialect=dialect, control_tokens=control_tokens, bounds=self._served.bounds
        )
        self._upstream.keep_alive = dialect.keep_alive

    async def aclose(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        await self._upstream.aclose()

    async def generate(
        self, generation: Generation, more: Mapping[str, object] | None = None
    ) -> AsyncGenerator[Event, None]:
        """``more`` are fields of the request that are this server's own."""
        if self._unknown or not self._served.known(self._dialect):
            await self._learn()
        reply, response = Reply.to(generation, self._dialect), None
        self._begin()
        try:
            response = await self._ask(generation, more or {})
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
        if (usage := reply.usage) is not None:
            yield usage

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return await self._counts.of(texts)

    async def tokenize(self, texts: Sequence[str]) -> list[list[Token]]:
        route = self._dialect.tokenize
        if route is None or route.pieces is None:
            raise errors.Unimplemented("This engine cannot tell the tokens of a text.")
        answers = [await self._tokenize(route, text, **route.pieces) for text in texts]
        return [
            [Token(token.id, token.bytes) for token in msgspec.convert(answer.tokens, list[TokenPiece])]
            for answer in answers
        ]

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise errors.Unimplemented("This engine has no embeddings.")

    async def remember(self, generation: Generation) -> None:
        """Has the server read the prefix, for its own cache. Some models refuse what asks nothing."""
        if self._unknown:
            await self._learn()
        if generation.prefix is None or not self._dialect.keeps_prefixes:
            return
        try:
            async for _ in self.generate(generation.head):
                pass
        except errors.PromptTooLong:
            raise
        except errors.InvalidArgument:
            _log.debug("the model server does not take a prefix by itself")

    def remembered(self) -> Collection[str]:
        """None: what the server keeps, and for how long, is for the server to say."""
        return ()

    async def forget(self, keys: Collection[str]) -> None:
        """Nothing to do: the server drops what is not used, and no other tenant finds it."""

    def _begin(self) -> None:
        """Counts a request in. An idle server is not blamed for having made no progress."""
        if not self.active:
            self.last_progress = time.monotonic()
        self.active += 1

    async def _ask(self, generation: Generation, more: Mapping[str, object]) -> aiohttp.ClientResponse:
        """A stream that has begun, or an error.

        vLLM counts the wanted output against the window, where Gemini means a bound: asked again without one, it
        takes what is left of the window.
        """
        body = {**await self._body(generation), **more}
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

    async def _body(self, generation: Generation) -> Body:
        able = self.capabilities
        about = self._served.model, generation, able.context_tokens
        if (able.sees or able.hears) and chat_media.size(generation) > QUICK_MEDIA_BYTES:
            return await asyncio.to_thread(self._writer.body, *about)
        return self._writer.body(*about)

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

    async def _tokenize(self, route: TokenizeRoute, text: str, **more: object) -> Tokens:
        body = {"model": self._served.model, route.text_field: text, **route.fixed, **more}
        self._begin()
        try:
            response = await self._upstream.post(self._upstream.root + route.path, body)
            answer = await upstream.read(response, LINE_BYTES)
        finally:
            self.active -= 1
        if response.status == 404:  # a gateway before such a server
            raise errors.Unimplemented("This engine cannot count tokens.")
        if response.status != 200:
            raise self._refused(Refusal.read(response.status, answer))
        try:
            return msgspec.json.decode(answer, type=Tokens)
        except msgspec.DecodeError as error:
            raise errors.Internal(errors.INTERNAL) from error


def _named(dialect: str) -> Dialect:
    """What is sure of a server that has not said what it is."""
    return GENERIC if dialect == AUTO else DIALECTS[dialect]


def _credential(header: str, key: str | None) -> Mapping[str, str]:
    if not key:
        return {}
    return {header: f"Bearer {key}" if header.lower() == _BEARER.lower() else key}
