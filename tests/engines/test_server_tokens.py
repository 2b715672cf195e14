from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from geminid import errors
from geminid.engines.dialects import GENERIC, VLLM, Dialect
from geminid.engines.model_server import ModelServer
from geminid.engines.served import Served
from geminid.engines.server_tokens import ServerTokens
from geminid.engines.upstream import Upstream


@pytest.fixture
async def tokens_of(fake: Any) -> AsyncIterator[Callable[[Dialect], ServerTokens]]:
    servers = []

    def make(dialect: Dialect) -> ServerTokens:
        servers.append(ModelServer(Upstream(fake.url, {}), Served("any"), dialect))
        return ServerTokens(servers[-1])

    yield make
    for server in servers:
        await server.aclose()
        assert not server.active


async def test_counts_are_asked_for_once(fake: Any, tokens_of: Any) -> None:
    tokens = tokens_of(VLLM)

    assert await tokens.count(["Hello", "Hello world", "Hello"]) == [1, 2, 1]
    assert await tokens.count(["Hello"]) == [1]
    assert fake.counted == 2


async def test_a_server_without_tokenizer_cannot_count(tokens_of: Any) -> None:
    assert not GENERIC.capabilities(1).counts_tokens
    with pytest.raises(errors.Unimplemented):
        await tokens_of(GENERIC).count(["Hello"])


async def test_a_server_that_counts_may_not_tell_the_tokens(tokens_of: Any) -> None:
    with pytest.raises(errors.Unimplemented):
        await tokens_of(VLLM).split(["Hello"])
