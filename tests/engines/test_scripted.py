from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from pathlib import Path
from typing import Any, get_args

import pytest

from geminid import errors
from geminid.engines.script import FinishName
from geminid.engines.scripted import Script, Scripted, ScriptError
from geminid.generation import (
    Delta,
    Event,
    Finish,
    FinishReason,
    Generation,
    Logprob,
    Sampling,
    Text,
    TokenLogprobs,
    Turn,
    Usage,
)


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


async def events_of(engine: Scripted, generation: Generation | None = None) -> list[Event]:
    return [event async for event in engine.generate(generation or asking())]


async def said(engine: Scripted, generation: Generation | None = None) -> str:
    return "".join(event.text for event in await events_of(engine, generation) if isinstance(event, Delta))


async def test_without_a_script_it_says_one_sentence() -> None:
    events = await events_of(Scripted(), asking("What is the capital of France?"))

    assert "".join(event.text for event in events if isinstance(event, Delta)) == "This is a scripted answer."
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
        usage = {prompt = 10, cached = 4, thoughts = 3}
    """)

    yes, mark, finish, usage = await events_of(engine)

    top = (Logprob("Yes", -0.1), Logprob("No", -2.5))
    assert yes == Delta("Yes", tokens=2, logprobs=(TokenLogprobs(Logprob("Yes", -0.1), top),))
    assert mark == Delta("!", logprobs=(TokenLogprobs(Logprob("!", -0.5)),))
    assert finish == Finish(FinishReason.SAFETY)
    assert usage == Usage(prompt=10, output=3, cached=4, thoughts=3)


async def test_delays(played: Any) -> None:
    engine = played('answers = [{first_delay_ms = 30, chunks = ["a", {text = "b", delay_ms = 30}]}]')
    loop = asyncio.get_running_loop()
    began = loop.time()

    await events_of(engine)

    assert loop.time() - began >= 0.06


@pytest.mark.parametrize(
    ("limit", "text", "reason"),
    [
        (1, "Hello", FinishReason.MAX_TOKENS),
        (2, "Hello,", FinishReason.MAX_TOKENS),
        (3, "Hello, world", FinishReason.MAX_TOKENS),
        (4, "Hello, world!", FinishReason.STOP),
        (9, "Hello, world!", FinishReason.STOP),
    ],
)
async def test_the_limit_cuts_between_tokens(played: Any, limit: int, text: str, reason: FinishReason) -> None:
    engine = played('answers = [{chunks = ["Hello, world", "!"]}]')

    *deltas, finish, usage = await events_of(engine, asking(max_output_tokens=limit))

    assert "".join(delta.text for delta in deltas) == text
    assert finish == Finish(reason)
    assert usage.output == sum(delta.tokens for delta in deltas) == min(limit, 4)


async def test_a_chunk_with_a_count_of_its_own_is_not_cut(played: Any) -> None:
    engine = played('answers = [{chunks = ["Hello", {text = " world", tokens = 5}]}]')

    assert await said(engine, asking(max_output_tokens=4)) == "Hello"


@pytest.mark.parametrize(
    ("chunks", "stops", "text"),
    [
        (["public static string reverse(string myString)"], ("Str", "reverse"), "public static string "),
        (["1 2 E", "N", "D 3"], ("END",), "1 2 "),
        (["1 2 EN"], ("END",), "1 2 EN"),
        (["abcd"], ("abcd", "bc"), "a"),
        (["abcd"], ("cd", "bcd"), "a"),
        (["stop"], ("stop",), ""),
    ],
)
async def test_stop_sequences_cut_before_the_first_one(
    played: Any, chunks: list[str], stops: tuple[str, ...], text: str
) -> None:
    engine = played(f"answers = [{{chunks = {chunks}, hang = true}}]") if text == "1 2 " else None
    engine = engine or played(f"answers = [{{chunks = {chunks}}}]")

    *deltas, finish, usage = await events_of(engine, asking(stop_sequences=stops))

    assert "".join(delta.text for delta in deltas) == text
    assert finish == Finish(FinishReason.STOP)
    assert usage.output == sum(delta.tokens for delta in deltas)


async def test_a_stop_sequence_beyond_the_limit_does_not_count(played: Any) -> None:
    engine = played('answers = [{chunks = ["a", " b", " c", " END"]}]')

    *_, finish, _ = await events_of(engine, asking(max_output_tokens=2, stop_sequences=("END",)))

    assert finish == Finish(FinishReason.MAX_TOKENS)


async def test_a_hanging_answer_runs_until_it_is_closed(played: Any) -> None:
    engine = played('answers = [{chunks = ["a"], hang = true}]')

    async with aclosing(engine.generate(asking())) as stream:
        assert await anext(stream) == Delta("a")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await anext(stream)

    assert engine.active == 0


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


async def test_a_prompt_longer_than_its_window_is_refused(played: Any) -> None:
    engine = played("context_tokens = 3")

    with pytest.raises(errors.PromptTooLong, match="input token count is 4 but model only supports up to 3"):
        await events_of(engine, asking("one two three four"))
    assert engine.capabilities.context_tokens == 3


async def test_it_has_no_embeddings() -> None:
    with pytest.raises(errors.Unimplemented):
        await Scripted().embed(["Hello"])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"answer": []}', "unknown field `answer`"),
        ('{"answers": [{"chunks": ["a"], "repeat": 0}]}', r"at `\$\.answers\[0\]\.repeat`"),
        ('{"answers": [{"chunks": [{"txt": "a"}]}]}', r"at `\$\.answers\[0\]\.chunks\[0\]`"),
        ('{"answers": [{"fail": {"code": "BUSY"}}]}', r"`code` is 'BUSY', .* at `\$\.answers\[0\]\.fail`"),
        ('{"answers": [{"chunks": [{"text": "a", "top": {"b": -1}}]}]}', "`top` lacks 'a'"),
        ('{"answers": [{"finish": "DONE"}]}', r"'DONE' - at `\$\.answers\[0\]\.finish`"),
        ("{", "truncated"),
    ],
)
def test_a_wrong_script_is_refused_by_file_and_key(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(content)

    with pytest.raises(ScriptError, match=rf"wrong\.json: .*{complaint}"):
        Script.load(path)


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"cannot read .*none\.toml: No such file"):
        Script.load(tmp_path / "none.toml")


def test_every_finish_reason_has_a_name_in_scripts() -> None:
    assert set(get_args(FinishName)) == {reason.name for reason in FinishReason}
