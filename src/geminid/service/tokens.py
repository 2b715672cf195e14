"""LlmUtilityService: CountTokens and ComputeTokens. Both ask the engine's own tokenizer; nothing is estimated."""

from __future__ import annotations

from collections.abc import Mapping

from geminid.attachment import Kind
from geminid.call import Call, Stream
from geminid.gemini.tokens import (
    computed_texts,
    count_response,
    modality_counts,
    to_be_counted,
    to_count,
    whole_prompt,
)
from geminid.generation import Token
from geminid.media.understand import Understanding
from geminid.service.cached import CachedPrompts, prefixed_by
from geminid.service.media import reader_of
from geminid.service.registry import Registry, Served
from geminid.wire import developer, developer_count
from geminid.wire.scalars import Bytes, Int64
from geminid.wire.tokens import (
    ComputeTokensRequest,
    ComputeTokensResponse,
    CountTokensRequest,
    CountTokensResponse,
    TokensInfo,
)


class LlmUtilityService:
    """The RPCs of google.cloud.aiplatform.LlmUtilityService.

    CountTokens belongs to PredictionService in v1beta1 and to GenerativeService in the Developer API; it is the
    same method there. Engines without a tokenizer make both Unimplemented.
    """

    def __init__(
        self, registry: Registry, understanding: Understanding, caches: CachedPrompts | None = None
    ) -> None:
        self._registry = registry
        self._understanding = understanding
        self._caches = caches

    async def count_tokens(self, call: Call) -> Stream:
        """One CountTokensResponse, of the Developer API where a cache is named, which Vertex AI cannot do."""
        request, prefixed = call.request, None
        if isinstance(request, developer_count.CountTokensRequest):
            whole = whole_prompt(request)
            if whole.cached_content:
                prefixed = await prefixed_by(self._caches, call, whole)
                whole = prefixed.request
            request = to_be_counted(whole)
        assert isinstance(request, CountTokensRequest)
        served = self._find(call, request)
        prompt = to_count(request, alphabetical=served.model.profile.alphabetical)
        if prompt.attachments:
            known = prefixed.media if prefixed else ()
            prompt = await self._understanding.count(prompt, reader_of(call, served), known)
        texts = [text for text in prompt.texts() if text]
        response = count_response(prompt, sum(await served.engine.count_tokens(texts)))
        yield _with_cache(response, prefixed.tokens) if prefixed else response

    async def compute_tokens(self, call: Call) -> Stream:
        """One ComputeTokensResponse, with one entry for each part."""
        request = call.request
        assert isinstance(request, ComputeTokensRequest)
        served = self._find(call, request)
        parts = computed_texts(request)
        tokens = await served.engine.tokenize([text for _, text in parts])
        yield ComputeTokensResponse(
            tokens_info=[_tokens_info(role, pieces) for (role, _), pieces in zip(parts, tokens, strict=True)]
        )

    def _find(self, call: Call, request: CountTokensRequest | ComputeTokensRequest) -> Served:
        """By ``endpoint``, which the URL's path fills; the Developer API has only ``model``."""
        served = self._registry.find(request.endpoint or request.model, call.attempt)
        call.model = served.model.id
        return served


def _with_cache(response: CountTokensResponse, cached: Mapping[Kind, int]) -> developer.CountTokensResponse:
    """The counts of a prompt of which ``cached`` comes from a cache, by kind."""
    return developer.CountTokensResponse(
        total_tokens=response.total_tokens,
        cached_content_token_count=sum(cached.values()),
        prompt_tokens_details=response.prompt_tokens_details,
        cache_tokens_details=modality_counts(cached),
    )


def _tokens_info(role: str, tokens: list[Token]) -> TokensInfo:
    return TokensInfo(
        tokens=[Bytes(token.piece) for token in tokens],
        token_ids=[Int64(token.id) for token in tokens],
        role=role,
    )
