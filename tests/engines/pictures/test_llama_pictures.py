"""Pictures on their whole way into the embedded engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from geminid import errors
from geminid.attachment import Kind, Media, Picture, Shown, Sound
from geminid.engines.llama import Llama
from geminid.engines.llama_process import Job, LlamaProcess, StartFailed
from geminid.generation import Delta, Generation, JsonSchema, Sampling, Text, Turn, Usage

pytestmark = pytest.mark.model

PICTURE_TOKENS = 16
SILENCE = Sound(b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data\0\0\0\0")


@pytest.fixture
async def llama_of(smollm2: Path) -> AsyncIterator[Callable[..., Any]]:
    """Starts engines that are small."""
    made = []

    async def make(**options: Any) -> Llama:
        made.append(Llama(smollm2, slots=2, context_tokens=1024, **options))
        await made[-1].start()
        async with asyncio.timeout(30):
            await made[-1].wait_ready()
        return made[-1]

    yield make
    for engine in made:
        await engine.aclose()


@pytest.fixture
async def seeing(llama_of: Any, projector: Path) -> Llama:
    engine = await llama_of(projector=projector)
    assert isinstance(engine, Llama)
    return engine


def showing(*shown: Shown, **more: Any) -> Generation:
    """Asks about what is shown; texts are the user's."""
    pieces = [Text(each) if isinstance(each, str) else Media(Kind.IMAGE, (each,), 258) for each in shown]
    return Generation(
        (Turn("user", tuple(pieces)),), sampling=Sampling(temperature=0, max_output_tokens=12), **more
    )


async def likelihoods(engine: Llama, generation: Generation) -> list[float]:
    """The log probability of each token of the answer."""
    told = replace(generation, sampling=replace(generation.sampling, logprobs=0))
    deltas = [event async for event in engine.generate(told) if isinstance(event, Delta)]
    return [place.chosen.logprob for delta in deltas for place in delta.logprobs]


async def answer(engine: Llama, generation: Generation) -> tuple[str, Usage]:
    events = [event async for event in engine.generate(generation)]
    (usage,) = (event for event in events if isinstance(event, Usage))
    return "".join(event.text for event in events if isinstance(event, Delta)), usage


async def test_a_projector_makes_it_see(seeing: Llama, llama_of: Any) -> None:
    blind = await llama_of()

    assert (seeing.capabilities.sees, seeing.capabilities.hears) == (True, False)
    assert (blind.capabilities.sees, blind.capabilities.hears) == (False, False)


async def test_pictures_stand_in_the_prompt(seeing: Llama, red: Picture, blue: Picture) -> None:
    _, none = await answer(seeing, showing("What is", "this?"))
    _, one = await answer(seeing, showing("What is", red, "this?"))
    _, two = await answer(seeing, showing("What is", red, blue, "this?"))

    # Beside its tokens a picture costs no line end, since the texts around it are no longer one.
    assert one.prompt - none.prompt == pytest.approx(PICTURE_TOKENS, abs=1)
    assert two.prompt - one.prompt == PICTURE_TOKENS


async def test_another_picture_makes_other_words_likely(seeing: Llama, red: Picture, blue: Picture) -> None:
    first, other, again = [
        await likelihoods(seeing, showing("What is", picture, "this?")) for picture in (red, blue, red)
    ]

    assert first == again
    assert first != other


async def test_the_order_of_texts_and_pictures_is_kept(seeing: Llama, red: Picture) -> None:
    """What stands before the first difference of two prompts comes out of the cache."""
    await answer(seeing, showing("One two three four five six seven eight.", red))
    _, text_first = await answer(seeing, showing("One two three four five six seven eight.", red, "Nine?"))
    _, picture_first = await answer(seeing, showing(red, "One two three four five six seven eight.", "Nine?"))

    assert text_first.cached > picture_first.cached + PICTURE_TOKENS


async def test_a_picture_is_asked_about_again_from_the_cache(seeing: Llama, red: Picture) -> None:
    said, first = await answer(seeing, showing(red, "What is this?"))
    said_again, again = await answer(seeing, showing(red, "What is this?"))

    assert said_again == said
    assert first.cached < PICTURE_TOKENS * 2 < again.cached
    assert again.prompt == first.prompt


async def test_answers_about_pictures_keep_to_schemas(seeing: Llama, red: Picture) -> None:
    said, _ = await answer(seeing, showing(red, "Is it red?", constraint=JsonSchema({"type": "boolean"})))

    assert said in ("true", "false")


async def test_pictures_of_several_callers_at_once(seeing: Llama, red: Picture, blue: Picture) -> None:
    alone = [await answer(seeing, showing(picture, "What?")) for picture in (red, blue)]
    together = await asyncio.gather(*(answer(seeing, showing(picture, "What?")) for picture in (red, blue)))

    assert [text for text, _ in together] == [text for text, _ in alone]


async def test_an_answer_about_a_picture_can_be_cancelled(seeing: Llama, red: Picture) -> None:
    async with aclosing(seeing.generate(showing(red, "What is this?"))) as events:
        await anext(events)

    assert seeing.active == 0
    said, _ = await answer(seeing, showing(red, "What is this?"))
    assert said


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (Picture(b"no picture at all"), (errors.InvalidArgument, "The model cannot read one of")),
        (Picture(b""), (errors.InvalidArgument, "The model cannot read one of")),
        (SILENCE, (errors.Unimplemented, "The model takes no audio input.")),
    ],
)
async def test_what_it_cannot_take_is_refused(
    seeing: Llama, red: Picture, shown: Shown, expected: tuple[type[errors.ApiError], str]
) -> None:
    kind, text = expected
    pid = seeing.pid

    with pytest.raises(kind, match=text):
        await answer(seeing, showing("What is this?", shown))

    assert (await answer(seeing, showing("What is this?", red)))[0]
    assert seeing.pid == pid


async def test_without_a_projector_pictures_are_refused(llama_of: Any, red: Picture) -> None:
    with pytest.raises(errors.Unimplemented, match=r"^The model takes no image input\.$"):
        await answer(await llama_of(), showing(red, "What is this?"))


async def test_a_picture_larger_than_the_window(seeing: Llama, red: Picture) -> None:
    with pytest.raises(errors.PromptTooLong):
        await answer(seeing, showing(*[red] * 70))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "geminid: cannot read eyes.gguf: No such file or directory"),
        (b"no GGUF file at all", "geminid: eyes.gguf is not a GGUF file"),
        (b"GGUF", "failed to read header"),
    ],
)
async def test_a_projector_that_cannot_be_loaded(
    smollm2: Path, tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    logged: list[str] = []
    wrong = tmp_path / "eyes.gguf"
    if content is not None:
        wrong.write_bytes(content)

    with pytest.raises(StartFailed, match=rf"^llama\.cpp ended \(exit status 1\): .*{complaint}$"):
        await LlamaProcess.start(Job(smollm2, wrong, slots=1, context_tokens=256), logged.append, 30)

    assert str(tmp_path) not in "".join(logged)
