"""GenerationConfig: ranges, defaults, and what a model or an engine lacks."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from geminid.engines.base import Capabilities
from geminid.errors import InvalidArgument, Unimplemented
from geminid.gemini.profiles import Catalogue
from geminid.gemini.sampling import candidates_of, sampling_of
from geminid.generation import Sampling
from geminid.wire import json
from geminid.wire.generation import GenerationConfig

ABLE = Capabilities(context_tokens=8_192)
BARE = Capabilities(context_tokens=8_192, top_k=False, seed=False, penalties=False, top_logprobs=0)


def sampling(model: str = "gemini-1.5-flash", engine: Capabilities = ABLE, **config: Any) -> Sampling:
    found = Catalogue().find(model)
    assert found
    decoded = json.decode(GenerationConfig, msgspec.json.encode(config))
    candidates_of(decoded, found.profile)
    return sampling_of(decoded, found.profile, engine)


def refused(model: str, **config: Any) -> str:
    with pytest.raises(InvalidArgument) as error:
        sampling(model, **config)
    return error.value.message


def test_defaults_are_those_of_the_profile() -> None:
    vision = sampling("gemini-1.0-pro-vision-001")

    assert (vision.temperature, vision.top_p, vision.top_k) == (0.4, 1.0, 32)
    assert sampling("gemini-2.5-pro").max_output_tokens == 65_536
    assert sampling().logprobs is None


def test_what_is_asked_for_is_kept() -> None:
    asked = sampling(temperature=0, topP=0.5, topK=3.0, maxOutputTokens=7, stopSequences=["x"], seed=5)

    assert (asked.temperature, asked.top_p, asked.top_k) == (0, 0.5, 3)
    assert (asked.max_output_tokens, asked.stop_sequences, asked.seed) == (7, ("x",), 5)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"responseLogprobs": True}, 0),
        ({"responseLogprobs": True, "logprobs": 0}, 0),
        ({"responseLogprobs": True, "logprobs": 3}, 3),
        ({"responseLogprobs": False}, None),
    ],
)
def test_logprobs_are_of_the_chosen_tokens_and_of_as_many_others(config: Any, told: int | None) -> None:
    assert sampling(**config).logprobs == told


@pytest.mark.parametrize(
    ("model", "config", "name", "value", "allowed"),
    [
        ("gemini-1.5-flash", {"temperature": 2.5}, "temperature", "2.5", "0 (inclusive) to 2.0001 (exclusive)"),
        ("gemini-1.0-pro-001", {"temperature": 1.5}, "temperature", "1.5", "0 (inclusive) to 1.0001 (exclusive)"),
        ("gemini-1.5-flash", {"temperature": -1}, "temperature", "-1", "0 (inclusive) to 2.0001 (exclusive)"),
        ("gemini-1.5-flash", {"topP": 1.5}, "topP", "1.5", "0 (inclusive) to 1.0001 (exclusive)"),
        ("gemini-1.5-flash", {"topK": 41}, "topK", "41", "1 (inclusive) to 41 (exclusive)"),
        ("gemini-1.5-flash", {"topK": 0}, "topK", "0", "1 (inclusive) to 41 (exclusive)"),
        (
            "gemini-1.5-flash", {"maxOutputTokens": 9000}, "maxOutputTokens", "9000",
            "1 (inclusive) to 8193 (exclusive)",
        ),
        (
            "gemini-2.5-pro", {"maxOutputTokens": 1_000_000}, "maxOutputTokens", "1000000",
            "1 (inclusive) to 65537 (exclusive)",
        ),
        ("gemini-1.5-flash", {"maxOutputTokens": 0}, "maxOutputTokens", "0", "1 (inclusive) to 8193 (exclusive)"),
        (
            "gemini-1.5-flash", {"stopSequences": list("abcdef")}, "stopSequences", "6",
            "1 (inclusive) to 6 (exclusive)",
        ),
        ("gemini-1.5-flash", {"stopSequences": [""]}, "stopSequences", "0", "1 (inclusive) to 6 (exclusive)"),
        ("gemini-1.5-flash", {"candidateCount": 9}, "candidateCount", "9", "1 (inclusive) to 9 (exclusive)"),
        ("gemini-1.5-flash", {"presencePenalty": 2}, "presencePenalty", "2", "-2 (inclusive) to 2 (exclusive)"),
        (
            "gemini-1.5-flash", {"responseLogprobs": True, "logprobs": 21}, "logprobs", "21",
            "1 (inclusive) to 21 (exclusive)",
        ),
    ],
)  # fmt: skip
def test_values_out_of_range_are_refused_in_googles_words(
    model: str, config: dict[str, Any], name: str, value: str, allowed: str
) -> None:
    assert refused(model, **config) == (
        f"Unable to submit request because it has a {name} value of {value} but the supported range is from "
        f"{allowed}. Update the value and try again."
    )


@pytest.mark.parametrize(
    ("model", "config", "words"),
    [
        ("gemini-1.0-pro-002", {"frequencyPenalty": 1}, "Penalty is not enabled for this model"),
        ("gemini-1.0-pro-002", {"candidateCount": 2}, "Multiple candidates is not enabled for this model"),
        ("gemini-1.5-flash-8b", {"responseLogprobs": True}, "because Logprobs is not supported for this model."),
        ("gemini-3.5-flash", {"responseLogprobs": True}, "because Logprobs is not supported for this model."),
        *(
            ("gemini-1.5-flash", {"logprobs": n}, f"value of {n} without setting response_logprobs to be true.")
            for n in (0, 2)
        ),
        ("gemini-1.5-flash", {"stopSequences": ["x" * 1025]}, "a stop sequence is longer than 1024 characters"),
    ],
)
def test_what_a_model_lacks_is_refused_in_googles_words(model: str, config: dict[str, Any], words: str) -> None:
    assert words in refused(model, **config)


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"topK": 7}, "top_k"),
        ({"seed": 0}, "seed"),
        ({"presencePenalty": 1}, "presence_penalty"),
        ({"frequencyPenalty": -1}, "frequency_penalty"),
        ({"responseLogprobs": True, "logprobs": 5}, "response_logprobs"),
    ],
)
def test_what_an_engine_lacks_is_refused_by_name(config: dict[str, Any], path: str) -> None:
    with pytest.raises(Unimplemented) as error:
        sampling(engine=BARE, **config)

    assert error.value.message.startswith(f"`generation_config.{path}` is not supported by this server.")


def test_an_engine_tells_no_more_logprobs_than_it_can() -> None:
    five = Capabilities(context_tokens=8_192, top_logprobs=5)

    assert sampling(engine=five, responseLogprobs=True, logprobs=5).logprobs == 5
    with pytest.raises(Unimplemented, match=r"`generation_config\.logprobs`"):
        sampling(engine=five, responseLogprobs=True, logprobs=6)


def test_all_that_an_engine_lacks_is_named_at_once() -> None:
    with pytest.raises(Unimplemented, match=r"`generation_config\.top_k`, `generation_config\.seed` are not"):
        sampling(engine=BARE, topK=7, seed=1)


def test_defaults_and_zeros_ask_an_engine_for_nothing() -> None:
    asked = sampling(engine=BARE, topK=40, presencePenalty=0, frequencyPenalty=0)

    assert (asked.top_k, asked.presence_penalty, asked.frequency_penalty) == (None, None, None)
