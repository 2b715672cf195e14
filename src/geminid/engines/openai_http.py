"""An engine behind HTTP: any server that speaks the OpenAI chat API. Built by ``build/kinds.py`` and ``llama.py``.

This file is the course of a conversation. Whom it is held with is in ``model_server.py``, what is said in
``chat_request.py`` and ``chat_reply.py``, what errors mean in ``upstream_errors.py``, connections in
``upstream.py``.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence

import aiohttp
import msgspec

from geminid import errors
from geminid.engines import chat_media, upstream
from geminid.engines.base import Capabilities, Health
from geminid.engines.chat_messages import Body
from geminid.engines.chat_reply import Abandoned, ErrorInStream, Reply
from geminid.engines.dialects import ASSUMED_WINDOW, DIALECTS, Dialect
from geminid.engines.model_server import ModelServer
from geminid.engines.served import Served
from geminid.engines.server_tokens import ServerTokens
from geminid.engines.sse import LineTooLong
from geminid.engines.upstream import Patience, Upstream
from geminid.engines.upstream_errors import Refusal
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
    ``hears`` are what the model takes in, ``parameters`` how many it has, by the server's own word where they are
    None. ``api_key`` is sent in ``key_header``, as a bearer token where that is ``Authorization``; ``tls`` says
    whom to trust.

    ``system`` is said where a generation has no system pieces; ``control_tokens`` are those of the model, without
    any those that the server tells.
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
        parameters: int | None = None,
        system: str | None = None,
        control_tokens: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._server = ModelServer(
            Upstream(url, {**(headers or {}), **_credential(key_header, api_key)}, patience=patience, tls=tls),
            Served(model, context_tokens, sees, hears, parameters),
            _named(dialect) if isinstance(dialect, str) else dialect,
            system=system,
            control_tokens=control_tokens,
            secret=api_key,
        )
        self._tokens = ServerTokens(self._server)

    @property
    def capabilities(self) -> Capabilities:
        return self._server.capabilities

    @property
    def active(self) -> int:
        """How many requests are under way."""
        return self._server.active

    @property
    def last_progress(self) -> float:
        """The monotonic time when one of them last received anything: a supervisor reads it."""
        return self._server.last_progress

    async def start(self) -> None:
        await self._server.start()

    async def wait_ready(self) -> None:
        await self._server.wait_ready()

    async def health(self) -> Health:
        return await self._server.health()

    async def aclose(self) -> None:
        await self._server.aclose()

    async def generate(
        self, generation: Generation, more: Mapping[str, object] | None = None
    ) -> AsyncGenerator[Event, None]:
        """``more`` are fields of the request that are this server's own."""
        server = self._server
        if not server.known:
            await server.learn()
        reply, response = Reply.to(generation, server.dialect), None
        server.begin()
        try:
            response = await self._ask(generation, more or {})
            while not reply.done:
                received = await upstream.receive(response)
                server.last_progress = time.monotonic()
                for event in reply.feed(received):
                    yield event
            await self._let_end(response)
        except ErrorInStream as error:
            raise server.refused(Refusal.read(200, error.body)) from None
        except (msgspec.DecodeError, LineTooLong) as error:
            _log.warning("the model server sent what is no chunk: %s", type(error).__name__)
            raise errors.Internal(errors.INTERNAL) from error
        except (aiohttp.ClientError, TimeoutError, Abandoned) as error:
            error.__traceback__ = None  # has the response, which keeps the error: a cycle of references
            if not reply.finished:
                _log.warning("the model server broke off: %s", type(error).__name__)
                raise errors.Unavailable(errors.UNAVAILABLE) from error
        finally:
            server.end()
            if response is not None:
                response.close()
        if not reply.finished:
            _log.warning("the model server ended a stream without a finish reason")
            raise errors.Unavailable(errors.UNAVAILABLE)
        if (usage := reply.usage) is not None:
            yield usage

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return await self._tokens.count(texts)

    async def tokenize(self, texts: Sequence[str]) -> list[list[Token]]:
        return await self._tokens.split(texts)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise errors.Unimplemented("This engine has no embeddings.")

    async def remember(self, generation: Generation) -> None:
        """Has the server read the prefix, for its own cache. Some models refuse what asks nothing."""
        dialect = await self._server.identified()
        if generation.prefix is None or not dialect.keeps_prefixes:
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

    async def _ask(self, generation: Generation, more: Mapping[str, object]) -> aiohttp.ClientResponse:
        """A stream that has begun, or an error.

        vLLM counts the wanted output against the window, where Gemini means a bound: asked again without one, it
        takes what is left of the window.
        """
        body = {**await self._body(generation), **more}
        response, refusal = await self._chat(body)
        if refusal and refusal.overflow and not refusal.overflow.by_prompt:
            body.pop(self._server.dialect.max_tokens, None)
            response, refusal = await self._chat(body)
        if refusal:
            raise self._server.refused(refusal)
        if response.content_type not in ("text/event-stream", "application/octet-stream"):
            response.close()
            _log.warning("the model server answered with %s instead of a stream", response.content_type)
            raise errors.Internal(errors.INTERNAL)
        return response

    async def _body(self, generation: Generation) -> Body:
        server, able = self._server, self._server.capabilities
        about = server.served.model, generation, able.context_tokens
        if (able.sees or able.hears) and chat_media.size(generation) > QUICK_MEDIA_BYTES:
            return await asyncio.to_thread(server.writer.body, *about)
        return server.writer.body(*about)

    async def _chat(self, body: Body) -> tuple[aiohttp.ClientResponse, Refusal | None]:
        address = self._server.upstream
        response = await address.post(address.v1 + "/chat/completions", body)
        if response.status == 200:
            return response, None
        return response, Refusal.read(response.status, await upstream.read(response, _ERROR_BYTES))

    async def _let_end(self, response: aiohttp.ClientResponse) -> None:
        """Reads the end of the body, so that the connection can be used again."""
        if self._server.dialect.keep_alive:
            async with asyncio.timeout(_END_SECONDS):
                while await upstream.receive(response):
                    pass


def _named(dialect: str) -> Dialect | None:
    return None if dialect == AUTO else DIALECTS[dialect]


def _credential(header: str, key: str | None) -> Mapping[str, str]:
    if not key:
        return {}
    return {header: f"Bearer {key}" if header.lower() == _BEARER.lower() else key}
