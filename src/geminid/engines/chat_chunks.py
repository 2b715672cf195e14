"""The chunks of a streamed answer as servers send them. Declarations only; read by ``chat_reply.py``.

Forms as in https://platform.openai.com/docs/api-reference/chat-streaming. Servers leave out and null what they
like, so nothing is required.
"""

from __future__ import annotations

from typing import Any

import msgspec


class PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None


class OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class Counts(msgspec.Struct):
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: OutputDetails | None = None


class Alternative(msgspec.Struct):
    token: str
    logprob: float
    id: int | None = None


class Place(Alternative):
    """A token of the answer, with the most likely tokens at its place."""

    top_logprobs: list[Alternative] | None = None


class Places(msgspec.Struct):
    content: list[Place] | None = None


class CalledFunction(msgspec.Struct):
    """``arguments`` is JSON in pieces; some servers send the object itself."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class ToolCall(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: CalledFunction | None = None


class Message(msgspec.Struct):
    """What was added. Thoughts are ``reasoning_content`` to llama-server, ``reasoning`` to newer servers."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCall] | None = None


class Choice(msgspec.Struct):
    index: int = 0
    delta: Message | None = None
    finish_reason: str | None = None
    logprobs: Places | None = None


class Chunk(msgspec.Struct):
    """A chunk without choices is no error: servers send such as a sign of life, or for usage alone."""

    choices: list[Choice] | None = None
    usage: Counts | None = None
    error: Any = None


decode = msgspec.json.Decoder(Chunk).decode
"""Raises msgspec.DecodeError."""
