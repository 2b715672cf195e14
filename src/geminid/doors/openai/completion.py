"""The JSON of a chat completion and of its chunks, keys in alphabetical order as Google prints them.

Declarations only; https://platform.openai.com/docs/api-reference/chat/object says what the fields mean. Filled
by ``response.py``. A field that is ``UNSET`` is absent.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType


class TopLogprob(msgspec.Struct):
    """``bytes`` are those of the token's UTF-8."""

    bytes: list[int]
    logprob: float
    token: str


class TokenLogprob(TopLogprob):
    top_logprobs: list[TopLogprob]


class Logprobs(msgspec.Struct):
    content: list[TokenLogprob]
    refusal: None = None


class CalledFunction(msgspec.Struct):
    """``arguments`` is the text of a JSON object."""

    arguments: str
    name: str


class ToolCall(msgspec.Struct, kw_only=True):
    """``index`` numbers the calls of a candidate in a stream."""

    extra_content: dict[str, Any] | UnsetType = UNSET
    function: CalledFunction
    id: str
    index: int | UnsetType = UNSET
    type: Literal["function"] = "function"


class Message(msgspec.Struct, kw_only=True):
    """A message, or a piece of it in a chunk. ``extra_content`` is Google's: thoughts and their signatures."""

    content: str | None
    extra_content: dict[str, Any] | UnsetType = UNSET
    role: Literal["assistant"] = "assistant"
    tool_calls: list[ToolCall] | UnsetType = UNSET


class Choice(msgspec.Struct, kw_only=True):
    finish_reason: str
    index: int = 0
    logprobs: Logprobs | None = None
    message: Message


class ChunkChoice(msgspec.Struct, kw_only=True):
    delta: Message
    finish_reason: str | None = None
    index: int = 0
    logprobs: Logprobs | None = None


class Usage(msgspec.Struct, kw_only=True):
    """In tokens. Thoughts are in the details and the total, and not in ``completion_tokens``."""

    completion_tokens: int
    completion_tokens_details: dict[str, int] | UnsetType = UNSET
    extra_properties: dict[str, Any] | UnsetType = UNSET
    prompt_tokens: int
    prompt_tokens_details: dict[str, int] | UnsetType = UNSET
    total_tokens: int


class Completion(msgspec.Struct, kw_only=True):
    """``created`` is in seconds since 1970."""

    choices: list[Choice]
    created: int
    id: str
    model: str
    object: Literal["chat.completion"] = "chat.completion"
    system_fingerprint: str = ""
    usage: Usage


class Chunk(msgspec.Struct, kw_only=True):
    choices: list[ChunkChoice]
    created: int
    id: str
    model: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    system_fingerprint: str = ""
    usage: Usage | UnsetType | None = UNSET
