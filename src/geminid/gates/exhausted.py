"""What a caller is told who asked for too much, in Google's words, and when it may ask again.

Vertex AI names the metric and the base model in one sentence; the Developer API adds what was exceeded as a
``QuotaFailure``. Both get a ``RetryInfo``. Raised by ``gates/quotas.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from geminid.call import Call
from geminid.errors import Help, QuotaFailure, QuotaViolation, ResourceExhausted, RetryInfo
from geminid.gates import denials


@dataclass(frozen=True, slots=True)
class Metric:
    """A quota by its names: Vertex AI's metric, the Developer API's, and that one's quota id."""

    vertex: str
    developer: str
    id: str


REQUESTS: Final = Metric(
    "generate_content_requests_per_minute_per_project_per_base_model",
    "generate_content_paid_tier_requests",
    "GenerateRequestsPerMinutePerProjectPerModel",
)
TOKENS: Final = Metric(
    "generate_content_input_tokens_per_minute_per_base_model",
    "generate_content_paid_tier_input_token_count",
    "GenerateContentPaidTierInputTokensPerModelPerMinute",
)

_RATE_LIMITS: Final = "https://ai.google.dev/gemini-api/docs/rate-limits"
_SHORTEST: Final = 0.001


def exceeded(call: Call, metric: Metric, model: str, limit: int, seconds: float) -> ResourceExhausted:
    """A rate of so many a minute; ``seconds`` is when it would pass. Both texts are recorded from Google."""
    retry = RetryInfo(max(_SHORTEST, math.ceil(seconds * 1000) / 1000))
    if denials.service(call) == denials.AIPLATFORM:
        return ResourceExhausted(
            f"Quota exceeded for {denials.AIPLATFORM}/{metric.vertex} with base model: {model}. Please submit a "
            "quota increase request. https://cloud.google.com/vertex-ai/docs/generative-ai/quotas-genai.",
            retry,
        )
    name = f"{denials.GENERATIVE_LANGUAGE}/{metric.developer}"
    return ResourceExhausted(
        "You exceeded your current quota, please check your plan and billing details. For more information on "
        f"this error, head to: {_RATE_LIMITS}. \n"
        f"* Quota exceeded for metric: {name}, limit: {limit}, model: {model}\n"
        f"Please retry in {retry.fields()['retryDelay']}.",
        QuotaFailure([QuotaViolation(name, metric.id, limit, {"location": "global", "model": model})]),
        Help("Learn more about Gemini API quotas", _RATE_LIMITS),
        retry,
    )


def too_many_at_once() -> ResourceExhausted:
    """Of concurrent requests. Nobody knows when one of them ends; a second is as good as any other time."""
    return ResourceExhausted(
        "Resource exhausted. Please try again later. Please refer to "
        "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.",
        RetryInfo(1),
    )
