"""The chunks of an answer from a server that speaks OpenAI's chat API, as events.

Pure: no network, no server's state. Called by ``openai_http.py``; what a chunk is stands in ``chat_chunks.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from geminid.engines.chat_chunks import Choice, Chunk, Counts, Message, Place, decode
from geminid.engines.dialects import Constraining, Dialect
from geminid.engines.native_calls import NativeCalls
from geminid.engines.spent import Spent, Tokens
from geminid.engines.sse import EventReader, LineTooLong
from geminid.engines.thinking import Kind, Piece, ThoughtReader
from geminid.engines.tool_calls import CallReader
from geminid.generation import (
    Called,
    Calling,
    Delta,
    Event,
    Finish,
    FinishReason,
    Generation,
    Logprob,
    TokenLogprobs,
    Usage,
)

_REASONS = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "length": FinishReason.MAX_TOKENS,
    "content_filter": FinishReason.SAFETY,
    "tool_calls": FinishReason.STOP,
    "function_call": FinishReason.STOP,
}

_LONGEST_MALFORMED = 500


class ErrorInStream(Exception):
    """The server reported ``error`` in a stream that had begun well. ``body`` is JSON: the object that says so."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.body = body


class Abandoned(Exception):
    """The server ended the answer for reasons of its own, which is no end of the answer."""


