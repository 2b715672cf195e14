"""CountTokens and ComputeTokens: how many tokens a prompt has, and which.

The messages of Google's prediction_service.proto and llm_utility_service.proto. Declarations only.
"""

from __future__ import annotations

from typing import Any

from geminid.wire.content import Content
from geminid.wire.generation import GenerationConfig, ModalityTokenCount
from geminid.wire.message import Bytes, Int32, Int64, Message, field
from geminid.wire.tools import Tool


class CountTokensRequest(Message):
    """A prompt to count. ``endpoint`` names the model for old clients, ``model`` for others."""

    endpoint: str = field(1)
    instances: list[Any] = field(2)
    model: str = field(3)
    contents: list[Content] = field(4)
    system_instruction: Content | None = field(5)
    tools: list[Tool] = field(6)
    generation_config: GenerationConfig | None = field(7)


class CountTokensResponse(Message):
    """The counts; billable characters leave out white space."""

    total_tokens: Int32 = field(1)
    total_billable_characters: Int32 = field(2)
    prompt_tokens_details: list[ModalityTokenCount] = field(3)


class ComputeTokensRequest(Message):
    """A prompt to split into tokens."""

    endpoint: str = field(1)
    instances: list[Any] = field(2)
    model: str = field(3)
    contents: list[Content] = field(4)


class ComputeTokensResponse(Message):
    """One entry for each content."""

    tokens_info: list[TokensInfo] = field(1)


class TokensInfo(Message):
    """The tokens of one content: their bytes and ids, in order."""

    tokens: list[Bytes] = field(1)
    token_ids: list[Int64] = field(2)
    role: str = field(3)
