"""Makes one usage record of every call, however it ends. A gate; it refuses nothing and alters nothing.

It stands after ``auth``, so that a record has a principal and strangers cannot fill the database. A record is made
when the stream is at its end. Every door sends the last byte of an answer after that, so that an answer which came
through whole has its record, also when the server is killed the moment after.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing, suppress

from geminid.call import Call, Handler, Stream
from geminid.errors import ApiError, Code, InvalidArgument
from geminid.gemini.labels import labels_of
from geminid.storage.records import UsageRecord
from geminid.wire.generation import (
    GenerateContentRequest,
    GenerateContentResponse,
    ModalityTokenCount,
    UsageMetadata,
)
from geminid.wire.message import Message

_LONGEST_NAME = 256
"""Characters. What the path of a request names is no longer than that, unless it names nothing."""


class Metering:
    """A gate. ``add`` takes a record without waiting: ``storage.recorder.Recorder.add``."""

    def __init__(self, add: Callable[[UsageRecord], None]) -> None:
        self._add = add
        # Begins with the time, so that an index of ids grows at its end.
        start = f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(6)}"
        self._ids = (f"{start}{number:08x}" for number in itertools.count())

    async def __call__(self, call: Call, proceed: Handler) -> Stream:
        started = call.started or time.monotonic()
        code = Code.INTERNAL
        last: Message | None = None
        try:
            async with aclosing(proceed(call)) as stream:
                async for message in stream:
                    last = message
                    yield message
            code = Code.OK
        except ApiError as error:
            code = error.code
            raise
        except (asyncio.CancelledError, GeneratorExit):
            code = Code.CANCELLED
            raise
        finally:
            self._add(_record(next(self._ids), call, last, code, started))


def _record(id: str, call: Call, last: Message | None, code: Code, started: float) -> UsageRecord:
    used = _reported(last) or _processed(call)
    first = call.first_token
    return UsageRecord(
        id,
        call.received,
        _plain(call.project or call.owner),
        _plain(call.principal.name) if call.principal else "",
        call.model,
        call.rpc,
        code.name,
        _finish(call, last),
        _labels(call.request),
        _prompt(call, used),
        _output(used),
        used.cached_content_token_count,
        used.thoughts_token_count,
        time.monotonic() - started,
        None if first is None else first - started,
    )


def _reported(last: Message | None) -> UsageMetadata | None:
    """What the client was told; in mid-stream it is told nothing."""
    usage = last.usage_metadata if isinstance(last, GenerateContentResponse) else None
    return usage if usage is not None and usage.total_token_count else None


def _processed(call: Call) -> UsageMetadata:
    """What the engine had done when nobody listened any more."""
    usage = call.usage
    if usage is None:
        return _NOTHING
    return UsageMetadata(
        prompt_token_count=usage.prompt,
        candidates_token_count=usage.output,
        cached_content_token_count=usage.cached,
        thoughts_token_count=usage.thoughts,
    )


_NOTHING = UsageMetadata()


def _prompt(call: Call, used: UsageMetadata) -> Mapping[str, int]:
    """Not every model's answer has details, nor has what ended early."""
    if used.prompt_tokens_details:
        return _by_modality(used.prompt_tokens_details)
    media = {kind.name: tokens for kind, tokens in call.media.items() if tokens}
    text = used.prompt_token_count - sum(media.values())
    return media | {"TEXT": text} if text > 0 else media


def _output(used: UsageMetadata) -> Mapping[str, int]:
    if used.candidates_tokens_details:
        return _by_modality(used.candidates_tokens_details)
    return {"TEXT": used.candidates_token_count} if used.candidates_token_count else {}


def _by_modality(details: Sequence[ModalityTokenCount]) -> Mapping[str, int]:
    return {one.modality.name if one.modality else "": one.token_count for one in details}


def _finish(call: Call, last: Message | None) -> str:
    """The finish reason, or why the prompt was blocked."""
    if call.finish is not None:
        return call.finish.name
    feedback = last.prompt_feedback if isinstance(last, GenerateContentResponse) else None
    return feedback.block_reason.name if feedback and feedback.block_reason else ""


def _labels(request: Message) -> Mapping[str, str]:
    """None of those that are refused: they may be anything."""
    if isinstance(request, GenerateContentRequest) and request.labels:
        with suppress(InvalidArgument):
            return labels_of(request)
    return {}


def _plain(name: str) -> str:
    """As a database can keep it: what cannot be printed is escaped."""
    if len(name) <= _LONGEST_NAME and name.isprintable():
        return name
    return name[:_LONGEST_NAME].encode("unicode_escape").decode("ascii")
