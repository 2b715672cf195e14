"""Pictures whose headers lie, that are cut off, that unpack without end, or that are no pictures."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import TypeAlias

from PIL import Image

from made_media.pictures import saved

Made: TypeAlias = Callable[[], bytes]

BOMB = zlib.compress(bytes(32 * 1024 * 1024), 9)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int = 4,
    height: int = 4,
    *,
    depth: int = 8,
    colour: int = 2,
    between: tuple[tuple[bytes, bytes], ...] = (),
    pixels: bytes | None = None,
) -> bytes:
    """``between`` are chunks before the pixels, as pairs of kind and data; ``pixels`` are the inflated rows."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    rows = b"".join(b"\0" + b"\xff\0\0" * width for _ in range(height)) if pixels is None else pixels
    extras = b"".join(chunk(*each) for each in between)
    return b"".join(
        [b"\x89PNG\r\n\x1a\n", header, extras, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    )


def jpeg(width: int, height: int) -> bytes:
    """A photograph whose header claims another size."""
    content = bytearray(_photograph(60, 40))
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(content)


def gif(width: int, height: int, *, body: bytes = b"\x3b") -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + body


def bmp(width: int, height: int, *, bits: int = 24, compression: int = 0) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info


def tiff(*tags: tuple[int, int], more: int = 0) -> bytes:
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + struct.pack("<I", more)


def webp(kind: bytes, data: bytes) -> bytes:
    body = b"WEBP" + kind + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def endless(scans: int = 20_000) -> bytes:
    """A JPEG of 25 megapixels whose last scan comes again and again: minutes of decoding in 600 KB."""
    content = saved(Image.new("RGB", (5000, 5000), "red"), "image/jpeg", progressive=True)
    scan = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + scan * scans + content[-2:]


def animated(mime_type: str, frames: int, side: int) -> bytes:
    first, *others = (Image.new("P", (side, side), number % 2) for number in range(frames))
    for image in (first, *others):
        image.putpalette([0, 0, 0, 255, 255, 255])
    return saved(first, mime_type, save_all=True, append_images=others, duration=100)


def long_gif(frames: int = 300, side: int = 2000) -> bytes:
    """One picture again and again: gigabytes for who holds them all."""
    content = saved(Image.new("P", (side, side)), "image/gif")
    at = content.index(b"\x2c")
    return content[:at] + content[at:-1] * frames + content[-1:]


def segmented(marker: bytes, head: bytes, count: int = 160) -> bytes:
    """A photograph with so many segments of 64 KB behind its start: EXIF, ICC profile, comment."""
    content = _photograph(60, 40)
    data = head.ljust(65_533, b"x")
    return content[:2] + (marker + struct.pack(">H", len(data) + 2) + data) * count + content[2:]


def gif_page() -> bytes:
    """A GIF whose comment is a page for those who go by what they find in a file."""
    page = b"<html><script>alert(1)</script></html>"
    picture = saved(Image.new("P", (8, 8)), "image/gif")
    comment = b"\x21\xfe" + bytes([len(page)]) + page + b"\0"
    at = picture.index(b"\x2c")
    return picture[:at] + comment + picture[at:]


def _photograph(width: int, height: int) -> bytes:
    picture = Image.new("RGB", (width, height), "red")
    picture.paste("blue", (width // 2, 0, width, height))
    return saved(picture, "image/jpeg")


def _noise() -> Image.Image:
    return Image.frombytes("RGB", (99, 99), random.Random(1).randbytes(99 * 99 * 3))


REFUSED: Mapping[str, Made] = {
    "empty": lambda: b"",
    "one byte": lambda: b"\x89",
    "png of 169 megapixels": lambda: png(13_000, 13_000, pixels=b""),
    "png of 4 gigapixels": lambda: png(65_000, 65_000, pixels=b""),
    "png with the largest sides": lambda: png(2**31 - 1, 2**31 - 1, pixels=b""),
    "png with a long side": lambda: png(30_001, 1, pixels=b""),
    "png without width": lambda: png(0, 10, pixels=b""),
    "png without size": lambda: png(0, 0, pixels=b""),
    "png of an unknown depth": lambda: png(depth=7),
    "png signature only": lambda: png()[:8],
    "png cut in its header": lambda: png()[:20],
    "png cut behind its header": lambda: png()[:33],
    "png cut in its pixels": lambda: png(400, 400)[:-40],
    "png with too few rows": lambda: png(400, 400, pixels=b"\0" * 90),
    "png with a wrong checksum": lambda: png()[:29] + b"1234" + png()[33:],
    "png of 40 megapixels without pixels": lambda: png(8000, 5000, pixels=b""),
    "png with a bomb as text": lambda: png(between=((b"zTXt", b"Comment\0\0" + BOMB),)),
    "png with a bomb as international text": lambda: png(between=((b"iTXt", b"a\0\1\0\0\0" + BOMB),)),
    "png with a profile of 32 megabytes": lambda: png(between=((b"iCCP", b"icc\0\0" + BOMB),)),
    "png that is an svg": lambda: (
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>"
    ),
    "png that is postscript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (r) file\n",
    "png that is jpeg 2000": lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(64),
    "png that is a photoshop file": lambda: b"8BPS\0\x01" + bytes(64),
    "png that is a pdf": lambda: b"%PDF-1.7\n",
    "png that is a zip": lambda: b"PK\x03\x04" + bytes(64),
    "jpeg start only": lambda: b"\xff\xd8\xff\xe0",
    "jpeg cut in half": lambda: _photograph(400, 400)[:1500],
    "jpeg of 4 gigapixels": lambda: jpeg(65_500, 65_500),
    "jpeg without height": lambda: jpeg(60, 0),
    "jpeg of zeros": lambda: b"\xff\xd8\xff" + bytes(4096),
    "gif of 4 gigapixels": lambda: gif(65_535, 65_535),
    "gif without a picture": lambda: gif(10, 10),
    "gif with a frame beyond its screen": lambda: gif(
        10, 10, body=b"," + struct.pack("<HHHHB", 60_000, 60_000, 65_535, 65_535, 0) + b"\x08\x01\x00\0;"
    ),
    "gif with a code size of 255": lambda: gif(
        10, 10, body=b"," + struct.pack("<HHHHB", 0, 0, 10, 10, 0) + b"\xff\x01\x00\0;"
    ),
    "bmp of 4 exapixels": lambda: bmp(2**31 - 1, 2**31 - 1),
    "bmp without pixels": lambda: bmp(1000, 1000),
    "bmp of 255 bits": lambda: bmp(10, 10, bits=255),
    "bmp of runs without pixels": lambda: bmp(5000, 5000, bits=8, compression=1) + bytes(1025),
    "tiff without tags": lambda: tiff(),
    "tiff of 4 gigapixels": lambda: tiff((256, 65_000), (257, 65_000), (258, 8), (262, 1), (273, 8), (279, 8)),
    "tiff with strips beyond its end": lambda: tiff(
        (256, 500), (257, 500), (258, 8), (262, 1), (273, 2**31), (278, 500), (279, 2**31)
    ),
    "tiff whose directory is itself": lambda: tiff((256, 10), (257, 10), more=8),
    "tiff whose directory is beyond its end": lambda: b"II*\0\xff\xff\xff\x7f",
    "webp of nothing": lambda: webp(b"VP8 ", b""),
    "webp of 268 megapixels": lambda: webp(b"VP8X", b"\0\0\0\0" + b"\xff\x3f\0" * 2),
    "webp cut in half": lambda: saved(_noise(), "image/webp")[:900],
    "heic of nothing": lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64),
}
"""Pictures that no decoder may accept."""

HARMLESS: Mapping[str, Made] = {
    "gif of 300 frames of 4 megapixels": long_gif,
    "animated png of 20 frames": lambda: animated("image/png", 20, side=2000),
    "animated webp of 50 frames": lambda: animated("image/webp", 50, side=300),
    "gif that is a web page, too": gif_page,
    "jpeg with a zip behind it": lambda: _photograph(60, 40) + b"PK\x03\x04" + bytes(64),
    "jpeg with 10 megabytes of comment": lambda: segmented(b"\xff\xfe", b""),
    "jpeg with 10 megabytes of profile": lambda: segmented(b"\xff\xe2", b"ICC_PROFILE\0\1\1"),
    "jpeg with 10 megabytes of exif": lambda: segmented(b"\xff\xe1", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"),
    "png with pixels for a thousand": lambda: png(pixels=bytes(64 * 1024 * 1024)),
    "png with a web page as text": lambda: png(between=((b"tEXt", b"a\0<script>alert(1)</script>"),)),
    "png with a page of script behind it": lambda: png() + b"<html><script>alert(1)</script>",
    "png of one pixel": lambda: png(1, 1),
    "png of 30000 pixels by one": lambda: png(30_000, 1),
}
"""Pictures that are more than they seem, but of which the first picture is good."""
