"""Parts with media, as a generation has them before anybody looked at them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from geminid.attachment import WHOLE, Attachment, Resolution, Window
from geminid.engines.base import Capabilities
from geminid.errors import BadRequest, InvalidArgument
from geminid.gemini.profiles import Catalogue
from geminid.gemini.request import to_generation
from geminid.wire import json
from geminid.wire.generation import GenerateContentRequest

INLINE = {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}}
CLIP = {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/clip.mp4"}}


def attached(*parts: dict[str, Any], role: str = "user", **config: Any) -> list[Attachment]:
    model = Catalogue().find("gemini-2.5-flash")
    assert model
    contents = [{"role": role, "parts": list(parts)}, {"role": "user", "parts": [{"text": "Well?"}]}]
    body = msgspec.json.encode({"contents": contents, "generationConfig": config})
    request = json.decode(GenerateContentRequest, body)
    return to_generation(request, model.profile, Capabilities(8192)).attachments


def test_inline_data_is_bytes() -> None:
    (attachment,) = attached(INLINE)

    assert attachment == Attachment("image/png", b"\x89PNG", path="contents[0].parts[0].inline_data")


def test_file_data_is_a_reference() -> None:
    (attachment,) = attached({"text": "x"}, CLIP)

    assert attachment == Attachment("video/mp4", uri="gs://b/clip.mp4", path="contents[0].parts[1].file_data")


@pytest.mark.parametrize(
    ("metadata", "window"),
    [
        ({}, WHOLE),
        ({"startOffset": "2.5s"}, Window(start=2.5)),
        ({"startOffset": {"seconds": 1}, "endOffset": {"seconds": 2, "nanos": 500_000_000}}, Window(1.0, 2.5)),
        ({"fps": 0.5}, Window(fps=0.5)),
        ({"fps": 24}, Window(fps=24)),
    ],
)
def test_video_metadata_is_a_window(metadata: dict[str, Any], window: Window) -> None:
    (attachment,) = attached(CLIP | {"videoMetadata": metadata})

    assert attachment.window == window


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"fps": 25}, "fps value of 25"),
        ({"fps": -1}, "fps value of -1"),
        ({"startOffset": "-1s"}, "negative videoMetadata.startOffset"),
        ({"startOffset": "3s", "endOffset": "3s"}, "not after its startOffset"),
    ],
)
def test_a_window_that_cannot_be_is_refused(metadata: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words) as refusal:
        attached(CLIP | {"videoMetadata": metadata})

    (detail,) = refusal.value.details
    assert isinstance(detail, BadRequest)
    assert detail.violations[0].field.startswith("contents[0].parts[0].video_metadata")


def test_a_part_has_the_resolution_of_the_request_unless_it_has_its_own() -> None:
    own = INLINE | {"mediaResolution": {"level": "MEDIA_RESOLUTION_ULTRA_HIGH"}}

    found = attached(INLINE, own, mediaResolution="MEDIA_RESOLUTION_LOW")

    assert [attachment.resolution for attachment in found] == [Resolution.LOW, Resolution.ULTRA_HIGH]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"fileData": {"mimeType": "image/png"}}, "a fileData without a fileUri"),
        ({"inlineData": {"mimeType": "image/png"}}, "an empty inlineData"),
        ({"text": "x", "videoMetadata": {"fps": 1}}, "videoMetadata in a part without media"),
    ],
)
def test_what_says_nothing_is_refused(part: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        attached(part)


def test_media_is_the_users() -> None:
    with pytest.raises(InvalidArgument, match="media in a turn of the model"):
        attached(INLINE, role="model")
