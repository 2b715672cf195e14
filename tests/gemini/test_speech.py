from __future__ import annotations

from collections.abc import Iterable

from geminid.gemini.speech import Said, Speech
from geminid.generation import (
    Called,
    Delta,
    FunctionCall,
    Generation,
    JsonSchema,
    Logprob,
    Sampling,
    Thinking,
    TokenLogprobs,
    Usage,
)


def delta(text: str, *tokens: tuple[str, float], thought: bool = False) -> Delta:
    """A piece of text with the log probabilities of its tokens."""
    places = tuple(TokenLogprobs(Logprob(token, value)) for token, value in tokens)
    return Delta(text, tokens=len(tokens) or 1, logprobs=places, thought=thought)


def stopping(*sequences: str) -> Generation:
    return Generation((), sampling=Sampling(stop_sequences=sequences, logprobs=0))


def tokens(said: Iterable[Said | None]) -> list[list[str]]:
    return [[place.chosen.token for place in one.logprobs] for one in said if one]


def test_text_goes_out_as_it_comes() -> None:
    speech = Speech(Generation(()))

    assert speech.hear(Delta("a")) == Said("a")
    assert speech.hear(Delta("b")) == Said("b")
    assert speech.end() is None
    assert speech.usage(3) == Usage(3, 2)


def test_thoughts_go_out_where_they_are_asked_for() -> None:
    speech = Speech(Generation((), thinking=Thinking(include=True)))

    assert speech.hear(Delta("hm", thought=True)) == Said("hm", thought=True)
    assert speech.usage(0) == Usage(0, 0, thoughts=1)


def test_thoughts_are_only_counted_otherwise() -> None:
    speech = Speech(Generation(()))

    assert speech.hear(Delta("hm", thought=True)) is None
    assert speech.usage(0).thoughts == 1


def test_thoughts_are_not_looked_through_for_stop_sequences() -> None:
    speech = Speech(stopping("x"))

    speech.hear(Delta("x", thought=True))

    assert not speech.stopped


def test_log_probabilities_go_with_the_text_they_are_of() -> None:
    speech = Speech(stopping("STOP"))

    said = [speech.hear(delta("It S", ("It", -1), (" S", -2))), speech.hear(delta("at", ("at", -3))), speech.end()]

    assert tokens(said) == [["It", " S"], ["at"]]


def test_what_is_held_back_keeps_its_log_probabilities() -> None:
    speech = Speech(stopping("STOP"))

    said = [speech.hear(delta("a", ("a", -1))), speech.hear(delta("ST", ("ST", -2))), speech.end()]

    assert [one.text for one in said if one] == ["a", "ST"]
    assert tokens(said) == [["a"], ["ST"]]


def test_log_probabilities_of_what_is_cut_are_dropped() -> None:
    speech = Speech(stopping("STOP"))

    said = [speech.hear(delta("one ST", ("one", -1), (" ST", -3))), speech.hear(delta("OP two", ("OP", -5)))]

    assert speech.stopped
    assert tokens(said) == [["one", " ST"]]
    assert speech.average == -2


def test_a_token_that_begins_with_the_stop_sequence_is_dropped_whole() -> None:
    speech = Speech(stopping("STOP"))

    said = [speech.hear(delta("one", ("one", -1))), speech.hear(delta("STOP", ("STOP", -3)))]

    assert tokens(said) == [["one"]]
    assert speech.average == -1


def test_calls_wait_for_the_end_and_count() -> None:
    speech = Speech(Generation(()))

    assert speech.hear(Called(FunctionCall("f", {}), tokens=4)) is None
    assert speech.calls == [FunctionCall("f", {})]
    assert speech.usage(0).output == 4


def test_the_text_is_kept_where_there_is_something_to_hold_it_against() -> None:
    speech = Speech(Generation((), constraint=JsonSchema({})))

    speech.hear(Delta("[1,"))
    speech.hear(Delta(" 2]"))

    assert speech.text == "[1, 2]"
