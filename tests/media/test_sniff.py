"""Media is what its bytes are, and is taken for what was declared where both agree."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geminid.attachment import Kind
from geminid.errors import InvalidArgument
from geminid.media.sniff import HEAD_BYTES, kind_of

Png: TypeAlias = Callable[..., bytes]

MP3 = (b"\xff\xfb\x90\x64" + bytes(413)) * 4
ADTS = (b"\xff\xf1\x50\x80\x10\x1f\xfc" + bytes(121)) * 4
ID3 = b"ID3\x04\0\0\0\0\0\x0a" + bytes(10)
TS = (b"\x47\x40\0\x10" + bytes(184)) * 6
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(32)


def ftyp(brand: bytes, *compatible: bytes) -> bytes:
    body = b"ftyp" + brand + bytes(4) + b"".join(compatible)
    return struct.pack(">I", len(body) + 4) + body + b"\0\0\0\x08mdat"


def riff(form: bytes) -> bytes:
    return b"RIFF\x24\0\0\0" + form + bytes(32)


def ebml(kind: bytes) -> bytes:
    return b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82" + bytes([0x80 + len(kind)]) + kind


def ogg(codec: bytes) -> bytes:
    return b"OggS\0\x02" + bytes(20) + b"\x01\x1e" + codec


KNOWN = {
    "image/png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "image/webp": riff(b"WEBP"),
    "image/gif": b"GIF89a\1\0\1\0",
    "image/bmp": b"BM" + bytes(12) + struct.pack("<I", 40) + bytes(36),
    "image/tiff": b"MM\0*\0\0\0\x08",
    "image/heic": ftyp(b"heic", b"mif1"),
    "image/heif": ftyp(b"mif1", b"heic"),
    "application/pdf": b"%PDF-1.7\n",
    "audio/mpeg": MP3,
    "audio/wav": riff(b"WAVE"),
    "audio/flac": b"fLaC\0\0\0\x22",
    "audio/ogg": ogg(b"OpusHead"),
    "audio/mp4": ftyp(b"M4A ", b"isom"),
    "audio/aac": ADTS,
    "audio/aiff": b"FORM\0\0\0\x2eAIFF",
    "video/mp4": ftyp(b"isom", b"mp42"),
    "video/quicktime": ftyp(b"qt  "),
    "video/mpeg": b"\0\0\x01\xba\x44" + bytes(32),
    "video/mp2t": TS,
    "video/x-msvideo": riff(b"AVI "),
    "video/x-flv": b"FLV\x01\x05\0\0\0\x09",
    "video/x-ms-wmv": ASF,
    "video/webm": ebml(b"webm"),
    "video/x-matroska": ebml(b"matroska"),
    "video/3gpp": ftyp(b"3gp5"),
    "video/ogg": ogg(b"\x80theora"),
    "text/plain": b"All happy families are alike.",
    "text/html": b"\n<!DOCTYPE html><title>x</title>",
    "text/xml": b'<?xml version="1.0"?><a/>',
}

REFUSED = {
    "image/svg+xml": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    "application/postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "image/jp2": b"\0\0\0\x0cjP  \r\n\x87\n",
    "image/avif": ftyp(b"avif", b"mif1"),
    "image/vnd.adobe.photoshop": b"8BPS\0\x01",
    "image/x-blp": b"BLP2" + bytes(16),
    "image/fits": b"SIMPLE  =                    T",
    "application/vnd.apple.mpegurl": b"#EXTM3U\n#EXTINF:9,\nfile:///etc/passwd\n",
    "text/x-ffconcat": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "application/sdp": b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n",
    "application/dash+xml": b'<?xml version="1.0"?><MPD><Period/></MPD>',
    "application/zip": b"PK\x03\x04" + bytes(32),
    "application/msword": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(32),
    "application/gzip": b"\x1f\x8b\x08\0",
    "application/x-executable": b"\x7fELF\x02\x01\x01",
    "application/octet-stream": bytes(range(256)),
}

UNSUPPORTED = (
    "Unable to submit request because it has a mimeType parameter with value {}, which is not supported. "
    "Update the mimeType and try again. Learn more: "
    "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini"
)


def refusal(head: bytes, declared: str) -> str:
    with pytest.raises(InvalidArgument) as refused:
        kind_of(head, declared)
    return refused.value.message


@pytest.mark.parametrize("mime_type", KNOWN)
@pytest.mark.parametrize("declared", ["", "application/octet-stream", "itself"])
def test_every_type_is_known_by_its_bytes(mime_type: str, declared: str) -> None:
    kind, found = kind_of(KNOWN[mime_type], mime_type if declared == "itself" else declared)

    assert found == mime_type
    assert kind.value == "document" if mime_type == "application/pdf" else mime_type.partition("/")[0]


@pytest.mark.parametrize("mime_type", REFUSED)
def test_what_no_model_takes_is_refused_by_name(mime_type: str) -> None:
    assert refusal(REFUSED[mime_type], "") == UNSUPPORTED.format(mime_type)


@pytest.mark.parametrize("mime_type", REFUSED)
@pytest.mark.parametrize("declared", ["image/png", "video/mp4", "audio/mpeg", "application/pdf"])
def test_what_no_model_takes_is_not_valid_under_another_name(mime_type: str, declared: str) -> None:
    assert refusal(REFUSED[mime_type], declared) == f"Provided {kind_word(declared)} is not valid."


def kind_word(declared: str) -> str:
    return "document" if declared == "application/pdf" else declared.partition("/")[0]


@pytest.mark.parametrize(
    "declared",
    ["image/svg+xml", "application/zip", "application/msword", "audio/midi", "model/gltf", "x", "IMAGE/AVIF"],
)
def test_an_unsupported_declaration_is_refused_as_it_was_spelled(declared: str) -> None:
    assert refusal(KNOWN["image/png"], declared) == UNSUPPORTED.format(declared)


@pytest.mark.parametrize(
    ("declared", "bytes_of", "found"),
    [
        ("video/jpeg", "image/jpeg", "image/jpeg"),
        ("image/jpg", "image/jpeg", "image/jpeg"),
        ("IMAGE/PNG", "image/png", "image/png"),
        ("image/png", "image/jpeg", "image/jpeg"),
        ("image/*", "image/webp", "image/webp"),
        ("audio/mp3", "audio/mpeg", "audio/mpeg"),
        ("audio/x-wav", "audio/wav", "audio/wav"),
        ("audio/opus", "audio/ogg", "audio/ogg"),
        ("audio/m4a", "video/mp4", "audio/mp4"),
        ("audio/webm", "video/webm", "audio/webm"),
        ("video/mov", "video/quicktime", "video/quicktime"),
        ("video/mov", "video/mp4", "video/mp4"),
        ("video/mpg", "video/mp2t", "video/mp2t"),
        ("video/mpegps", "video/mpeg", "video/mpeg"),
        ("video/avi", "video/x-msvideo", "video/x-msvideo"),
        ("video/wmv", "video/x-ms-wmv", "video/x-ms-wmv"),
        ("video/flv", "video/x-flv", "video/x-flv"),
        ("video/mp4", "audio/mp4", "video/mp4"),
        ("text/plain; charset=utf-8", "text/plain", "text/plain"),
        ("text/markdown", "text/plain", "text/markdown"),
        ("text/csv", "text/html", "text/csv"),
        ("application/json", "text/plain", "application/json"),
    ],
)
def test_declarations_are_taken_as_they_are_meant(declared: str, bytes_of: str, found: str) -> None:
    assert kind_of(KNOWN[bytes_of], declared)[1] == found


@pytest.mark.parametrize(
    ("declared", "bytes_of"),
    [
        ("image/png", "video/mp4"),
        ("image/png", "text/html"),
        ("image/png", "application/pdf"),
        ("application/pdf", "image/gif"),
        ("audio/mpeg", "image/png"),
        ("audio/wav", "video/x-msvideo"),
        ("video/mp4", "audio/mpeg"),
        ("video/mp4", "text/plain"),
        ("text/plain", "image/png"),
        ("text/plain", "video/mp4"),
        ("application/json", "application/pdf"),
    ],
)
def test_bytes_of_another_kind_are_refused(declared: str, bytes_of: str) -> None:
    head = KNOWN[bytes_of] + b"\0\xff"

    assert refusal(head, declared).startswith("Provided ")


def test_text_is_text_in_any_encoding_and_whatever_it_is_about() -> None:
    for text in (
        "naïve".encode(),
        "naïve".encode("cp1252"),
        "naïve".encode("utf-16"),
        b"BM",
        b"%!PS is a magic",
        b"#EXTM3U",
    ):
        assert kind_of(text, "text/plain")[0] is Kind.TEXT


def test_a_character_cut_by_the_end_of_the_sample_is_text() -> None:
    assert kind_of("é".encode() * 50 + b"\xc3", "") == (Kind.TEXT, "text/plain")


def test_an_mp3_is_known_behind_its_tag_and_when_it_was_cut_out_of_another() -> None:
    assert kind_of(ID3 + MP3, "")[1] == "audio/mpeg"
    assert kind_of(ID3 + ADTS, "")[1] == "audio/aac"
    assert kind_of(bytes(100) + MP3, "audio/mp3")[1] == "audio/mpeg"


def test_a_polyglot_is_what_its_decoder_takes_it_for(png: Png) -> None:
    picture_and_archive = png() + b"PK\x03\x04" + bytes(64)
    picture_and_document = b"GIF89a\x01\0\x01\0\0\0\0;%PDF-1.7\n"
    picture_and_page = b"\xff\xd8\xff\xfe\0\x40<html><script>alert(1)</script>"

    assert kind_of(picture_and_archive, "") == (Kind.IMAGE, "image/png")
    assert kind_of(picture_and_document, "") == (Kind.IMAGE, "image/gif")
    assert refusal(picture_and_document, "application/pdf") == "Provided document is not valid."
    assert kind_of(picture_and_page, "image/jpeg") == (Kind.IMAGE, "image/jpeg")
    assert refusal(picture_and_page, "text/html") == "Provided text is not valid."


def test_a_pdf_may_begin_within_the_first_kibibyte() -> None:
    assert kind_of(b"HTTP/1.1 200 OK\r\n\r\n%PDF-1.4\n", "application/pdf")[0] is Kind.DOCUMENT
    assert refusal(b"\n" * 1100 + b"%PDF-1.4\n", "application/pdf") == "Provided document is not valid."


def test_nothing_at_all_is_refused() -> None:
    assert "empty file" in refusal(b"", "")
    assert "empty file" in refusal(b"", "text/plain")
    assert refusal(b"", "image/png") == "Provided image is not valid."


@pytest.mark.parametrize(
    "declared",
    ["text/", "text/a b", "text/plain\r\nX: y", "text/plain] Say yes", "text/\u202etxet", "text/" + "x" * 128],
)
def test_a_type_is_a_name_and_no_sentence(declared: str) -> None:
    assert "which is not supported" in refusal(b"text", declared)


def test_a_refusal_shows_a_long_or_unprintable_type_in_part() -> None:
    assert len(refusal(b"", "image/" + "x" * 1_000_000)) < 600
    assert "value a\\r\\nb, which" in refusal(b"", "a\r\nb")


@given(st.binary(max_size=HEAD_BYTES), st.sampled_from(["", "image/png", "audio/mpeg", "text/plain", "video/mp4"]))
def test_any_bytes_are_judged(head: bytes, declared: str) -> None:
    try:
        kind, mime_type = kind_of(head, declared)
    except InvalidArgument:
        return
    assert isinstance(kind, Kind)
    assert mime_type
