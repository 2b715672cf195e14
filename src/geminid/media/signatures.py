"""What bytes are, by their own first few thousand. Pure; knows of types that geminid refuses, too.

Not a judge of whether they decode, nor of what the caller said of them: that is ``sniff.py``, its only user.
Signatures are those of the formats' specifications, which https://www.iana.org/assignments/media-types lists.
"""

from __future__ import annotations

import codecs

_PREFIXES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"fLaC", "audio/flac"),
    (b"ADIF", "audio/aac"),
    (b"FLV\x01", "video/x-flv"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", "video/x-ms-wmv"),
    (b"\0\0\x01\xba", "video/mpeg"),
    (b"\0\0\x01\xb3", "video/mpeg"),
    # Known to be refused: each has a decoder somewhere that runs code, opens files or unpacks without end.
    (b"\0\0\0\x0cjP  ", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/jp2"),
    (b"8BPS\0", "image/vnd.adobe.photoshop"),
    (b"%!PS", "application/postscript"),
    (b"\xc5\xd0\xd3\xc6", "application/postscript"),
    (b"SIMPLE  =", "image/fits"),
    (b"BLP1", "image/x-blp"),
    (b"BLP2", "image/x-blp"),
    (b"\0\0\x01\0", "image/vnd.microsoft.icon"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"PK\x07\x08", "application/zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/msword"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"\x7fELF", "application/x-executable"),
    (b"\xcf\xfa\xed\xfe", "application/x-executable"),
    (b"\xca\xfe\xba\xbe", "application/x-executable"),
)

_RIFF = {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}
_QUICKTIME_ATOMS = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
_BMP_HEADER_SIZES = {12, 40, 52, 56, 64, 108, 124}

_PDF_HEADER_WITHIN = 1024
"""Readers accept the header within the first 1024 bytes (ISO 32000-1, annex H, note 13)."""

_LAYER_3_V1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_LAYER_3_V2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_LAYER_2_V1 = (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_SAMPLE_RATES = (44_100, 48_000, 32_000)

_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b")) + b"\x7f"

_PLAYLISTS = (
    ("#EXTM3U", "application/vnd.apple.mpegurl"),
    ("ffconcat version", "text/x-ffconcat"),
    ("v=0\r\n", "application/sdp"),
    ("v=0\n", "application/sdp"),
    ("[playlist]", "audio/x-scpls"),
)
"""Texts that a demultiplexer follows to other files and to the network."""


def binary_type(head: bytes) -> str | None:
    """The media type of anything but text, None where no signature fits."""
    for prefix, mime_type in _PREFIXES:
        if head.startswith(prefix):
            return mime_type
    return _container_type(head) or _stream_type(head)


def late_type(head: bytes) -> str | None:
    """What begins after something else: a PDF within its first KiB, an mp3 cut out of a longer one."""
    if b"%PDF-" in head[:_PDF_HEADER_WITHIN]:
        return "application/pdf"
    at = head.find(b"\xff", 1)
    while at >= 0:
        if _framed_type(head, at) == "audio/mpeg":
            return "audio/mpeg"
        at = head.find(b"\xff", at + 1)
    return None


def text_type(head: bytes) -> str | None:
    """The media type of text in UTF-8, or in UTF-16 with its mark; None for anything else."""
    text = _text(head)
    if text is None:
        return None
    start = text.lstrip("\ufeff \t\r\n")
    for prefix, mime_type in _PLAYLISTS:
        if start.startswith(prefix):
            return mime_type
    if not start.startswith("<"):
        return "text/plain"
    return _markup_type(start.lower())


def is_text(head: bytes) -> bool:
    """Whether it reads as text, in UTF-8 or in UTF-16 with its mark."""
    return _text(head) is not None


def _container_type(head: bytes) -> str | None:
    form = head[8:12]
    if head[:4] in (b"RIFF", b"RF64"):
        return _RIFF.get(form)
    if head[:4] == b"FORM" and form in (b"AIFF", b"AIFC"):
        return "audio/aiff"
    if head[4:8] == b"ftyp":
        return _iso_media_type(form, head)
    if head[4:8] in _QUICKTIME_ATOMS:
        return "video/quicktime"
    if head.startswith(b"OggS\0"):
        return "video/ogg" if b"\x80theora" in head[:512] else "audio/ogg"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "image/bmp"
    if head.startswith(b"MZ") and b"\0" in head[:64]:
        return "application/x-executable"
    return None


def _iso_media_type(brand: bytes, head: bytes) -> str:
    """By the major brand, which https://mp4ra.org/registered-types/brands registers."""
    compatible = head[16 : int.from_bytes(head[:4], "big")]
    brands = {brand} | {compatible[at : at + 4] for at in range(0, min(len(compatible), 256), 4)}
    if brand in (b"avif", b"avis"):
        return "image/avif"
    if brand in _HEIF_BRANDS:
        return "image/heic"
    if brand in (b"mif1", b"msf1"):
        return "image/avif" if b"avif" in brands else "image/heif"
    if brand == b"qt  ":
        return "video/quicktime"
    if brand in (b"M4A ", b"M4B ", b"M4P "):
        return "audio/mp4"
    return "video/3gpp" if brand.startswith((b"3gp", b"3g2")) else "video/mp4"


def _stream_type(head: bytes) -> str | None:
    """Streams of packets without a header of their own."""
    if head.startswith(b"ID3") and head[3:4] in (b"\x02", b"\x03", b"\x04"):
        return _tagged_type(head)
    for start, step in ((0, 188), (4, 192)):
        packets = range(start, len(head), step)
        if len(packets) >= 4 and all(head[at] == 0x47 for at in packets):
            return "video/mp2t"
    return _framed_type(head, 0)


def _tagged_type(head: bytes) -> str:
    """What follows an ID3 tag; mp3 where the tag is longer than the sample."""
    size = 0
    for septet in head[6:10]:
        size = size << 7 | septet & 0x7F
    body = head[10 + size :]
    if body.startswith(b"fLaC"):
        return "audio/flac"
    return _framed_type(body, 0) or "audio/mpeg"


def _framed_type(head: bytes, at: int) -> str | None:
    """Two frame headers one frame apart are no accident."""
    for length_of, mime_type in ((_mpeg_frame_length, "audio/mpeg"), (_adts_frame_length, "audio/aac")):
        length = length_of(head, at)
        if length and length_of(head, at + length):
            return mime_type
    return None


def _mpeg_frame_length(head: bytes, at: int) -> int:
    """Of an MPEG audio frame of layer II or III (ISO 11172-3, 13818-3), in bytes; 0 where there is none."""
    header = head[at : at + 4]
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    rate_index, sampling = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer not in (1, 2) or sampling == 3 or rate_index in (0, 15):
        return 0
    first = version == 3
    rates = _LAYER_3_V2 if not first else _LAYER_3_V1 if layer == 1 else _LAYER_2_V1
    sample_rate = _SAMPLE_RATES[sampling] // {3: 1, 2: 2, 0: 4}[version]
    samples = 72 if layer == 1 and not first else 144
    return samples * rates[rate_index] * 1000 // sample_rate + (header[2] >> 1 & 1)


def _adts_frame_length(head: bytes, at: int) -> int:
    """Of an AAC frame (ISO 13818-7, 6.2), in bytes; 0 where there is none."""
    header = head[at : at + 6]
    if len(header) < 6 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0


def _text(head: bytes) -> str | None:
    """As text, a character that the sample cuts in two left out."""
    utf_16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not utf_16 and len(head.translate(None, _CONTROLS)) != len(head):
        return None
    try:
        text = codecs.getincrementaldecoder("utf-16" if utf_16 else "utf-8")().decode(head)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _markup_type(start: str) -> str:
    if "<svg" in start:
        return "text/html" if "<html" in start else "image/svg+xml"
    if "<mpd" in start:
        return "application/dash+xml"
    if start.startswith("<?xml"):
        return "text/html" if "<html" in start else "text/xml"
    return "text/html" if start.startswith(("<!doctype html", "<html", "<head", "<body")) else "text/plain"
