from __future__ import annotations

import asyncio
import re
import tomllib
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from geminid import errors
from geminid.attachment import Kind, Media, Picture
from geminid.engines.scripted import Script, Scripted
from geminid.generation import (
    Called,
    Calling,
    Choices,
    Delta,
    Event,
    Finish,
    FinishReason,
    Function,
    FunctionCall,
    FunctionResponse,
    Generation,
    JsonSchema,
    Logprob,
    Piece,
    Sampling,
    Text,
    TokenLogprobs,
    Tools,
    Turn,
    Usage,
)

SENTENCE = "This is a scripted answer."
PLACE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.fixture
def played(tmp_path: Path) -> Any:
    """An engine that plays the given TOML."""

    def play(toml: str) -> Scripted:
        path = tmp_path / "script.toml"
        path.write_text(toml, encoding="utf-8")
        return Scripted(Script.load(path))

    return play


def asking(text: str = "Hello", **sampling: Any) -> Generation:
    return Generation((Turn("user", (Text(text),)),), sampling=Sampling(**sampling))


def calling(mode: Calling, *names: str, allowed: str) -> Tools:
    return Tools(tuple(Function(name, "", PLACE) for name in names), mode, frozenset({allowed}))


def certain(token: str, token_id: int, logprob: float = -0.125) -> TokenLogprobs:
    """A token without alternatives."""
    chosen = Logprob(token, logprob, token_id)
    return TokenLogprobs(chosen, (chosen,))


async def events_of(engine: Scripted, generation: Generation | None = None) -> list[Event]:
    return [event async for event in engine.generate(generation or asking())]


async def said(engine: Scripted, generation: Generation | None = None) -> str:
    return "".join(event.text for event in await events_of(engine, generation) if isinstance(event, Delta))


async def test_without_a_script_it_says_one_sentence() -> None:
    events = await events_of(Scripted(), asking("What is the capital of France?"))

    assert "".join(event.text for event in events if isinstance(event, Delta)) == SENTENCE
    assert events[-2:] == [Finish(FinishReason.STOP), Usage(prompt=7, output=6)]


async def test_the_first_answer_whose_when_was_asked_is_said(played: Any) -> None:
    engine = played("""
        answers = [
          {when = "capital of France", chunks = ["Paris"]},
          {when = "capital", chunks = ["I do not know."]},
          {chunks = ["Hm."]},
        ]
    """)

    assert await said(engine, asking("What is the capital of Peru?")) == "I do not know."
    assert await said(engine, asking("What is the capital of France?")) == "Paris"
    assert await said(engine, asking("How are you?")) == "Hm."


async def test_only_the_last_user_text_is_matched(played: Any) -> None:
    engine = played('answers = [{when = "Hello", chunks = ["Hi"]}, {chunks = ["Bye"]}]')
    turns = (Turn("user", (Text("Hello"),)), Turn("model", (Text("Hi"),)), Turn("user", (Text("I must go"),)))

    assert await said(engine, Generation(turns)) == "Bye"


async def test_answers_without_when_take_turns_and_the_last_one_stays(played: Any) -> None:
    engine = played('answers = [{chunks = ["one"]}, {chunks = ["two"]}]')

    assert [await said(engine) for _ in range(3)] == ["one", "two", "two"]


async def test_a_failure_after_some_chunks_and_then_success(played: Any) -> None:
    engine = played("""
        answers = [
          {chunks = ["a", "b", "c"], fail = {code = "UNAVAILABLE", after_chunks = 2}},
          {chunks = ["fine"]},
        ]
    """)
    stream = engine.generate(asking())

    assert [await anext(stream), await anext(stream)] == [Delta("a"), Delta("b")]
    with pytest.raises(errors.Unavailable, match=re.escape(errors.OVERLOADED)):
        await anext(stream)
    assert await said(engine) == "fine"


async def test_a_failure_has_the_code_and_the_message_of_the_script(played: Any) -> None:
    engine = played('answers = [{fail = {code = "RESOURCE_EXHAUSTED", message = "Slow down."}}]')

    with pytest.raises(errors.ResourceExhausted, match=r"^Slow down\.$"):
        await events_of(engine)


