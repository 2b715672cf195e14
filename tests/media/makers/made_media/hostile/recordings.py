"""Sound and film whose tables lie, that last for days, or that name other files to be opened."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TypeAlias

from made_media.recordings import film, sound

Made: TypeAlias = Callable[[], bytes]

PRETENDERS = {
    "empty": b"",
    "a byte": b"\0",
    "zeros": bytes(100_000),
    "noise": random.Random(1).randbytes(100_000),
    "html": b"<!doctype html><title>Film</title>",
    "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n%b\n#EXT-X-ENDLIST\n",
    "concat": b"ffconcat version 1.0\nfile '%b'\n",
    "session": b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=video 5004 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n",
    "dash": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    b'mediaPresentationDuration="PT10S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="0" '
    b'bandwidth="1"><BaseURL>%b</BaseURL></Representation></AdaptationSet></Period></MPD>',
}


def wav(*, channels: int = 1, rate: int = 16_000, data: bytes = bytes(32_000), size: int | None = None) -> bytes:
    """``size`` is what it says of ``data``, the truth where it is None."""
    form = struct.pack(
        "<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * channels * 2 % 2**32, channels * 2 % 2**16, 16
    )
    body = b"WAVE" + form + b"data" + struct.pack("<I", len(data) if size is None else size) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def checksum(data: bytes, polynomial: int, bits: int) -> int:
    value, top = 0, 1 << bits - 1
    for byte in data:
        value ^= byte << bits - 8
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value & top else 0)) & (1 << bits) - 1
    return value


def silence(hours: int, *, said: float | None = None, rate: int = 8000) -> bytes:
    """A FLAC file (RFC 9639) of frames that say only that 65 535 samples are zero: 15 bytes for 8 seconds."""
    block = 65_535
    count = hours * 3600 * rate // block
    total = round(said * rate) if said is not None else count * block
    layout = rate << 44 | 15 << 36 | total
    header = struct.pack(">HHHIQ", block, block, 0, 0, layout) + bytes(16)
    return b"fLaC\x80\0\0\x22" + header + b"".join(silent_frames(count, block))


def silent_frames(count: int, block: int) -> Iterator[bytes]:
    for number in range(count):
        head = b"\xff\xf8\x70\x08" + chr(number).encode() + struct.pack(">H", block - 1)
        head += bytes([checksum(head, 0x07, 8)])
        frame = head + b"\0\0\0"
        yield frame + struct.pack(">H", checksum(frame, 0x8005, 16))


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size


def edited(data: bytes, kind: bytes, edit: Callable[[bytes], bytes]) -> bytes:
    """An MP4 file with the content of all boxes of that kind replaced; what contains them grows with them."""
    made = b""
    for name, content in boxes(data):
        if name == kind:
            content = edit(content)
        elif name in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl"):
            content = edited(content, kind, edit)
        made += struct.pack(">I4s", len(content) + 8, name) + content
    return made


def disordered(descriptions: bytes) -> bytes:
    """The right channel before the left one (QuickTime File Format, "Audio Channel Layout Atom")."""
    at = descriptions.index(b"chan") - 4
    size = int.from_bytes(descriptions[at : at + 4], "big")
    order = struct.pack(">III", 0, 0, 2) + struct.pack(">I16x", 2) + struct.pack(">I16x", 1)
    atom = struct.pack(">I4sI", len(order) + 12, b"chan", 0) + order
    made = descriptions[:at] + atom + descriptions[at + size :]
    return made[:8] + struct.pack(">I", len(made) - 8) + made[12:]


def channelled(descriptions: bytes) -> bytes:
    """A hundred channels (QuickTime File Format, "Sound Sample Descriptions")."""
    at = descriptions.index(b"sowt") + 4 + 16
    return descriptions[:at] + struct.pack(">H", 100) + descriptions[at + 2 :]


def alias(path: bytes) -> bytes:
    """A data reference to another file (QuickTime File Format, "Data Reference Atoms"), as FFmpeg reads it."""
    record = bytes(10) + b"\x04disk".ljust(28, b"\0") + bytes(12) + b"\x04film".ljust(64, b"\0") + bytes(16)
    record += bytes(4) + bytes(16) + struct.pack(">HH", 2, len(path)) + path + bytes(len(path) % 2)
    record += struct.pack(">HH", 0xFFFF, 0)
    entry = struct.pack(">I4sI", len(record) + 12, b"alis", 0) + record
    return struct.pack(">II", 0, 1) + entry


def lasting(seconds: float) -> bytes:
    """A film of one second whose header says that it lasts longer (ISO 14496-12, "mvhd" and "mdhd")."""
    content = film("mp4", "libx264", seconds=1)
    for kind in (b"mvhd", b"mdhd"):
        content = edited(
            content, kind, lambda body: body[:16] + struct.pack(">I", round(seconds * 1000)) + body[20:]
        )
    return content


def counting(size: int) -> bytes:
    """A film that says to have a billion frames of ``size`` bytes."""
    table = edited(film("mp4", "libx264", seconds=1), b"stsz", lambda _: struct.pack(">III", 0, size, 10**9))
    return edited(table, b"stsc", lambda _: struct.pack(">IIIII", 0, 1, 1, 10**9, 1))


def racing() -> bytes:
    """A film of 100 000 frames a second."""
    return film("matroska", "libx264", rate=100_000, times=[n / 100_000 for n in range(12_000)])


def referring(path: bytes) -> bytes:
    """A film whose pictures are in another file."""
    return edited(film("mp4", "libx264", seconds=1), b"dref", lambda _: alias(path))


def with_size(form: str, codec: str, size: bytes, absurd: bytes) -> bytes:
    return film(form, codec, seconds=1).replace(size, absurd)


def grown(name: bytes, size: bytes = b"\xff\xff\xff\xf0") -> bytes:
    """A film with a box that is larger than it."""
    content = film("mp4", "libx264", seconds=1)
    at = content.find(name) - 4
    return content[:at] + size + content[at + 4 :]


def endless_element() -> bytes:
    content = film("matroska", "libx264", seconds=1)
    at = content.index(b"\x1a\x45\xdf\xa3") + 4
    return content[:at] + b"\x01\x7f\xff\xff\xff\xff\xff\xfe" + content[at + 1 :]


REFUSED: Mapping[str, tuple[str, Made]] = {
    **{f"{name} as film": ("video/mp4", partial(bytes, content)) for name, content in PRETENDERS.items()},
    **{f"{name} as sound": ("audio/mpeg", partial(bytes, content)) for name, content in PRETENDERS.items()},
    "film without frames": ("video/mp4", lambda: grown(b"mdat", b"\0\0\0\x08")),
    "film without its table": ("video/mp4", lambda: film("mp4", "libx264", seconds=1)[:900]),
    "film whose frames say 16 kilopixels": (
        "video/webm",
        lambda: with_size(
            "webm", "libvpx", b"\x9d\x01\x2a" + struct.pack("<HH", 96, 64), b"\x9d\x01\x2a\xff\x3f\xff\x3f"
        ),
    ),
    "film whose jpegs say 16 kilopixels": (
        "video/avi",
        lambda: with_size("avi", "mjpeg", struct.pack(">HH", 64, 96), struct.pack(">HH", 16_384, 16_384)),
    ),
    "film of 100000 frames a second": ("video/x-matroska", racing),
    "film of a billion frames": ("video/mp4", lambda: counting(1)),
    "film of a billion large frames": ("video/mp4", lambda: counting(1000)),
    "film in another file": ("video/mp4", lambda: referring(b"/etc/passwd")),
    "film with an endless element": ("video/webm", endless_element),
    "film of an unknown codec": ("video/avi", lambda: film("avi", "huffyuv", pix_fmt="yuv422p")),
    "sound as film": ("video/mp4", lambda: sound("mp3", "libmp3lame")),
    "film as sound": ("audio/wav", lambda: film("avi", "mpeg4", seconds=1)),
    "sound of 1000 channels": ("audio/wav", lambda: wav(channels=1000, data=bytes(200_000))),
    "sound of 65535 channels": ("audio/wav", lambda: wav(channels=65_535, data=bytes(400_000))),
    "sound of 9 channels": ("audio/wav", lambda: wav(channels=9)),
    "sound without channels": ("audio/wav", lambda: wav(channels=0)),
    "sound of 1 hertz": ("audio/wav", lambda: wav(rate=1)),
    "sound of 10 megahertz": ("audio/wav", lambda: wav(rate=10_000_000)),
    "sound without samples": ("audio/wav", lambda: wav(data=b"")),
    "sound that says it has samples": ("audio/wav", lambda: wav(data=b"", size=0xFFFFFFFF)),
    "sound of a day": ("audio/flac", lambda: silence(24)),
    "sound of a day that says a second": ("audio/flac", lambda: silence(24, said=1)),
    "sound of a codec nobody knows": ("audio/webm", lambda: sound("matroska", "wavpack")),
    "sound cut in its header": ("audio/flac", lambda: sound("flac", "flac")[:60]),
    "movie of 100 channels": (
        "audio/mp4",
        lambda: edited(sound("mov", "pcm_s16le"), b"stsd", channelled),
    ),
}
"""Recordings that nobody can see or hear, by the media type that they are declared to have."""

HARMLESS: Mapping[str, tuple[str, Made]] = {
    "sound of a second that says 4 gigabytes": ("audio/wav", lambda: wav(size=0xFFFFFFFE)),
    "sound whose channels are in an order of their own": (
        "audio/mp4",
        lambda: edited(sound("mov", "pcm_s16le", layout="stereo"), b"stsd", disordered),
    ),
    "film of a second that says an hour and a half": ("video/mp4", lambda: lasting(5400)),
    "film with a huge index": ("video/mp4", lambda: grown(b"moov")),
    "film with a huge track": ("video/mp4", lambda: grown(b"trak")),
    "film with a web page behind it": ("video/mp4", lambda: film("mp4", "libx264", seconds=1) + b"<html>"),
}
"""Recordings that are answered or refused, according to what decoders make of them."""
