"""What counts of a prompt: its texts, and the media in it."""

from __future__ import annotations

from geminid.attachment import Attachment, Kind, Media, Picture, Sound
from geminid.generation import (
    Calling,
    Function,
    FunctionCall,
    FunctionResponse,
    Generation,
    JsonSchema,
    Piece,
    Sampling,
    Text,
    Tools,
    Turn,
    spelled,
)

COUNTED = Media(Kind.IMAGE, ("A cat.", Picture(b"..."), "It sleeps."), tokens=258)
SONG = Media(Kind.AUDIO, (Sound(b"..."),), tokens=75)
NOTES = Media(Kind.TEXT, ("Milk, eggs",))


def prompt(*pieces: Piece) -> Generation:
    return Generation((Turn("user", pieces),))


def test_a_prompt_without_media() -> None:
    generation = prompt(Text("Hello"), Text("you"))

    assert generation.texts() == ["Hello", "you"]
    assert generation.descriptions() == []
    assert generation.media_tokens() == {Kind.TEXT: 0}


def test_texts_are_in_the_order_of_the_prompt() -> None:
    weather = Function("weather", "Tells it.", {"type": "object"})
    generation = Generation(
        (
            Turn("user", (Text("Rome?"),)),
            Turn("model", (FunctionCall("weather", {"city": "Rome"}, "id-1"),)),
            Turn("user", (FunctionResponse("weather", {"sky": "blue"}, "id-1"),)),
        ),
        system=(Text("Be brief."),),
        constraint=JsonSchema({"type": "string"}),
        tools=Tools((weather,), Calling.AUTO, frozenset({"weather"})),
    )

    assert generation.texts() == [
        "Be brief.",
        "Rome?",
        '{"name":"weather","args":{"city":"Rome"}}',
        '{"name":"weather","response":{"sky":"blue"}}',
        '{"name":"weather","description":"Tells it.","parameters":{"type":"object"}}',
        '{"type":"string"}',
    ]


def test_media_that_counts_by_a_rule_is_no_text() -> None:
    generation = prompt(Text("See:"), COUNTED, SONG, Text("Well?"))

    assert generation.texts() == ["See:", "Well?"]
    assert generation.descriptions() == ["A cat.\nIt sleeps.", ""]
    assert generation.media_tokens() == {Kind.TEXT: 0, Kind.IMAGE: 258, Kind.AUDIO: 75}


def test_media_that_is_text_counts_as_text() -> None:
    generation = prompt(NOTES, Text("Well?"))

    assert generation.texts() == ["Milk, eggs", "Well?"]
    assert generation.descriptions() == []
    assert generation.media_tokens() == {Kind.TEXT: 0}


def test_kinds_come_in_the_order_of_their_first_piece_and_add_up() -> None:
    counts = prompt(COUNTED, Text("and"), SONG, COUNTED).media_tokens()

    assert list(counts.items()) == [(Kind.IMAGE, 516), (Kind.TEXT, 0), (Kind.AUDIO, 75)]


def test_an_empty_prompt() -> None:
    assert Generation(()).texts() == []
    assert Generation(()).media_tokens() == {}


def test_attachments_of_all_turns() -> None:
    first, second = Attachment("image/png", b"1"), Attachment("audio/wav", uri="gs://bucket/a.wav")
    generation = Generation((Turn("user", (first, Text("?"))), Turn("model", (COUNTED,)), Turn("user", (second,))))

    assert generation.attachments == [first, second]


def test_spelled() -> None:
    assert spelled(COUNTED) == "A cat.\nIt sleeps."
    assert spelled(SONG) == ""
    assert spelled(Attachment("image/png", b"1")) == ""
    assert spelled(FunctionCall("f", {}, "id-1")) == '{"name":"f","args":{}}'


def test_candidates_differ_by_their_seed_alone() -> None:
    generation = Generation((Turn("user", (COUNTED,)),), sampling=Sampling(seed=7))

    assert generation.for_candidate(0) is generation
    assert generation.for_candidate(1).sampling.seed != 7
    assert generation.for_candidate(1).turns == generation.turns
