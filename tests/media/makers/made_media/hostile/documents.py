"""Documents that go in circles, claim what is not there, never end, are locked, or are no documents."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from typing import TypeAlias

from made_media.documents import CATALOG, deflated, paged, pdf, saying, stream

Made: TypeAlias = Callable[[], bytes]


def tree(depth: int) -> bytes:
    """A page below so many levels of page tree."""
    levels = [
        b"<< /Type /Pages /Kids [%d 0 R] /Count 1 %b >>"
        % (level + 3, b"/Parent %d 0 R" % (level + 1) if level else b"")
        for level in range(depth)
    ]
    return pdf(CATALOG, *levels, b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 9 9] >>" % (depth + 1))


def encrypted() -> bytes:
    standard = b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -44 /O <%b> /U <%b> >> /ID [<00> <00>]"
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"
    tree = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
    return pdf(CATALOG, tree, page, trailer=standard % (b"ab" * 32, b"cd" * 32))


def painted(times: int = 1_000_000) -> bytes:
    """A page that is filled again and again, for a minute: 110 KB."""
    return paged(deflated(b"0 0 m 600 0 l 600 790 l 0 790 l f\n" * times))


def zipped(name: str = "word/document.xml", unpacked: int = 16 * 1024 * 1024) -> bytes:
    """An archive with one file of zeros in it, as those of word processors are."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, bytes(unpacked))
    return buffer.getvalue()


def breaking(pages: int = 3) -> bytes:
    """The first page is good, the last one is none."""
    good = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>"
    kids = b" ".join(b"%d 0 R" % number for number in range(3, 3 + pages))
    tree = b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, pages)
    return pdf(CATALOG, tree, *[good] * (pages - 1), b"<< /Type /Pages /Kids [] /Count 1 /MediaBox 7 >>")


REFUSED: Mapping[str, Made] = {
    "empty": lambda: b"",
    "one byte": lambda: b"%",
    "header only": lambda: b"%PDF-1.7\n",
    "garbage": lambda: b"%PDF-1.7\n" + bytes(range(256)) * 64,
    "a picture": lambda: b"\x89PNG\r\n\x1a\n" + bytes(99),
    "a web page": lambda: b"<!doctype html><p>404",
    "without pages": lambda: pdf(CATALOG, b"<< /Type /Pages /Kids [] /Count 0 >>"),
    "without catalog": lambda: pdf(b"null"),
    "cyclic page tree": lambda: pdf(CATALOG, b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>"),
    "cyclic page tree of two": lambda: pdf(
        CATALOG, b"<< /Type /Pages /Kids [3 0 R] /Count 9 >>", b"<< /Type /Pages /Kids [2 0 R] /Count 9 >>"
    ),
    "page tree 5000 levels deep": lambda: tree(5000),
    "200000 pages": lambda: pdf(
        CATALOG,
        b"<< /Type /Pages /Kids [3 0 R] /Count 200000 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
    ),
    "2 billion pages": lambda: pdf(CATALOG, b"<< /Type /Pages /Kids [3 0 R] /Count 2147483647 >>", b"null"),
    "page of 200000 points": lambda: paged(stream(b""), box=b"0 0 200000 200000"),
    "encrypted": encrypted,
    "cut at its end": lambda: paged(saying(b"x"))[:-60],
    "third page of 99999 points": lambda: paged(*[saying(b"x")] * 3).replace(
        b"0 0 612 792] /Contents 9", b"0 0 99999 9] /Contents 9"
    ),
    "cut off in its midst": lambda: paged(*[saying(b"x")] * 9)[:-1500],
    "a zip": zipped,
    "a program": lambda: b"\x7fELF" + bytes(200),
    "form that draws itself until memory ends": lambda: pdf(
        CATALOG,
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R "
        b"/Resources << /XObject << /F 4 0 R >> >> >>",
        stream(b"/F Do /F Do", b"/Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /F 4 0 R >> >>"),
    ),
}
"""Documents that nobody may draw."""
DRAWN = frozenset({"form that draws itself until memory ends"})
"""Those of them that are harmless to who reads their text alone."""

BOUNDED: Mapping[str, Made] = {
    "a zip behind it": lambda: paged(saying(b"x")) + zipped(unpacked=1000),
    "a web page before it": lambda: b"<html><script>alert(1)</script></html>\n" + paged(saying(b"x")),
    "catalog that is its own page tree": lambda: pdf(b"<< /Type /Catalog /Pages 1 0 R >>"),
    "page as long as a float": lambda: paged(stream(b""), box=b"0 0 9 34" + b"0" * 37),
    "page without area": lambda: paged(saying(b"x"), box=b"0 0 0 0"),
    "page turned inside out": lambda: paged(saying(b"x"), box=b"612 792 0 0"),
    "cross-references in a circle": lambda: paged(saying(b"x")).replace(b"/Root", b"/Prev 9 /Root"),
    "javascript": lambda: paged(saying(b"x")).replace(
        b"/Pages 2 0 R", b"/Pages 2 0 R /OpenAction << /S /JavaScript /JS (while(1){}) >>"
    ),
    "arrays nested 100000 deep": lambda: paged(deflated(b"[" * 100_000)),
    "states nested 1000000 deep": lambda: paged(deflated(b"q " * 1_000_000)),
    "filters in a chain": lambda: paged(stream(b"x", b"/Filter [" + b"/FlateDecode " * 5000 + b"]")),
    "picture of 10 gigapixels": lambda: pdf(
        CATALOG,
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R "
        b"/Resources << /XObject << /I 5 0 R >> >> >>",
        stream(b"9 0 0 9 0 0 cm /I Do"),
        deflated(
            bytes(1_000_000),
            b"/Subtype /Image /Width 100000 /Height 100000 /BitsPerComponent 8 /ColorSpace /DeviceRGB",
        ),
    ),
}
"""Documents that are odd, of one page."""
