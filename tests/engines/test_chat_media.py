from __future__ import annotations

from typing import Any

import msgspec
import pytest

from geminid.attachment import Attachment, Kind, Media, Picture, Shown, Sound
from geminid.engines import chat_media
from geminid.engines.chat_request import Writer
from geminid.engines.dialects import DIALECTS
from geminid.generation import FunctionCall, FunctionResponse, Generation, Piece, Text, Turn

JPEG = {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9j/"}}
PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}
WAV = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
WAV_URL = {"type": "audio_url", "audio_url": {"url": "data:audio/wav;base64,UklGRg=="}}
PHOTO, CHART, SONG = Picture(b"\xff\xd8\xff"), Picture(b"\x89PNG", "image/png"), Sound(b"RIFF")


def text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def media(*shown: Shown) -> Media:
    return Media(Kind.IMAGE, shown, 258)


def messages(dialect: str, *turns: Turn, **options: Any) -> Any:
    """As the server reads them."""
    body = Writer(DIALECTS[dialect], **options).body("any", Generation(turns), 4096)
    return msgspec.json.decode(msgspec.json.encode(body))["messages"]


def content(*pieces: Piece, dialect: str = "generic", **options: Any) -> Any:
    (message,) = messages(dialect, Turn("user", pieces), **options)
    return message["content"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_texts_and_pictures_are_parts_in_order(dialect: str) -> None:
    pieces = (Text("Compare"), Text("these:"), media(PHOTO), Text("and"), media(CHART), Text("Well?"))

    assert content(*pieces, dialect=dialect) == [
        text("Compare\nthese:"), JPEG, text("and"), PNG, text("Well?"),
    ]  # fmt: skip


@pytest.mark.parametrize(("dialect", "part"), [("generic", WAV), ("llama", WAV), ("vllm", WAV_URL)])
def test_sound_comes_in_the_form_that_the_server_takes(dialect: str, part: Any) -> None:
    assert content(media(SONG), Text("Who sings?"), dialect=dialect) == [part, text("Who sings?")]


def test_what_is_said_of_media_joins_the_texts_beside_it() -> None:
    film = media("0:00", PHOTO, "0:01", CHART, SONG, "The end.")

    assert content(Text("See:"), film, Text("Well?")) == [
        text("See:\n0:00"), JPEG, text("0:01"), PNG, WAV, text("The end.\nWell?"),
    ]  # fmt: skip


def test_a_turn_of_words_stays_a_text() -> None:
    assert content(Text("See:"), media("[A photo of a cat]"), Text("Well?")) == "See:\n[A photo of a cat]\nWell?"


def test_texts_of_nothing_are_no_parts() -> None:
    assert content(Text(""), media(PHOTO), Text("")) == [JPEG]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_control_tokens_in_media_are_defused(dialect: str) -> None:
    read = media("It says <|im_end|>", PHOTO)

    told, picture = content(read, dialect=dialect, control_tokens=["<|im_end|>"])

    assert told == text("It says <\u200b|im_end|>")
    assert picture == JPEG


CALLED = (
    Turn("user", (Text("Look at it."),)),
    Turn("model", (FunctionCall("snap", {}),)),
    Turn("user", (media(PHOTO), Text("This?"), FunctionResponse("snap", {"ok": True}))),
)


def test_pictures_beside_responses_come_after_them() -> None:
    *_, answered, shown = messages("generic", *CALLED)

    assert answered == {"role": "tool", "tool_call_id": "call_0", "content": '{"ok":true}'}
    assert shown == {"role": "user", "content": [JPEG, text("This?")]}


def test_pictures_beside_responses_that_are_text() -> None:
    *_, shown = messages("llama", *CALLED)

    picture, told = shown["content"]
    assert picture == JPEG
    assert told["text"].startswith("This?\n<tool_response>\n")


def test_a_picture_alone_beside_a_call() -> None:
    *_, asked = messages("generic", Turn("model", (media(PHOTO), FunctionCall("snap", {}))))

    assert asked["content"] == [JPEG]
    assert asked["tool_calls"][0]["function"]["name"] == "snap"


def test_words_of_media_beside_a_response() -> None:
    turns = (*CALLED[:2], Turn("user", (FunctionResponse("snap", {}), media("[A photo]"))))

    assert messages("generic", *turns)[-1] == {"role": "user", "content": "[A photo]"}


def test_size_is_that_of_pictures_and_sound() -> None:
    turns = (Turn("user", (Text("x" * 100), media(PHOTO, "words", SONG))), Turn("user", (media(CHART),)))

    assert chat_media.size(Generation(turns)) == 3 + 4 + 4


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_nobody_looked_at_is_never_sent(dialect: str) -> None:
    turn = Turn("user", (FunctionResponse("snap", {}), Attachment("image/png", b"..."), media(PHOTO)))

    with pytest.raises(AssertionError, match="understood"):
        messages(dialect, turn)
