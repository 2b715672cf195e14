"""A JSON parser that takes what Google's front end takes beyond JSON, and words its errors as Google does.

Trailing commas, unquoted keys, single quotes, raw control characters and unknown escapes pass; the rules and
the texts are those of protobuf's json_stream_parser.cc. It runs only when a strict parser has refused the body,
without recursion and in linear time.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from geminid.errors import FieldViolation, InvalidArgument

MAX_DEPTH = 100
"""How deep objects and arrays may nest, as in Google's parsers."""

_MAX_VALUES = 200_000
_CONTEXT = 20
_SPACE = re.compile(r"[ \t\n\v\f\r]*+")
_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*+")
_NUMBER = re.compile(r"[-0-9][-+0-9.eEx]*+")
_KEYWORD = re.compile("true|false|null")
_OTHER_TOKEN = re.compile(r"[A-Za-z_$}\]:,]")
_STRING = {
    '"': re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL),
    "'": re.compile(r"'((?:[^'\\]++|\\.)*+)'", re.DOTALL),
}
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_BAD_ESCAPE = re.compile(r"(?:[^\\]++|\\u[0-9A-Fa-f]{4}|\\[^u])*+(?=\\u)")
_CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_KEYWORDS = {"true": True, "false": False, "null": None}
_OCTAL_OR_HEX = re.compile(r"-?0[0-9x][-+0-9x]*+")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*+)")
_FLOAT = re.compile(r"-?[0-9]++(?:\.[0-9]*+)?(?:[eE][-+]?[0-9]++)?")
_LONGEST_INTEGER = len(str(-(2**63)))
_LONGEST_NUMBER = 1100
"""Characters of a number; a double needs at most 1077 to be exact."""


def parse(text: str) -> Any:
    """The value of a document, an empty object for an empty one. Raises InvalidArgument."""
    return _Parser(text).document()


class _Parser:
    """One pass over ``text``. ``_open`` holds the containers that are not closed yet, the innermost last."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._open: list[dict[str, Any] | list[Any]] = []
        self._values = 0

    def document(self) -> Any:
        if not self._peek():
            return {}
        root = self._value()
        while self._open:
            container = self._open[-1]
            if isinstance(container, list):
                if self._peek() == "]":
                    self._close()
                else:
                    container.append(self._value())
            elif (key := self._key()) is None:
                self._close()
            elif key in container:
                self._fail(f'Duplicate name "{key}" in an object.')
            else:
                self._colon()
                container[key] = self._value(key)
        if self._peek():
            self._fail("Parsing terminated before end of input.")
        return root

    def _value(self, key: str = "") -> Any:
        """A scalar with the comma after it, or a container that has just been opened."""
        start = self._peek()
        self._values += 1
        if self._values > _MAX_VALUES:
            self._fail("Too many values.")
        if start == "{" or start == "[":
            if len(self._open) == MAX_DEPTH:
                raise invalid(f"Message too deep. Max recursion depth reached for key '{key}'")
            container: dict[str, Any] | list[Any] = {} if start == "{" else []
            self._open.append(container)
            self._at += 1
            return container
        scalar = self._scalar(start)
        self._separator()
        return scalar

    def _scalar(self, start: str) -> Any:
        if start in _STRING:
            return self._string(start)
        if number := _NUMBER.match(self._text, self._at):
            return self._number(number)
        if keyword := _KEYWORD.match(self._text, self._at):
            self._at = keyword.end()
            return _KEYWORDS[keyword[0]]
        if _OTHER_TOKEN.match(self._text, self._at):
            self._fail("Unexpected token.")
        in_list = self._open and isinstance(self._open[-1], list)
        self._expected("Expected a value or ] within an array." if in_list else "Expected a value.")

    def _key(self) -> str | None:
        """The next key of an object, None when the object ends instead."""
        start = self._peek()
        if start == "}":
            return None
        if start in _STRING:
            return self._string(start)
        bare = _KEY.match(self._text, self._at)
        if not bare or bare[0] in _KEYWORDS:
            self._expected("Expected an object key or }.")
        self._at = bare.end()
        return bare[0]

    def _colon(self) -> None:
        if self._peek() != ":":
            self._expected("Expected : between key:value pair.")
        self._at += 1

    def _close(self) -> None:
        self._at += 1
        self._open.pop()
        self._separator()

    def _separator(self) -> None:
        """Takes the comma after a value; the end of the container is left to the caller's next look."""
        if not self._open:
            return
        found = self._peek()
        in_list = isinstance(self._open[-1], list)
        if found == ",":
            self._at += 1
        elif in_list and found != "]":
            self._expected("Expected , or ] after array value.")
        elif not in_list and found != "}":
            self._expected("Expected , or } after key:value pair.")

    def _string(self, quote: str) -> str:
        found = _STRING[quote].match(self._text, self._at)
        if not found:
            self._at = len(self._text)
            self._fail("Closing quote expected in string.")
        text = found[1]
        if "\\" in text:
            text = self._unescaped(text)
        self._at = found.end()
        return text

    def _unescaped(self, text: str) -> str:
        if bad := _BAD_ESCAPE.match(text):
            self._at += 1 + bad.end()
            self._fail("Invalid escape sequence.")
        plain = _ESCAPE.sub(_character, text)
        try:
            # Escapes of characters beyond U+FFFF come as pairs, which UTF-16 joins.
            return plain.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._fail("Missing low surrogate.")

    def _number(self, found: re.Match[str]) -> int | float:
        literal = found[0]
        if len(literal) <= _LONGEST_NUMBER:
            if _INTEGER.fullmatch(literal) and len(literal) <= _LONGEST_INTEGER:
                self._at = found.end()
                return int(literal)
            if _OCTAL_OR_HEX.fullmatch(literal):
                self._fail("Octal/hex numbers are not valid JSON values.")
            if _FLOAT.fullmatch(literal):
                value = float(literal)
                if value in (float("inf"), float("-inf")):
                    self._fail("Number exceeds the range of double.")
                self._at = found.end()
                return value
        self._fail("Unable to parse number.")

    def _peek(self) -> str:
        """The next character that is no white space, empty at the end."""
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._text[self._at : self._at + 1]

    def _expected(self, problem: str) -> NoReturn:
        self._fail(problem if self._peek() else f"Unexpected end of string. {problem}")

    def _fail(self, problem: str) -> NoReturn:
        """Reports a problem with what stands around it, and a caret below the place."""
        start = max(self._at - _CONTEXT, 0)
        around = self._text[start : self._at + _CONTEXT]
        raise invalid(f"{problem}\n{around}\n{' ' * (self._at - start)}^")


def _character(escape: re.Match[str]) -> str:
    if escape[1]:
        return chr(int(escape[1], 16))
    return _CONTROLS.get(escape[2], escape[2])


def invalid(problem: str) -> InvalidArgument:
    """The error for a body that is no readable JSON."""
    return InvalidArgument.of([FieldViolation("", f"Invalid JSON payload received. {problem}")])
