from __future__ import annotations

from typing import Any

import pytest

from geminid.doors.openai.chat import ContentPart, File, InputAudio, MediaURL
from geminid.doors.openai.parts import to_part
from geminid.errors import BadRequest, InvalidArgument
from geminid.wire.content import Blob, FileData, Part, PartMediaResolution, PartMediaResolutionLevel
from geminid.wire.message import Bytes


def image(url: str, **options: Any) -> ContentPart:
    return ContentPart(type="image_url", image_url=MediaURL(url=url, **options) if options else url)


def inline(mime_type: str, data: bytes) -> Part:
    return Part(inline_data=Blob(mime_type=mime_type, data=Bytes(data)))


def file(mime_type: str, uri: str) -> Part:
    return Part(file_data=FileData(mime_type=mime_type, file_uri=uri))


@pytest.mark.parametrize(
    ("uri", "mime_type"),
    [
        ("gs://cloud-samples-data/generative-ai/image/scones.jpg", "image/jpeg"),
        ("https://example.com/a/b.PNG?size=large#top", "image/png"),
        ("gs://bucket/report.pdf", "application/pdf"),
        ("gs://bucket/film.mp4", "video/mp4"),
        ("https://example.com/image", ""),
        ("https://example.com/archive.unknown", ""),
    ],
)
def test_media_by_reference_gets_its_type_from_its_name(uri: str, mime_type: str) -> None:
    assert to_part(image(uri), "p") == file(mime_type, uri)


@pytest.mark.parametrize(
    ("uri", "part"),
    [
        ("data:image/png;base64,aGk=", inline("image/png", b"hi")),
        ("data:image/PNG;charset=x;BASE64,aGk", inline("image/png", b"hi")),
        ("data:application/pdf;base64,-_8=", inline("application/pdf", b"\xfb\xff")),
        ("data:text/plain,a%20b", inline("text/plain", b"a b")),
        ("data:,x", inline("text/plain", b"x")),
    ],
)
def test_a_data_uri_is_inline_data(uri: str, part: Part) -> None:
    assert to_part(image(uri), "p") == part


def test_detail_is_a_media_resolution() -> None:
    high = PartMediaResolution(level=PartMediaResolutionLevel.MEDIA_RESOLUTION_HIGH)

    assert to_part(image("gs://b/a.png", detail="high"), "p").media_resolution == high
    assert to_part(image("gs://b/a.png", detail="auto"), "p").media_resolution is None


@pytest.mark.parametrize(
    ("audio", "part"),
    [
        (InputAudio(data="aGk=", format="wav"), inline("audio/wav", b"hi")),
        (InputAudio(data="aGk=", format="mp3"), inline("audio/mpeg", b"hi")),
        (InputAudio(data="aGk=", format="audio/x-any"), inline("audio/x-any", b"hi")),
        (InputAudio(data="aGk=", format="pcm16"), inline("audio/pcm16", b"hi")),
        (InputAudio(data="gs://bucket/speech", format="mp3"), file("audio/mpeg", "gs://bucket/speech")),
    ],
)
def test_audio_is_base64_or_a_uri(audio: InputAudio, part: Part) -> None:
    assert to_part(ContentPart(type="input_audio", input_audio=audio), "p") == part


@pytest.mark.parametrize(
    ("given", "part"),
    [
        (File(file_data="data:application/pdf;base64,aGk="), inline("application/pdf", b"hi")),
        (File(file_data="aGk=", filename="report.pdf"), inline("application/pdf", b"hi")),
        (File(file_id="gs://bucket/x", filename="x.txt"), file("text/plain", "gs://bucket/x")),
    ],
)
def test_a_file_is_data_or_a_uri(given: File, part: Part) -> None:
    assert to_part(ContentPart(type="file", file=given), "p") == part


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (ContentPart(type="hologram"), "p.type"),
        (ContentPart(type="text"), "p.text"),
        (ContentPart(type="image_url"), "p.image_url"),
        (image("ftp://example.com/a.png"), "p.image_url"),
        (image("/etc/passwd"), "p.image_url"),
        (image("http://[broken"), "p.image_url"),
        (image("data:image/png;base64,a?b"), "p.image_url"),
        (image("data:image/png;base64"), "p.image_url"),
        (image("gs://b/a.png", detail="extreme"), "p.image_url.detail"),
        (image("nothing", detail="low"), "p.image_url.url"),
        (ContentPart(type="input_audio", input_audio=InputAudio(data="?", format="wav")), "p.input_audio.data"),
        (ContentPart(type="file", file=File(file_id="file-abc123")), "p.file.file_id"),
        (ContentPart(type="file", file=File(filename="a.pdf")), "p.file"),
    ],
)
def test_other_parts_are_refused_by_their_path(part: ContentPart, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        to_part(part, "p")

    (detail,) = caught.value.details
    assert isinstance(detail, BadRequest)
    assert [violation.field for violation in detail.violations] == [field]
