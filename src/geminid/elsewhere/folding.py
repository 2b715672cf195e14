"""The chunks of a streamed answer -> the one answer that they come to. For recordings; pure.

A service folds its own stream (``gemini/response.py``); here only what others have said is known.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from geminid.wire.content import Content, Part
from geminid.wire.generation import Candidate, GenerateContentResponse, LogprobsResult
from geminid.wire.grounding import CitationMetadata
from geminid.wire.message import describe


def fold(chunks: Sequence[GenerateContentResponse]) -> GenerateContentResponse:
    """One answer: texts joined, lists of one candidate after another, of all else what was said last."""
    answer = GenerateContentResponse()
    candidates: dict[int, Candidate] = {}
    for chunk in chunks:
        for candidate in chunk.candidates:
            known = candidates.get(candidate.index)
            candidates[candidate.index] = _both(known, candidate) if known else msgspec.structs.replace(candidate)
        _take(answer, chunk)
    answer.candidates = [_tidy(candidates[index]) for index in sorted(candidates)]
    return answer


def _take(answer: GenerateContentResponse | Candidate, said: GenerateContentResponse | Candidate) -> None:
    for spec in describe(type(said)).fields:
        value = getattr(said, spec.name)
        if value or (value is not None and spec.optional):
            setattr(answer, spec.name, value)


def _both(known: Candidate, more: Candidate) -> Candidate:
    content, logprobs, citations = known.content, known.logprobs_result, known.citation_metadata
    _take(known, more)
    if content and more.content:
        role = content.role or more.content.role
        known.content = Content(role=role, parts=[*content.parts, *more.content.parts])
    if logprobs and more.logprobs_result:
        known.logprobs_result = LogprobsResult(
            top_candidates=[*logprobs.top_candidates, *more.logprobs_result.top_candidates],
            chosen_candidates=[*logprobs.chosen_candidates, *more.logprobs_result.chosen_candidates],
        )
    if citations and more.citation_metadata:
        known.citation_metadata = CitationMetadata(
            citations=[*citations.citations, *more.citation_metadata.citations]
        )
    return known


def _tidy(candidate: Candidate) -> Candidate:
    """One part for each run of text, and none for texts that say nothing."""
    if candidate.content is None:
        return candidate
    parts: list[Part] = []
    for part in candidate.content.parts:
        if _is_empty(part):
            continue
        if parts and _is_plain(part) and _is_plain(parts[-1]) and part.thought is parts[-1].thought:
            last = parts[-1]
            parts[-1] = msgspec.structs.replace(last, text=f"{last.text}{part.text}")
        else:
            parts.append(part)
    candidate.content = Content(role=candidate.content.role, parts=parts)
    return candidate


def _is_plain(part: Part) -> bool:
    return part.text is not None and not part.thought_signature


def _is_empty(part: Part) -> bool:
    return part.text == "" and not part.thought_signature
