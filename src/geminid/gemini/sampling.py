"""GenerationConfig -> Sampling: ranges, defaults, and what the model and the engine support.

Ranges and texts: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference as the service
prints them. Called by ``request.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

from geminid.engines.base import Capabilities
from geminid.errors import InvalidArgument
from geminid.gemini import support
from geminid.gemini.profiles import Profile, Range
from geminid.gemini.wording import unable
from geminid.generation import Sampling
from geminid.wire.generation import GenerationConfig

_LONGEST_STOP_SEQUENCE = 1024
_TOP_P = Range(0, 1.0001)
_LOGPROBS = Range(1, 21)


def sampling_of(config: GenerationConfig, profile: Profile, capabilities: Capabilities) -> Sampling:
    """Raises InvalidArgument for what the model refuses, Unimplemented for what the engine cannot do."""
    _check_ranges(config, profile)
    logprobs = _logprobs(config, profile)
    if beyond := list(_beyond(config, profile, capabilities)):
        raise support.refusal(*beyond)
    temperature = config.temperature
    top_k = config.top_k if config.top_k is not None else profile.default_top_k
    return Sampling(
        temperature=profile.default_temperature if temperature is None else temperature,
        top_p=profile.default_top_p if config.top_p is None else config.top_p,
        top_k=int(top_k) if top_k is not None and capabilities.top_k else None,
        max_output_tokens=config.max_output_tokens or profile.max_output_tokens,
        stop_sequences=tuple(config.stop_sequences),
        presence_penalty=config.presence_penalty if capabilities.penalties else None,
        frequency_penalty=config.frequency_penalty if capabilities.penalties else None,
        seed=config.seed,
        logprobs=logprobs,
    )


def candidates_of(config: GenerationConfig, profile: Profile) -> int:
    """How many answers are wanted. Raises InvalidArgument."""
    count = config.candidate_count
    if count is not None and count > 1 and profile.candidates == 1:
        raise InvalidArgument("Multiple candidates is not enabled for this model")
    _check_range("candidateCount", count, Range(1, profile.candidates + 1))
    return count or 1


def _check_ranges(config: GenerationConfig, profile: Profile) -> None:
    _check_range("temperature", config.temperature, profile.temperature)
    _check_range("topP", config.top_p, _TOP_P)
    _check_range("topK", config.top_k, profile.top_k)
    _check_range("maxOutputTokens", config.max_output_tokens, Range(1, profile.max_output_tokens + 1))
    _check_stop_sequences(config.stop_sequences, profile)
    for name, value in (
        ("presencePenalty", config.presence_penalty),
        ("frequencyPenalty", config.frequency_penalty),
    ):
        if value and profile.penalties is None:
            raise InvalidArgument("Penalty is not enabled for this model")
        _check_range(name, value, profile.penalties or Range(-2, 2))


def _check_range(name: str, value: float | None, allowed: Range) -> None:
    if value is not None and value not in allowed:
        low, high = _number(allowed.low), _number(allowed.high)
        raise InvalidArgument(
            f"Unable to submit request because it has a {name} value of {_number(value)} but the supported "
            f"range is from {low} (inclusive) to {high} (exclusive). Update the value and try again."
        )


def _number(value: float) -> str:
    """Without a fraction where there is none: 2.5, 1000000."""
    return str(int(value)) if value == int(value) else str(value)


def _check_stop_sequences(sequences: list[str], profile: Profile) -> None:
    if sequences:
        _check_range("stopSequences", len(sequences), Range(1, profile.stop_sequences + 1))
    if "" in sequences:
        _check_range("stopSequences", 0, Range(1, profile.stop_sequences + 1))
    if any(len(sequence) > _LONGEST_STOP_SEQUENCE for sequence in sequences):
        raise unable(f"a stop sequence is longer than {_LONGEST_STOP_SEQUENCE} characters")


def _logprobs(config: GenerationConfig, profile: Profile) -> int | None:
    """0 most likely tokens are the chosen ones alone: OpenAI's ``logprobs`` without ``top_logprobs``."""
    if not config.response_logprobs:
        if config.logprobs is not None:
            raise unable(
                f"it has a logprobs value of {config.logprobs} without setting response_logprobs to be true. Set "
                "responseLogprobs to true and try again"
            )
        return None
    if not profile.logprobs:
        raise unable("Logprobs is not supported for this model")
    _check_range("logprobs", config.logprobs or None, _LOGPROBS)
    return config.logprobs or 0


def _beyond(config: GenerationConfig, profile: Profile, capabilities: Capabilities) -> Iterator[str]:
    """The fields that ask the engine for what it cannot do. The model's own topK asks for nothing."""
    if config.top_k not in (None, profile.default_top_k) and not capabilities.top_k:
        yield "generation_config.top_k"
    if config.response_logprobs and not capabilities.top_logprobs:
        yield "generation_config.response_logprobs"
    elif (config.logprobs or 0) > capabilities.top_logprobs:
        yield "generation_config.logprobs"
    if not capabilities.penalties:
        for name in ("presence_penalty", "frequency_penalty"):
            if getattr(config, name):
                yield f"generation_config.{name}"
    if config.seed is not None and not capabilities.seed:
        yield "generation_config.seed"
