"""The samples of a documentation page that was saved as plain text. Pure.

A page shows one sample in several languages, each under a line that holds only the language's name. Around the
code stands prose in any language, so code is told by its own looks. A page's syntax outlines, which have ``...``
where the reader's values go, are found too and marked: they are not meant to run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Language(StrEnum):
    PYTHON = "python"
    NODE = "node"
    JAVA = "java"
    GO = "go"
    CURL = "curl"


@dataclass(frozen=True, slots=True)
class Sample:
    """``code`` is verbatim. ``line`` is its first line on the page, counted from 1.

    A curl sample has the JSON ``body`` that the page tells the reader to save as request.json, and the
    ``placeholders`` that it tells the reader to replace.
    """

    language: Language
    line: int
    code: str
    body: str = ""
    placeholders: tuple[str, ...] = ()
    outline: bool = False

    @property
    def has_media(self) -> bool:
        return bool(re.search(r"gs://|fileUri|file_uri|image_url|inline_?data", self.code + self.body, re.I))

    @property
    def streams(self) -> bool:
        return bool(re.search(r'(?i:stream"?\s*[=:]\s*true)|:stream|ContentStream\(', self.code + self.body))


@dataclass(frozen=True, slots=True)
class _Tab:
    """The lines between one language's name and the next; ``first`` is the number of the first."""

    name: str
    first: int
    lines: Sequence[str]


_TAB = re.compile(r"(Python|Node\.?js|Java|Go|C#|curl|PowerShell|REST)(?: \([^)]*\))?", re.I)

_LANGUAGES: Mapping[str, Language] = {
    "python": Language.PYTHON,
    "nodejs": Language.NODE,
    "node.js": Language.NODE,
    "java": Language.JAVA,
    "go": Language.GO,
    "curl": Language.CURL,
}

_STARTS: Mapping[Language, re.Pattern[str]] = {
    Language.PYTHON: re.compile(r"import \w|from [\w.]+ import|\w+ = |(async )?def |class |@\w"),
    Language.NODE: re.compile(r"const |let |var |import [\w{*'\"]|(async )?function |'use strict'"),
    Language.JAVA: re.compile(r"package [\w.]+;|import [\w.]+;|public class "),
    Language.GO: re.compile(r"package \w+$|import [(\"]|//go:build"),
    Language.CURL: re.compile(r"curl "),
}

_PLACEHOLDER = re.compile(r"\s*[•*-]\s+([A-Z][A-Z0-9_]+)\s*:")


def extract(page: str) -> list[Sample]:
    """The samples in the page's order."""
    return list(_samples(_tabs(page.splitlines())))


def _tabs(lines: Sequence[str]) -> list[_Tab]:
    heads = [number for number, line in enumerate(lines) if _TAB.fullmatch(line.strip())]
    ends = [*heads[1:], len(lines)]
    return [
        _Tab(lines[head].strip(), head + 2, lines[head + 1 : end]) for head, end in zip(heads, ends, strict=False)
    ]


def _samples(tabs: Sequence[_Tab]) -> Iterator[Sample]:
    request = _Tab("", 0, ())
    for tab in tabs:
        language = _LANGUAGES.get(tab.name.split(" ")[0].lower())
        if language is None:
            request = tab if tab.name.startswith("REST") else request
            continue
        start = next((i for i, line in enumerate(tab.lines) if _STARTS[language].match(line)), None)
        if start is None:
            continue
        code = _TRIMS[language](tab.lines[start:])
        if not code:
            continue
        needs_body = language is Language.CURL and "request.json" in code
        yield Sample(
            language=language,
            line=tab.first + start,
            code=code,
            body=_json_body(request.lines) if needs_body else "",
            placeholders=_placeholders(request.lines) if needs_body else (),
            outline=_is_outline(language, code),
        )


def _json_body(lines: Sequence[str]) -> str:
    """From the first brace that stands alone at the left edge to the last."""
    if "{" not in lines or "}" not in lines:
        return ""
    first = lines.index("{")
    last = len(lines) - 1 - list(reversed(lines)).index("}")
    return "\n".join(lines[first : last + 1])


def _placeholders(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(found[1] for line in lines if (found := _PLACEHOLDER.match(line)))


def _trim_python(lines: Sequence[str]) -> str:
    """The longest beginning that Python can parse, without a heading of one word, which it can parse as well."""
    for end in range(len(lines), 0, -1):
        source = "\n".join(lines[:end])
        try:
            tree = ast.parse(source)
        except SyntaxError:
            continue
        while tree.body and _is_bare_word(tree.body[-1]):
            del tree.body[-1]
        if not tree.body:
            return ""
        return _with_comments(lines, tree.body[-1].end_lineno or end)
    return ""


def _is_bare_word(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Name)


def _with_comments(lines: Sequence[str], end: int) -> str:
    while end < len(lines) and lines[end].startswith("#"):
        end += 1
    return "\n".join(lines[:end]) + "\n"


def _trim_braces(lines: Sequence[str]) -> str:
    """Up to the last line that ends as statements and blocks do; prose ends otherwise."""
    ends = [number for number, line in enumerate(lines) if line.rstrip().endswith(("}", ";", "})", ");"))]
    return "\n".join(lines[: ends[-1] + 1]) + "\n" if ends else ""


def _trim_curl(lines: Sequence[str]) -> str:
    """One command: to the first line that ends outside quotes and does not ask for another."""
    quote = ""
    for number, line in enumerate(lines):
        for character in line:
            if quote:
                quote = "" if character == quote else quote
            elif character in "'\"":
                quote = character
        goes_on = line.rstrip().endswith("\\") or not line.strip()
        if not quote and not goes_on:
            return "\n".join(lines[: number + 1]) + "\n"
    return ""


_TRIMS: Mapping[Language, Callable[[Sequence[str]], str]] = {
    Language.PYTHON: _trim_python,
    Language.NODE: _trim_braces,
    Language.JAVA: _trim_braces,
    Language.GO: _trim_braces,
    Language.CURL: _trim_curl,
}


def _is_outline(language: Language, code: str) -> bool:
    if language is Language.PYTHON:
        return any(isinstance(node, ast.Constant) and node.value is ... for node in ast.walk(ast.parse(code)))
    return any(line.strip().rstrip(",") == "..." for line in code.splitlines())