async def test_probabilities_finish_reason_and_usage_are_those_of_the_script(played: Any) -> None:
    engine = played("""
        [[answers]]
        chunks = [{text = "Yes", tokens = 2, top = {No = -2.5, Yes = -0.1}}, {text = "!", logprob = -0.5}]
        finish = "SAFETY"
        finish_message = "Too harmful."
        usage = {prompt = 10, cached = 4, thoughts = 3}
    """)

    yes, mark, finish, usage = await events_of(engine, asking(logprobs=5))

    top = (Logprob("Yes", -0.1, 1303016265), Logprob("No", -2.5, 1915620541))
    assert yes == Delta("Yes", tokens=2, logprobs=(TokenLogprobs(top[0], top),))
    assert mark == Delta("!", logprobs=(certain("!", 510394323, -0.5),))
    assert finish == Finish(FinishReason.SAFETY, message="Too harmful.")
    assert usage == Usage(prompt=10, output=3, cached=4, thoughts=3)


@pytest.mark.parametrize(
    ("asked", "told"), [(None, None), (0, []), (1, [" b"]), (2, [" b", " a"]), (9, [" b", " a", " c"])]
)
async def test_as_many_alternatives_are_told_as_were_asked_for(
    played: Any, asked: int | None, told: list[str] | None
) -> None:
    engine = played('answers = [{chunks = [{text = " a", top = {" a" = -1, " c" = -2, " b" = -0.5}}]}]')

    delta, *_ = await events_of(engine, asking(logprobs=asked))

    assert [place.chosen.token for place in delta.logprobs] == ([] if told is None else [" a"])
    assert [top.token for place in delta.logprobs for top in place.top] == (told or [])


async def test_where_the_script_tells_no_probabilities_every_token_has_one(played: Any) -> None:
    engine = played('answers = [{chunks = [{text = "Hm", thought = true}, "Hello, you", {call = {name = "f"}}]}]')
    tokenized = await engine.tokenize(["Hm", "Hello, you", '{"name":"f","args":{}}'])

    *said, _, _ = await events_of(engine, asking(logprobs=1))

    assert [event.logprobs for event in said] == [
        tuple(certain(token.piece.decode(), token.id) for token in tokens) for tokens in tokenized
    ]
    assert [event.tokens for event in said] == [len(tokens) for tokens in tokenized]


async def test_thoughts_come_first_and_are_counted_apart(played: Any) -> None:
    engine = played("""
        answers = [
          {chunks = [{text = "Let me see.", thought = true}, "Paris"]},
          {chunks = [{text = "Let me see.", thought = true}, "Paris"], usage = {thoughts = 100}},
        ]
    """)

    thought, text, _, usage = await events_of(engine)

    assert thought == Delta("Let me see.", tokens=4, thought=True)
    assert text == Delta("Paris")
    assert usage == Usage(prompt=1, output=1, thoughts=4)
    assert (await events_of(engine))[-1] == Usage(prompt=1, output=1, thoughts=100)


async def test_calls_come_whole_after_the_text(played: Any) -> None:
    engine = played("""
        [[answers]]
        chunks = [
          "One moment.",
          {call = {name = "book", args = {day = 2026-05-01, seats = 2}, id = "c1"}, tokens = 7},
          {call = {name = "pay"}},
        ]
    """)

    text, book, pay, finish, usage = await events_of(engine)

    assert text == Delta("One moment.", tokens=3)
    assert book == Called(FunctionCall("book", {"day": "2026-05-01", "seats": 2}, "c1"), tokens=7)
    assert pay == Called(FunctionCall("pay", {}), tokens=16)
    assert finish == Finish(FinishReason.STOP)
    assert usage == Usage(prompt=1, output=3 + 7 + 16)


