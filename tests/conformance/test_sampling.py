"""What generationConfig does to the embedded model's words. Seeds are fixed, so nothing is by chance."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from statistics import fmean
from typing import Any

import httpx
import pytest

from geminid.engines import weights
from geminid.engines.llama_process import Job, LlamaProcess

pytestmark = pytest.mark.model

STORY = "Tell me a story."


def text_of(candidate: dict[str, Any]) -> str:
    return "".join(part["text"] for part in candidate["content"].get("parts", []))


def ask(server: Any, **config: Any) -> dict[str, Any]:
    """The one candidate of an answer to ``STORY``, of 24 tokens where nothing else is said."""
    answer = server.ask(STORY, generationConfig={"maxOutputTokens": 24, **config})
    (candidate,) = answer["candidates"]
    found: dict[str, Any] = candidate
    return found


def chosen(candidate: dict[str, Any]) -> list[dict[str, Any]]:
    tokens: list[dict[str, Any]] = candidate["logprobsResult"]["chosenCandidates"]
    return tokens


@pytest.mark.parametrize("temperature", [0, 1, 2])
def test_the_same_seed_says_the_same(llama: Any, temperature: float) -> None:
    first, again = (text_of(ask(llama, temperature=temperature, seed=7)) for _ in range(2))

    assert first == again


@pytest.mark.parametrize("temperature", [1, 2])
def test_different_seeds_say_different_things(llama: Any, temperature: float) -> None:
    texts = {text_of(ask(llama, temperature=temperature, seed=seed)) for seed in range(5)}

    assert len(texts) == 5


def test_top_k_1_is_temperature_0(llama: Any) -> None:
    greedy = text_of(ask(llama, temperature=0))

    assert text_of(ask(llama, temperature=2, topK=1, seed=5)) == greedy
    assert text_of(ask(llama, temperature=2, topP=0, seed=5)) == greedy


def first_tokens(server: Any, top_k: int) -> set[int]:
    """The ids of the tokens that 24 answers begin with, at the highest temperature.

    A token that is the beginning of a letter is told with the rest of the letter, which never comes here.
    """
    config = {"temperature": 2, "topP": 1, "topK": top_k, "maxOutputTokens": 1, "responseLogprobs": True}
    answers = [
        server.ask(STORY, generationConfig={**config, "candidateCount": 8, "seed": seed}) for seed in range(3)
    ]
    candidates = [candidate for answer in answers for candidate in answer["candidates"]]
    return {chosen(candidate)[0]["tokenId"] for candidate in candidates if "logprobsResult" in candidate}


def test_top_k_leaves_the_most_likely_tokens(llama: Any) -> None:
    told = ask(llama, temperature=0, maxOutputTokens=1, responseLogprobs=True, logprobs=5)
    (place,) = told["logprobsResult"]["topCandidates"]
    likely = [one["tokenId"] for one in place["candidates"]]

    assert first_tokens(llama, top_k=2) == set(likely[:2])
    assert first_tokens(llama, top_k=5) <= set(likely)
    assert len(first_tokens(llama, top_k=40) - set(likely)) >= 5


def repeated(server: Any, **penalty: float) -> float:
    """The share of tokens that were said before, over eight candidates of 40 tokens."""
    config = {"candidateCount": 8, "seed": 1, "maxOutputTokens": 40, "responseLogprobs": True, **penalty}
    answer = server.ask(STORY, generationConfig=config)
    spoken = [[token["tokenId"] for token in chosen(candidate)] for candidate in answer["candidates"]]
    return fmean(1 - len(set(ids)) / len(ids) for ids in spoken)


def test_penalties_keep_the_model_from_repeating_itself(llama: Any) -> None:
    free = repeated(llama)

    for penalty in ("frequencyPenalty", "presencePenalty"):
        assert repeated(llama, **{penalty: 1.9}) < 0.7 * free
        assert repeated(llama, **{penalty: -1.9}) > 1.3 * free


def test_stop_sequences_are_never_in_the_answer(llama: Any) -> None:
    stops = [" a ", "the", ". ", ",", "\n"]
    for seed in range(6):
        text = text_of(ask(llama, seed=seed, stopSequences=stops))
        assert not any(stop in text for stop in stops), text


@pytest.mark.parametrize("tokens", [1, 2, 9])
def test_max_output_tokens_is_kept(llama: Any, tokens: int) -> None:
    answer = llama.ask(STORY, generationConfig={"temperature": 0, "maxOutputTokens": tokens})

    assert answer["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert answer["usageMetadata"]["candidatesTokenCount"] == tokens


def test_four_candidates(llama: Any) -> None:
    config = {"seed": 3, "maxOutputTokens": 16}
    one = llama.ask(STORY, generationConfig=config)
    four = llama.ask(STORY, generationConfig={**config, "candidateCount": 4})

    candidates, usage = four["candidates"], four["usageMetadata"]
    assert [candidate.get("index", 0) for candidate in candidates] == [0, 1, 2, 3]
    assert len({text_of(candidate) for candidate in candidates}) == 4
    assert text_of(candidates[0]) == text_of(one["candidates"][0])
    assert usage["promptTokenCount"] == one["usageMetadata"]["promptTokenCount"]
    assert usage["candidatesTokenCount"] == 4 * 16
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + 4 * 16


async def test_log_probabilities_are_those_of_llama_cpp(llama: Any) -> None:
    path = weights.cached(weights.CATALOGUE[weights.DEFAULT])
    assert path
    config = {"temperature": 1, "topP": 0.9, "topK": 20, "seed": 7, "responseLogprobs": True, "logprobs": 5}
    spoken = await asyncio.to_thread(_brief_story, llama, config)
    own = await _of_a_child_of_its_own(Job(path))

    assert [token["tokenId"] for token in chosen(spoken)] == [token["id"] for token in own]
    for token, place, expected in zip(chosen(spoken), spoken["logprobsResult"]["topCandidates"], own, strict=True):
        assert token["logProbability"] == pytest.approx(expected["logprob"], abs=1e-6)
        top = [(one["tokenId"], one["logProbability"]) for one in place["candidates"]]
        for (token_id, value), other in zip(top, expected["top_logprobs"], strict=True):
            assert token_id == other["id"]
            assert value == pytest.approx(other["logprob"], abs=1e-6)


def _brief_story(server: Any, config: dict[str, Any]) -> dict[str, Any]:
    answer = server.ask(
        STORY,
        systemInstruction={"parts": [{"text": "Be brief."}]},
        generationConfig={"maxOutputTokens": 24, **config},
    )
    candidate: dict[str, Any] = answer["candidates"][0]
    return candidate


async def _of_a_child_of_its_own(job: Job) -> list[dict[str, Any]]:
    """What llama.cpp says of the same story when it is asked without geminid."""
    process, told = await LlamaProcess.start(job, print, 60)
    body = {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": STORY}],
        "temperature": 1, "top_p": 0.9, "top_k": 20, "min_p": 0, "seed": 7, "max_tokens": 24,
        "logprobs": True, "top_logprobs": 5,
    }  # fmt: skip
    try:
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {process.key}"}, timeout=60) as http:
            answer = await http.post(f"http://127.0.0.1:{told.port}/v1/chat/completions", json=body)
    finally:
        await process.stop(5)
    places: list[dict[str, Any]] = answer.json()["choices"][0]["logprobs"]["content"]
    return places


def test_the_average_is_that_of_the_tokens(llama: Any) -> None:
    plain = ask(llama, seed=2)
    told = ask(llama, seed=2, responseLogprobs=True)

    mean = fmean(token["logProbability"] for token in chosen(told))
    assert told["avgLogprobs"] == pytest.approx(mean, abs=1e-6)
    assert plain["avgLogprobs"] == pytest.approx(mean, abs=1e-6)
    assert "logprobsResult" not in plain


def test_the_most_likely_tokens_come_in_order(llama: Any) -> None:
    told = ask(llama, temperature=0, responseLogprobs=True, logprobs=4)

    places = [place["candidates"] for place in told["logprobsResult"]["topCandidates"]]
    assert len(places) == len(chosen(told)) == 24
    for token, place in zip(chosen(told), places, strict=True):
        assert len(place) == 4
        assert all(better["logProbability"] >= worse["logProbability"] for better, worse in pairwise(place))
        assert place[0]["tokenId"] == token["tokenId"]


@pytest.mark.parametrize("stop", [".", "ar", "the"])
def test_log_probabilities_end_where_a_stop_sequence_cuts(llama: Any, stop: str) -> None:
    cut = ask(llama, temperature=0, responseLogprobs=True, logprobs=1, maxOutputTokens=64, stopSequences=[stop])

    text, tokens = text_of(cut), [token["token"] for token in chosen(cut)]
    assert "".join(tokens).startswith(text)
    assert text.startswith("".join(tokens[:-1]))
    assert len("".join(tokens[:-1])) < len(text)
    assert len(cut["logprobsResult"]["topCandidates"]) == len(tokens)
    assert cut["avgLogprobs"] == pytest.approx(fmean(token["logProbability"] for token in chosen(cut)), abs=1e-6)
