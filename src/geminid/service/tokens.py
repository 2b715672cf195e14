"""LlmUtilityService: CountTokens and ComputeTokens. Both ask the engine's own tokenizer; nothing is estimated."""

from __future__ import annotations

from geminid.call import Call, Stream
from geminid.gemini.tokens import computed_texts, count_response, to_count
from geminid.generation import Token
from geminid.media.understand import Understanding
from geminid.service.media import reader_of
from geminid.service.registry import Registry, Served
from geminid.wire.scalars import Bytes, Int64
from geminid.wire.tokens import ComputeTokensRequest, ComputeTokensResponse, CountTokensRequest, TokensInfo


class LlmUtilityService:
    """The RPCs of google.cloud.aiplatform.LlmUtilityService.

    CountTokens belongs to PredictionService in v1beta1 and to GenerativeService in the Developer API; it is the
    same method there. Engines without a tokenizer make both Unimplemented.
    """

    def __init__(self, registry: Registry, understanding: Understanding) -> None:
        self._registry = registry
        self._understanding = understanding

    async def count_tokens(self, call: Call) -> Stream:
        """One CountTokensResponse."""
        request = call.request
        assert isinstance(request, CountTokensRequest)
        served = self._find(call, request)
        prompt = to_count(request, alphabetical=served.model.profile.alphabetical)
        if prompt.attachments:
            prompt = await self._understanding.count(prompt, reader_of(call, served))
        texts = [text for text in prompt.texts() if text]
        yield count_response(prompt, sum(await served.engine.count_tokens(texts)))

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
        served = self._registry.find(request.endpoint or request.model)
        call.model = served.model.id
        return served


def _tokens_info(role: str, tokens: list[Token]) -> TokensInfo:
    return TokensInfo(
        tokens=[Bytes(token.piece) for token in tokens],
        token_ids=[Int64(token.id) for token in tokens],
        role=role,
    )