@pytest.mark.parametrize(
    ("last", "answer"),
    [
        ([Text("Is it sunny in Paris?")], "asked"),
        ([FunctionResponse("get_weather", {"sky": "clear", "celsius": 21})], "responded"),
        ([FunctionCall("get_weather", {"city": "Nice"})], "called"),
        ([Text("And?"), FunctionResponse("get_time", {"hour": 12})], "else"),
    ],
)
async def test_calls_and_their_responses_are_matched_as_json(played: Any, last: list[Piece], answer: str) -> None:
    engine = played("""
        answers = [
          {when = "Paris", chunks = ["asked"]},
          {when = '"celsius":21', chunks = ["responded"]},
          {when = '{"city":"Nice"}', chunks = ["called"]},
          {chunks = ["else"]},
        ]
    """)

    assert await said(engine, Generation((Turn("user", tuple(last)),))) == answer


async def test_the_tool_loop_of_the_documentation(played: Any) -> None:
    page = (Path(__file__).parents[2] / "docs" / "scripted.md").read_text()
    loop = next(toml for toml in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "call =" in toml)
    when = {answer["when"] for answer in tomllib.loads(loop)["answers"]}
    engine = played(loop)

    asked = replace(
        asking("What is the weather in Paris?"), tools=calling(Calling.AUTO, "weather", allowed="weather")
    )
    *_, called, _, _ = await events_of(engine, asked)
    responded = Turn("user", (FunctionResponse(called.call.name, {"sky": "sunny"}),))

    assert when == {"weather in Paris", "sunny"}
    assert await said(engine, Generation((responded,))) == "It is sunny in Paris."


async def test_without_tools_an_answer_that_calls_is_passed_over(played: Any) -> None:
    engine = played("""
        answers = [{when = "Paris", chunks = [{call = {name = "weather"}}]}, {when = "Paris", chunks = ["Sunny."]}]
    """)

    assert await said(engine, asking("What is the weather in Paris?")) == "Sunny."


CONFORM = "answers = [{conform = true}]"


@pytest.mark.parametrize("script", ["", CONFORM])
async def test_without_chunks_a_call_that_must_be_made_is_made(played: Any, script: str) -> None:
    generation = replace(asking(), tools=calling(Calling.ANY, "f", "g", allowed="g"), constraint=Choices(("a",)))

    called, finish, usage = await events_of(played(script), generation)

    assert called.call == FunctionCall("g", {"city": "1"})
    assert finish == Finish(FinishReason.STOP)
    assert usage.output == called.tokens > 0


@pytest.mark.parametrize("script", ["", CONFORM])
@pytest.mark.parametrize("tools", [None, calling(Calling.AUTO, "f", allowed="f")])
async def test_without_chunks_a_schema_is_satisfied_token_by_token(
    played: Any, script: str, tools: Tools | None
) -> None:
    generation = replace(asking(), constraint=JsonSchema(PLACE), tools=tools)

    *deltas, _, usage = await events_of(played(script), generation)

    assert "".join(delta.text for delta in deltas) == '{"city": "1"}'
    assert {delta.tokens for delta in deltas} == {1}
    assert usage.output == len(deltas)


async def test_without_chunks_the_first_choice_is_said(played: Any) -> None:
    generation = replace(asking(), constraint=Choices(("very good", "bad")))

    very, good, *_ = await events_of(played(CONFORM), generation)

    assert [very, good] == [Delta("very"), Delta(" good")]


async def test_without_chunks_and_wishes_one_sentence_is_said(played: Any) -> None:
    engine = played('answers = [{conform = true, finish = "OTHER"}]')

    *_, finish, _ = await events_of(engine)

    assert await said(engine, replace(asking(), tools=calling(Calling.AUTO, "f", allowed="f"))) == SENTENCE
    assert await said(engine) == SENTENCE
    assert finish == Finish(FinishReason.OTHER)


async def test_the_limits_hold_for_what_conforms(played: Any) -> None:
    generation = replace(asking(max_output_tokens=2), constraint=JsonSchema(PLACE))

    assert await said(played(CONFORM), generation) == '{"'


async def test_a_schema_that_nothing_satisfies_is_refused() -> None:
    generation = replace(asking(), constraint=JsonSchema({"type": "integer", "minimum": 2, "maximum": 1}))

    with pytest.raises(errors.InvalidArgument, match=r"minimum \(2\) is greater than maximum \(1\)"):
        await events_of(Scripted(), generation)


