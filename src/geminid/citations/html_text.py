"""The text of an HTML page, and its title. Used by ``reading``.

It keeps what a reader sees, in order, and knows nothing of what is navigation.
"""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Final

_UNSEEN: Final = frozenset({"script", "style", "template", "noscript"})

_INLINE: Final = frozenset(
    {"a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd"}
    | {"mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"}
)
"""Elements that do not end a word."""


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        self.title: list[str] = []
        self._unseen = 0
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_title = tag == "title"
        self._unseen += tag in _UNSEEN
        self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        self._in_title = False
        if tag in _UNSEEN and self._unseen:
            self._unseen -= 1
        self._part(tag)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            (self.title if self._in_title else self.text).append(data)

    def _part(self, tag: str) -> None:
        if tag not in _INLINE:
            self.text.append("\n")


def reduced(page: str) -> tuple[str, str]:
    """The text of ``page`` and its title, empty where it has none."""
    parser = _Page()
    parser.feed(page)
    parser.close()
    return "".join(parser.text), " ".join("".join(parser.title).split())
