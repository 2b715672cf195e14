"""A call that is over -> its usage record. Pure, and on the path of every call.

Called by ``gates/observe.py``, which says when a call is over and how it ended.
"""

from __future__ import annotations

import functools
import itertools
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from geminid.call import Call
from geminid.errors import Code, InvalidArgument
from geminid.gemini.labels import labels_of
from geminid.storage.records import UNTOLD, UsageRecord
from geminid.wire.generation import (
    GenerateContentRequest,
    GenerateContentResponse,
    ModalityTokenCount,
    UsageMetadata,
)
from geminid.wire.message import Message

_LONGEST_NAME = 256
"""Characters. What the path of a request names is no longer than that, unless it names nothing."""


def new_ids() -> Iterator[str]:
    """Ids that nobody else gives out. They begin with the time, so that an index of them grows at its end."""
    start = f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(5)}"
    return map(start.__add__, map(str, itertools.count(10**9)))  # which keeps them of one length for long


def usage_record(id: str, call: Call, last: Message | None, code: Code, started: float) -> UsageRecord:
    """Of a call that ended with ``code`` after it gave ``last``, and ``started`` at those monotonic seconds."""
    answer = last if isinstance(last, GenerateContentResponse) else None
    used = _reported(answer) or _processed(call)
    prompt = _prompt(call, used)
    first = call.first_token
    principal = call.principal
    return UsageRecord(
        id,
        call.received,
        _plain(call.project or call.owner),
        _plain(principal.name) if principal else "",
        call.model,
        call.rpc,
        _CODES[code],
        _finish(call, answer),
        _labels(call.request, code),
        prompt,
        _output(used),
        _cached(used, prompt) if used.cached_content_token_count else {},
        used.thoughts_token_count,
        time.monotonic() - started,
        None if first is None else first - started,
    )


_CODES = {code: code.name for code in Code}


def _reported(answer: GenerateContentResponse | None) -> UsageMetadata | None:
    """What the client was told; in mid-stream it is told nothing."""
    usage = answer.usage_metadata if answer is not None else None
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
    if not call.media:
        return {"TEXT": used.prompt_token_count} if used.prompt_token_count else {}
    media = {kind.name: tokens for kind, tokens in call.media.items() if tokens}
    text = used.prompt_token_count - sum(media.values())
    return media | {"TEXT": text} if text > 0 else media


def _output(used: UsageMetadata) -> Mapping[str, int]:
    if used.candidates_tokens_details:
        return _by_modality(used.candidates_tokens_details)
    return {"TEXT": used.candidates_token_count} if used.candidates_token_count else {}


def _cached(used: UsageMetadata, prompt: Mapping[str, int]) -> Mapping[str, int]:
    """Where nobody tells of what modality it is, it is that of the prompt, if that has but one."""
    if used.cache_tokens_details:
        return _by_modality(used.cache_tokens_details)
    modality = next(iter(prompt)) if len(prompt) == 1 else UNTOLD
    return {modality: used.cached_content_token_count}


def _by_modality(details: Sequence[ModalityTokenCount]) -> Mapping[str, int]:
    if len(details) == 1:
        (only,) = details
        return {str(only.modality or UNTOLD): only.token_count}
    return {str(one.modality or UNTOLD): one.token_count for one in details}


def _finish(call: Call, answer: GenerateContentResponse | None) -> str:
    """The finish reason, or why the prompt was blocked."""
    if call.finish is not None:
        return call.finish._name_  # of which ``name`` is a slower way
    feedback = answer.prompt_feedback if answer is not None else None
    return feedback.block_reason.name if feedback and feedback.block_reason else ""


def _labels(request: Message, code: Code) -> Mapping[str, str]:
    """None of those that are refused, which may be anything. What was answered was not refused."""
    if not isinstance(request, GenerateContentRequest) or not request.labels:
        return {}
    if code is Code.OK:
        return request.labels
    with suppress(InvalidArgument):
        return labels_of(request)
    return {}


@functools.lru_cache(maxsize=256)
def _plain(name: str) -> str:
    """As a database can keep it: what cannot be printed is escaped."""
    if len(name) <= _LONGEST_NAME and name.isprintable():
        return name
    return name[:_LONGEST_NAME].encode("unicode_escape").decode("ascii")
