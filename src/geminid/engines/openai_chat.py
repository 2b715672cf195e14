"""OpenAI's chat messages: a ``Generation`` as the body of a request, the chunks of the answer as events.

Pure: no network, no server's state. Called by ``openai_http.py``; forms as in
https://platform.openai.com/docs/api-reference/chat-streaming.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from geminid.engines.dialects import Dialect
from geminid.engines.sse import EventReader
from geminid.generation import Delta, Event, Finish, FinishReason, Generation, Piece, Sampling, Usage

Body: TypeAlias = dict[str, object]

SMALLEST_TOP_P = 1e-6
"""Gemini takes topP 0, OpenAI's servers do not; both mean the one most likely token."""

_REASONS = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "length": FinishReason.MAX_TOKENS,
    "content_filter": FinishReason.SAFETY,
    "tool_calls": FinishReason.STOP,
    "function_call": FinishReason.STOP,
}


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes request bodies. ``system`` speaks where the generation has no system pieces of its own.

    Servers read control tokens (``<|im_end|>``) also inside of what users wrote, which lets a user speak for the
    model. ``control_tokens`` are those of the model: a zero-width space is put into each before it is sent.
    """

    dialect: Dialect
    system: str | None = None
    control_tokens: Sequence[str] = ()
    _control: re.Pattern[str] | None = field(init=False)

    def __post_init__(self) -> None:
        longest_first = sorted(self.control_tokens, key=len, reverse=True)
        pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        object.__setattr__(self, "_control", pattern)

    def body(self, model: str, generation: Generation, context_tokens: int) -> Body:
        """The request. A limit that the window makes pointless is left out: vLLM refuses what exceeds it."""
        body: Body = {
            "model": model,
            "messages": self._messages(generation),
            "stream": True,
            "stream_options": {"include_usage": True, **self.dialect.stream_options},
            **self.dialect.extras,
            **self._sampling(generation.sampling),
        }
        limit = generation.sampling.max_output_tokens
        if limit is not None and limit < context_tokens:
            body[self.dialect.max_tokens] = limit
        return body

    def _messages(self, generation: Generation) -> list[Body]:
        """System paragraphs are parted by blank lines, the texts of a turn by line ends, as servers join them."""
        system = self._text(generation.system, "\n\n") or self.system
        head: list[Body] = [{"role": "system", "content": system}] if system else []
        turns: list[Body] = [
            {
                "role": "assistant" if turn.role == "model" else "user",
                "content": self._text(turn.pieces, "\n"),
            }
            for turn in generation.turns
        ]
        return head + turns

    def _text(self, pieces: Iterable[Piece], seam: str) -> str:
        text = seam.join(piece.text for piece in pieces)
        return self._control.sub(_defused, text) if self._control else text

    def _sampling(self, sampling: Sampling) -> Body:
        dialect = self.dialect
        sent: Body = {"temperature": sampling.temperature}
        if sampling.top_p is not None:
            sent["top_p"] = max(sampling.top_p, SMALLEST_TOP_P)
        if dialect.penalties:
            sent["presence_penalty"] = sampling.presence_penalty
            sent["frequency_penalty"] = sampling.frequency_penalty
        if dialect.top_k:
            sent[dialect.top_k] = sampling.top_k
        if dialect.seed and sampling.seed is not None:
            # Servers take -1 for "choose one yourself".
            sent[dialect.seed] = sampling.seed & 0x7FFF_FFFF
        if sampling.stop_sequences:
            sent["stop"] = list(sampling.stop_sequences[: dialect.most_stops])
        return {name: value for name, value in sent.items() if value is not None}


def _defused(token: re.Match[str]) -> str:
    return f"{token[0][0]}\u200b{token[0][1:]}"


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _OutputDetails | None = None


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Message | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode


class ErrorInStream(Exception):
    """The server reported ``error`` in a stream that had begun well. ``body`` is JSON: the object that says so."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.body = body


class Abandoned(Exception):
    """The server ended the answer for reasons of its own, which is no end of the answer."""


class Reply:
    """One answer, read as its bytes come in."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.done = False
        self._events = EventReader()
        self._finished: set[int] = set()
        self._tokens = 0

    @property
    def finished(self) -> bool:
        """Whether a candidate is complete; without that the stream is broken, however it ends."""
        return bool(self._finished)

    def feed(self, received: bytes) -> Iterator[Event]:
        """What these bytes complete; ``b""`` is the end. Sets ``done`` there, or when the server says so.

        Raises LineTooLong, msgspec.DecodeError, ErrorInStream and Abandoned, after the events before the trouble.
        """
        self.done = not received
        for data in self._events.feed(received) if received else self._events.rest():
            if data == b"[DONE]":
                self.done = True
                return
            yield from self._read(_decode(data), data)

    def _read(self, chunk: _Chunk, data: bytes) -> Iterator[Event]:
        """A chunk without choices is no error: servers send such as a sign of life, or for usage alone."""
        if chunk.error is not None:
            raise ErrorInStream(data)
        if chunk.usage is not None:
            self.usage = _usage(chunk.usage)
        for choice in chunk.choices or ():
            if choice.index in self._finished:
                continue
            if choice.delta is not None and choice.delta.content:
                yield Delta(choice.delta.content, choice.index, self._count(chunk))
            if choice.finish_reason is not None:
                finish = Finish(_reason(choice.finish_reason), choice.index)
                self._finished.add(choice.index)
                yield finish

    def _count(self, chunk: _Chunk) -> int:
        """Tokens since the last text, where the server tells the running sum; else one, as most servers send."""
        before = self._tokens
        if chunk.usage is not None:
            self._tokens = chunk.usage.completion_tokens or 0
        else:
            self._tokens += 1
        return max(self._tokens - before, 0)


def _reason(name: str) -> FinishReason:
    if name in ("abort", "error"):
        raise Abandoned
    return _REASONS.get(name, FinishReason.OTHER)


def _usage(told: _Usage) -> Usage:
    """Gemini counts thoughts apart from output, OpenAI within it. Servers have been seen to send less than 0."""
    details, output = told.completion_tokens_details, told.completion_tokens or 0
    thoughts = (details.reasoning_tokens or 0) if details else 0
    cached = (told.prompt_tokens_details.cached_tokens or 0) if told.prompt_tokens_details else 0
    return Usage(
        prompt=max(told.prompt_tokens or 0, 0),
        output=max(output - thoughts, 0),
        cached=max(cached, 0),
        thoughts=max(thoughts, 0),
    )