async def test_what_was_scripted_is_said_whatever_is_asked_for(played: Any) -> None:
    generation = replace(asking(), tools=calling(Calling.ANY, "f", allowed="f"), constraint=Choices(("a",)))

    assert await said(played('answers = [{chunks = ["I will not."]}]'), generation) == "I will not."


async def test_delays(played: Any) -> None:
    engine = played('answers = [{first_delay_ms = 30, chunks = ["a", {text = "b", delay_ms = 30}]}]')
    loop = asyncio.get_running_loop()
    began = loop.time()

    await events_of(engine)

    assert loop.time() - began >= 0.06


async def test_what_a_stop_sequence_leaves_of_a_chunk_has_probabilities(played: Any) -> None:
    engine = played('answers = [{chunks = ["one two, three"]}]')

    delta, *_ = await events_of(engine, asking(stop_sequences=(", ",), logprobs=0))

    assert [place.chosen.token for place in delta.logprobs] == ["one", " two"]


async def test_a_hanging_answer_runs_until_it_is_closed(played: Any) -> None:
    engine = played('answers = [{chunks = ["a"], hang = true}]')

    async with aclosing(engine.generate(asking())) as stream:
        assert await anext(stream) == Delta("a")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await anext(stream)

    assert engine.active == 0


async def test_a_stop_sequence_comes_before_the_hanging(played: Any) -> None:
    engine = played('answers = [{chunks = ["1 2 E", "N", "D 3"], hang = true}]')

    assert await said(engine, asking(stop_sequences=("END",))) == "1 2 "


async def test_a_script_without_delays_can_be_cancelled(played: Any) -> None:
    engine = played('answers = [{chunks = [" word"], repeat = 1_000_000}]')
    reading = asyncio.create_task(events_of(engine))
    await asyncio.sleep(0)
    assert engine.active == 1

    reading.cancel()
    await asyncio.wait([reading])

    assert reading.cancelled()
    assert engine.active == 0


async def test_tokens_are_words_numbers_and_other_characters() -> None:
    texts = ["Hello, world!", "", "  two spaces", "你好 x2", "a\n\nb", "👍🏽"]

    assert await Scripted().count_tokens(texts) == [4, 0, 3, 2, 3, 2]


async def test_the_id_of_a_token_is_a_hash_that_fits_an_int32() -> None:
    tokens, again = await Scripted().tokenize(["Yes No!", "! Yes"])

    assert {token.piece: token.id for token in tokens} == {b"Yes": 1303016265, b" No": 1962639792, b"!": 510394323}
    assert again[0] == tokens[-1]


async def test_nobody_judges_what_it_says() -> None:
    assert Scripted().capabilities.scripted


async def test_a_prompt_longer_than_its_window_is_refused(played: Any) -> None:
    engine = played("context_tokens = 3")

    with pytest.raises(errors.PromptTooLong, match="input token count is 4 but model only supports up to 3"):
        await events_of(engine, asking("one two three four"))
    assert engine.capabilities.context_tokens == 3


async def test_it_has_no_embeddings() -> None:
    with pytest.raises(errors.Unimplemented):
        await Scripted().embed(["Hello"])


def test_senses_are_those_of_the_script(played: Any) -> None:
    assert Scripted().capabilities.sees
    assert Scripted().capabilities.hears
    blind = played("sees = false").capabilities
    assert (blind.sees, blind.hears) == (False, True)
    deaf = played("hears = false").capabilities
    assert (deaf.sees, deaf.hears) == (True, False)


async def test_words_about_media_are_looked_through(played: Any) -> None:
    engine = played("""
        [[answers]]
        when = "a cat"
        chunks = ["Meow."]
    """)
    photo = Media(Kind.IMAGE, ("[A photo of a cat]", Picture(b"...")), 258)

    events = [event async for event in engine.generate(Generation((Turn("user", (photo,)),)))]

    assert events[0] == Delta("Meow.", tokens=2)
