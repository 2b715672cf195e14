"""Pictures and sound as parts of an OpenAI chat message. Pure; called by ``chat_messages.py``.

Forms as in https://platform.openai.com/docs/guides/images-vision and https://platform.openai.com/docs/guides/audio;
``audio_url`` is that of https://docs.vllm.ai/en/latest/features/multimodal_inputs.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TypeAlias, assert_never

import msgspec
import pybase64

from geminid.attachment import Media, Picture, Shown, Sound
from geminid.generation import Generation

Part: TypeAlias = dict[str, object]


def parts(shown: Iterable[Shown], *, audio_url: bool) -> list[Part]:
    """Texts that stand together are one part, parted by line ends; servers refuse parts without text."""
    made: list[Part] = []
    for is_text, group in groupby(shown, lambda each: isinstance(each, str)):
        if is_text:
            text = "\n".join(map(str, group))
            made += [{"type": "text", "text": text}] if text else []
        else:
            made += [_part(each, audio_url) for each in group]
    return made


def size(generation: Generation) -> int:
    """Bytes of the pictures and the sound in it."""
    return sum(
        _size(piece.shown) for turn in generation.turns for piece in turn.pieces if isinstance(piece, Media)
    )


def _size(shown: Sequence[Shown]) -> int:
    return sum(len(each.data) for each in shown if not isinstance(each, str))


def _part(shown: Shown, audio_url: bool) -> Part:
    match shown:
        case str():
            return {"type": "text", "text": shown}
        case Picture(data, mime_type):
            return {"type": "image_url", "image_url": {"url": _data_url(mime_type, data)}}
        case Sound(data) if audio_url:
            return {"type": "audio_url", "audio_url": {"url": _data_url("audio/wav", data)}}
        case Sound(data):
            return {"type": "input_audio", "input_audio": {"data": _json_text("", data), "format": "wav"}}
        case _:
            assert_never(shown)


def _data_url(mime_type: str, data: bytes) -> msgspec.Raw:
    return _json_text(f"data:{mime_type};base64,", data)


def _json_text(prefix: str, data: bytes) -> msgspec.Raw:
    """JSON already: the encoder need not look for what is to be escaped, which takes longer than base64 does."""
    return msgspec.Raw(b'"%b%b"' % (prefix.encode(), pybase64.b64encode(data)))
