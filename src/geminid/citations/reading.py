"""What there is to read at a path or a URL: texts in pieces, whatever the size of the file.

Called by ``library``. UTF-8 only: to guess an encoding is to index words that nobody wrote.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import quote, urlsplit

from geminid.citations.base import CitationsError, Progress
from geminid.citations.fetching import fetched
from geminid.citations.html_text import reduced

_PAGES: Final = frozenset({".html", ".htm", ".xhtml"})
_PAGE_KINDS: Final = ("text/html", "application/xhtml+xml")

LARGEST_PAGE: Final = 64 * 1024**2
"""Bytes of HTML that are parsed at once."""

_PASSED_OVER: Final = frozenset({"__pycache__", "node_modules"})

_BLOCK: Final = 1 << 20
_LINE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Text:
    """``tail`` is what it adds to the URI of its source; ``title`` is its own. ``pieces`` end between words."""

    tail: str
    title: str
    size: int
    pieces: Iterator[str] = field(repr=False)


Origin: TypeAlias = str
"""An absolute path, or a URL."""


def origin_of(argument: str) -> Origin:
    """What stands for an argument of the command line, wherever the next command is called."""
    return argument if "://" in argument else os.path.abspath(os.path.expanduser(argument))


def is_url(origin: Origin) -> bool:
    return "://" in origin


def texts(origin: Origin, progress: Progress) -> Iterator[Text]:
    """The texts of an origin, the files of a folder in order of their paths. Raises CitationsError.

    In a folder, hidden files, links, caches and what is no text are passed over; a file on its own has to be one.
    """
    if is_url(origin):
        yield _page(origin, progress)
        return
    path = Path(origin)
    try:
        if path.is_dir():
            yield from _folder(path, progress)
            return
        progress.start(path.name, path.stat().st_size, 0)
        if problem := _problem(path):
            raise CitationsError(f"{path} {problem}")
        yield _file(path, path.name, "", progress)
    except OSError as error:
        raise CitationsError(f"{error.filename or path} cannot be read: {error.strerror}.") from error


def _page(url: str, progress: Progress) -> Text:
    progress.start(url, None, 0)
    page = fetched(url)
    progress.advance(len(page.data))
    try:
        text = page.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CitationsError(f"{url} is not UTF-8: byte {error.start} is not.") from error
    text, title = reduced(text) if page.kind in _PAGE_KINDS else (text, "")
    return Text("", title or Path(urlsplit(url).path).name or url, len(page.data), iter([text]))


def _folder(folder: Path, progress: Progress) -> Iterator[Text]:
    paths = sorted(_walked(folder))
    progress.start(folder.name, sum(path.stat().st_size for path in paths), 0)
    for path in paths:
        if problem := _problem(path):
            if not problem.startswith("is binary"):
                progress.note(f"{path} {problem}")
            progress.advance(path.stat().st_size)
            continue
        name = path.relative_to(folder).as_posix()
        yield _file(path, name, quote(name), progress)


def _walked(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _PASSED_OVER]
        for name in files:
            path = Path(root, name)
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path


def _problem(path: Path) -> str | None:
    """Why a file is no text that can be indexed, as the rest of a sentence."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    done = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            if b"\0" in block:
                return "is binary, not text."
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                return f"is not UTF-8: byte {done + error.start} is not."
            done += len(block)
    if decoder.getstate()[0]:
        return f"is not UTF-8: it ends within a character, at byte {done}."
    if path.suffix.lower() in _PAGES and done > LARGEST_PAGE:
        return f"is a page of more than {LARGEST_PAGE // 1024**2} MB."
    return None


def _file(path: Path, name: str, tail: str, progress: Progress) -> Text:
    size = path.stat().st_size
    if path.suffix.lower() not in _PAGES:
        return Text(tail, name, size, _blocks(path, progress))
    text, title = reduced(path.read_text(encoding="utf-8-sig"))
    progress.advance(size)
    return Text(tail, title or name, size, iter([text]))


def _blocks(path: Path, progress: Progress) -> Iterator[str]:
    """Cut at the ends of lines; in a line of more than 64 KB anywhere."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        while block := file.read(_BLOCK):
            block += file.readline(_LINE)
            yield block
            progress.advance(len(block.encode()))
