"""The tokens of texts, by a model server's own route: how many they are, and which. Used by ``openai_http.py``."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from geminid import errors
from geminid.engines import upstream
from geminid.engines.dialects import TokenizeRoute
from geminid.engines.model_server import ModelServer
from geminid.engines.server_answers import TokenPiece, Tokens
from geminid.engines.sse import LINE_BYTES
from geminid.engines.token_counts import TokenCounts
from geminid.engines.upstream_errors import Refusal
from geminid.generation import Token


class ServerTokens:
    """Both raise Unimplemented where the server has no such route, or one that does not tell this."""

    def __init__(self, server: ModelServer) -> None:
        self._server = server
        self._counts = TokenCounts(self._count)

    async def count(self, texts: Sequence[str]) -> list[int]:
        return await self._counts.of(texts)

    async def split(self, texts: Sequence[str]) -> list[list[Token]]:
        route = self._server.dialect.tokenize
        if route is None or route.pieces is None:
            raise errors.Unimplemented("This engine cannot tell the tokens of a text.")
        answers = [await self._ask(route, text, **route.pieces) for text in texts]
        return [
            [Token(token.id, token.bytes) for token in msgspec.convert(answer.tokens, list[TokenPiece])]
            for answer in answers
        ]

    async def _count(self, text: str) -> int:
        route = self._server.dialect.tokenize
        if route is None:
            raise errors.Unimplemented("This engine cannot count tokens.")
        told = await self._ask(route, text)
        return len(told.tokens) if told.count is None else told.count

    async def _ask(self, route: TokenizeRoute, text: str, **more: object) -> Tokens:
        server = self._server
        body = {"model": server.served.model, route.text_field: text, **route.fixed, **more}
        server.begin()
        try:
            response = await server.upstream.post(server.upstream.root + route.path, body)
            answer = await upstream.read(response, LINE_BYTES)
        finally:
            server.end()
        if response.status == 404:  # a gateway before such a server
            raise errors.Unimplemented("This engine cannot count tokens.")
        if response.status != 200:
            raise server.refused(Refusal.read(response.status, answer))
        try:
            return msgspec.json.decode(answer, type=Tokens)
        except msgspec.DecodeError as error:
            raise errors.Internal(errors.INTERNAL) from error