class Reply:
    """One answer, read as its bytes come in.

    ``top_logprobs`` is how many alternatives to tell of each token. ``calls`` reads calls from the text.
    ``thinks`` is False for an answer that is bound to a form without thoughts: what the server takes for thoughts
    then, because its model usually has some, is the answer.
    """

    def __init__(self, top_logprobs: int = 0, calls: CallReader | None = None, *, thinks: bool = True) -> None:
        self.done = False
        self.finished = False
        """Whether the candidate is complete; without that the stream is broken, however it ends."""
        self._events = EventReader()
        self._top = top_logprobs
        self._thinks = thinks
        self._thoughts = ThoughtReader() if thinks else None
        self._calls = calls
        self._native_calls = NativeCalls()
        self._spent = Spent()
        self._counts: Counts | None = None
        self._tokens = self._thought_tokens = 0

    @classmethod
    def to(cls, generation: Generation, dialect: Dialect) -> Reply:
        """The answer to a generation that was sent in this dialect."""
        tools, constraint = generation.tools, generation.constraint
        bound = constraint is not None or (tools is not None and tools.calling is Calling.ANY)
        return cls(
            generation.sampling.logprobs or 0,
            CallReader() if tools and not dialect.native_tools else None,
            thinks=not (bound and dialect.constraining is Constraining.GRAMMAR),
        )

    @property
    def usage(self) -> Usage | None:
        """What the server told last. Gemini counts thoughts apart from output, OpenAI within it.

        Servers have been seen to tell less than 0, and to keep silent about thoughts that they sent.
        """
        told = self._counts
        if told is None:
            return None
        details, cached = told.completion_tokens_details, told.prompt_tokens_details
        thoughts = (details.reasoning_tokens if details else 0) or self._thought_tokens
        return Usage(
            prompt=max(told.prompt_tokens or 0, 0),
            output=max((told.completion_tokens or 0) - thoughts, 0),
            cached=max((cached.cached_tokens if cached else 0) or 0, 0),
            thoughts=max(thoughts, 0),
        )

    def feed(self, received: bytes) -> Iterator[Event]:
        """What these bytes complete; ``b""`` is the end. Sets ``done`` there, or when the server says so.

        Text that comes together is told together: who lags behind the server has to catch up, not to count its
        tokens. Raises LineTooLong, msgspec.DecodeError, ErrorInStream and Abandoned, after the events before the
        trouble.
        """
        run: list[Delta] = []
        try:
            for event in self._each(received):
                if run and not (isinstance(event, Delta) and _go_on(run[0], event)):
                    yield _joined(run)
                    run = []
                if isinstance(event, Delta):
                    run.append(event)
                else:
                    yield event
        except _TROUBLE:
            if run:
                yield _joined(run)
            raise
        if run:
            yield _joined(run)

    def _each(self, received: bytes) -> Iterator[Event]:
        self.done = not received
        for data in self._events.feed(received) if received else self._events.rest():
            if data == b"[DONE]":
                self.done = True
                return
            chunk = decode(data)
            if chunk.error is not None:
                raise ErrorInStream(data)
            if chunk.usage is not None:
                self._counts = chunk.usage
            for choice in chunk.choices or ():
                if not self.finished and choice.index == 0:
                    yield from self._read(choice, chunk)

    def _read(self, choice: Choice, chunk: Chunk) -> Iterator[Event]:
        """The answer has one candidate. Nearly all chunks of nearly all answers are plain text."""
        delta = choice.delta
        if delta is not None:
            if not self._is_plain(choice, delta):
                yield from self._said(choice, delta, chunk)
            elif delta.content:
                yield Delta(delta.content, 0, self._count(chunk))
        if choice.finish_reason is not None:
            reason = _reason(choice.finish_reason)
            self.finished = True
            yield from self._end(reason)

    def _is_plain(self, choice: Choice, delta: Message) -> bool:
        return (
            self._thoughts is None
            and self._calls is None
            and choice.logprobs is None
            and not (delta.reasoning_content or delta.reasoning or delta.tool_calls)
        )

    def _said(self, choice: Choice, delta: Message, chunk: Chunk) -> Iterator[Event]:
        """Thoughts that the server tells apart, then text. Calls wait for the end."""
        thought, text = delta.reasoning_content or delta.reasoning or "", delta.content or ""
        if not self._thinks:
            thought, text = "", thought + text
        spent = thought or text or delta.tool_calls
        places = choice.logprobs.content if choice.logprobs else None
        logprobs = tuple(self._place(place) for place in places or ())
        self._spent.add(thought + text, Tokens(self._count(chunk) if spent else 0, logprobs))
        if delta.tool_calls:
            self._native_calls.feed(delta.tool_calls)
        if thought:
            yield self._delta(thought, Kind.THOUGHT)
        if text:
            yield from self._text(text)

    def _text(self, text: str) -> Iterator[Event]:
        if self._thoughts is None:
            yield from self._pieces([(text, Kind.TEXT)])
            return
        yield from self._pieces(self._thoughts.feed(text))
        if self._thoughts.done:
            self._thoughts = None

    def _pieces(self, pieces: Iterator[Piece] | list[Piece]) -> Iterator[Event]:
        for text, kind in pieces:
            if kind is Kind.TAG:
                self._thought_tokens += self._spent.take(len(text)).number
                continue
            if kind is Kind.TEXT and self._calls is not None:
                text = self._calls.feed(text)
            if text:
                yield self._delta(text, kind)

    def _delta(self, text: str, kind: Kind) -> Delta:
        number, logprobs = self._spent.take(len(text))
        if kind is Kind.THOUGHT:
            self._thought_tokens += number
        return Delta(text, 0, number, logprobs, kind is Kind.THOUGHT)

    def _end(self, reason: FinishReason) -> Iterator[Event]:
        if self._thoughts is not None:
            yield from self._pieces(self._thoughts.flush())
        if self._calls is not None and (text := self._calls.flush()):
            yield self._delta(text, Kind.TEXT)
        calls, malformed = (self._calls or self._native_calls).calls(reason is FinishReason.STOP)
        if malformed is not None and reason is FinishReason.STOP:
            message = f"Malformed function call: {malformed[:_LONGEST_MALFORMED]}"
            yield Finish(FinishReason.MALFORMED_FUNCTION_CALL, message=message)
            return
        spent = self._spent.rest()
        for call in calls:
            yield Called(call, *spent)
            spent = Tokens(0)
        yield Finish(reason)

    def _place(self, place: Place) -> TokenLogprobs:
        top = (place.top_logprobs or ())[: self._top]
        return TokenLogprobs(
            Logprob(place.token, place.logprob, place.id),
            tuple(Logprob(other.token, other.logprob, other.id) for other in top),
        )

    def _count(self, chunk: Chunk) -> int:
        """Tokens since the last text, where the server tells the running sum; else one, as most servers send."""
        before = self._tokens
        if chunk.usage is not None:
            self._tokens = chunk.usage.completion_tokens or 0
        else:
            self._tokens += 1
        return max(self._tokens - before, 0)


_TROUBLE = (LineTooLong, msgspec.DecodeError, ErrorInStream, Abandoned)


def _go_on(one: Delta, other: Delta) -> bool:
    """Each place of log probabilities is told with the text that it is of."""
    return one.thought is other.thought and not (one.logprobs or other.logprobs)


def _joined(run: list[Delta]) -> Delta:
    if len(run) == 1:
        return run[0]
    text, tokens = "".join(one.text for one in run), sum(one.tokens for one in run)
    return msgspec.structs.replace(run[0], text=text, tokens=tokens)


def _reason(name: str) -> FinishReason:
    if name in ("abort", "error"):
        raise Abandoned
    return _REASONS.get(name, FinishReason.OTHER)
