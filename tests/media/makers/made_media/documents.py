"""PDF documents: written object by object, with pages that are typed, or with pages that are pictures.

The syntax is that of ISO 32000-1.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence

from made_media.pictures import drawn

CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = (
    "The harbour opens at dawn.\nBoats leave in pairs.",
    "Fees (2026)\nSmall boats 12.50\nLarge boats 40.00",
    "Questions go to the keeper\nof the lighthouse.",
)
"""Three pages to type or to scan, each with its lines."""

_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
_DPI = 150
_SHEET = (1240, 1754)
"""A4, in pixels."""


def pdf(*objects: bytes, trailer: bytes = b"") -> bytes:
    """Objects 1, 2, … as they are given, the first the catalog; with their cross-reference table."""
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R %b >>\n" % (len(objects) + 1, trailer)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %b >>\nstream\n%b\nendstream" % (len(data), entries, data)


def deflated(data: bytes, entries: bytes = b"") -> bytes:
    return stream(zlib.compress(data, 9), b"/Filter /FlateDecode " + entries)


def paged(*contents: bytes, box: bytes = b"0 0 612 792") -> bytes:
    """A document with a page for each of ``contents``, which are stream objects; ``/F1`` is Helvetica."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * index) for index in range(len(contents)))
    objects = [CATALOG, b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, len(contents)), _FONT]
    for index, content in enumerate(contents):
        page = b"<< /Type /Page /Parent 2 0 R /MediaBox [%b] /Contents %d 0 R " % (box, 5 + 2 * index)
        objects += [page + b"/Resources << /Font << /F1 3 0 R >> >> >>", content]
    return pdf(*objects)


def saying(text: bytes) -> bytes:
    """The content of a page: one line, or what ``text`` does after closing its string."""
    return stream(b"BT /F1 24 Tf 72 700 Td (%b) Tj ET" % text)


def typed(pages: Sequence[str] = PAGES) -> bytes:
    """A document whose pages have these lines as text. Characters are those of Windows-1252."""
    return paged(*map(_typed, pages))


def scanned(pages: Sequence[str] = PAGES) -> bytes:
    """The same as pictures, without text."""
    first, *others = (
        drawn({(120, 150 + 70 * n): line for n, line in enumerate(page.splitlines())}, size=44, canvas=_SHEET)
        for page in pages
    )
    buffer = io.BytesIO()
    # Without dates the same pages are the same bytes.
    undated = {"creationDate": None, "modDate": None}
    first.save(buffer, "PDF", save_all=True, append_images=others, resolution=_DPI, **undated)
    return buffer.getvalue()


def _typed(page: str) -> bytes:
    escaped = page.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
    shown = b" ".join(b"(%b) Tj T*" % line for line in escaped.splitlines())
    return stream(b"BT /F1 24 Tf 30 TL 72 700 Td %b ET" % shown)
