"""The PDF decoder: pages to their text and to pictures of them, one by one.

Runs in a worker, as the job ``document.pages``; pdfium stays in this file. Scripts of a document are not run, its
forms are not drawn, its attachments not opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from geminid.attachment import Kind
from geminid.errors import InvalidArgument
from geminid.media import pixels, refusals
from geminid.media.pixels import Pixels

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PAGES = 1000
MOST_POINTS = 14_400
"""The largest side that PDF itself knows without a unit of its own (ISO 32000-1, annex C): 200 inches."""
MOST_CHARACTERS = 100_000
"""For one page. The densest that people read have 10 000."""

_MOST_SCALE = 4.0
"""288 dots per inch. A stamp is not blown up to the size of a poster."""
_PASSWORD_WANTED = {4, 5}
"""FPDF_ERR_PASSWORD and FPDF_ERR_SECURITY of fpdfview.h."""


@dataclass(frozen=True, slots=True)
class Page:
    """``number`` counts from 1, of ``pages``; ``width`` and ``height`` are points, 1/72 inch."""

    number: int
    pages: int
    width: float
    height: float
    text: str
    pixels: Pixels | None


def pages(
    file: BinaryIO,
    *,
    most: int = MOST_PAGES,
    first: int = 1,
    last: int | None = None,
    long_side: int = 0,
    form: Literal["png", "jpeg", "rgb", "grey"] = "png",
) -> Iterator[Page]:
    """The pages from ``first`` to ``last``, in order. With ``long_side`` (1600 reads well) also a picture of each.

    Raises InvalidArgument for a document that is none, is encrypted, has more pages than ``most`` or one of an
    absurd size; that of a page when it is reached.
    """
    import pypdfium2

    document = _open(pypdfium2, file)
    count = len(document)
    if count > most:
        raise InvalidArgument(
            f"The document contains {count} pages which exceeds the supported page limit of {most}."
        )
    for index in range(first - 1, count if last is None else min(last, count)):
        try:
            page = document[index]
            width, height = _size(page)
            picture = _picture(page, long_side, form) if long_side else None
            yield Page(index + 1, count, width, height, _text(page), picture)
        except pypdfium2.PdfiumError as error:
            raise refusals.unprocessable(Kind.DOCUMENT) from error
        page.close()


def _open(pdfium: Any, file: BinaryIO) -> Any:
    try:
        return pdfium.PdfDocument(file)
    except pdfium.PdfiumError as error:
        if error.err_code in _PASSWORD_WANTED:
            raise InvalidArgument("Unable to process input document because it is encrypted.") from error
        # Google's text (https://github.com/googleapis/js-genai/issues/1259), for whatever it cannot open.
        raise InvalidArgument("The document has no pages.") from error


def _size(page: Any) -> tuple[float, float]:
    width, height = page.get_size()
    if not (0 < width <= MOST_POINTS and 0 < height <= MOST_POINTS):
        size = f"a page of {width:.0f} x {height:.0f} points"
        raise refusals.too_large(Kind.DOCUMENT, size, f"{MOST_POINTS} points for each side")
    return width, height


def _text(page: Any) -> str:
    """The text layer, lines ended by newlines; empty for a page that was scanned."""
    text_page = page.get_textpage()
    text: str = text_page.get_text_range(0, min(text_page.count_chars(), MOST_CHARACTERS), errors="replace")
    text_page.close()
    return text.replace("\r\n", "\n").replace("\0", "")


def _picture(page: Any, long_side: int, form: Literal["png", "jpeg", "rgb", "grey"]) -> Pixels:
    scale = min(long_side / max(page.get_size()), _MOST_SCALE)
    bitmap = page.render(scale=scale, grayscale=form == "grey", rev_byteorder=form != "grey", may_draw_forms=False)
    image: Image = bitmap.to_pil()
    picture = pixels.pack(image, form)
    bitmap.close()
    return picture
