"""What an answer may be, as a grammar: written, checked, and exemplified. llguidance is what understands it.

Called by ``gemini/`` to check a request before any engine sees it, and by the engines that decode by grammar. The
language is llguidance's dialect of Lark (https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from typing import Any, assert_never

from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from geminid.generation import Calling, Choices, Constraint, Function, JsonSchema, Tools

CALL_OPENS, CALL_CLOSES = "<tool_call>", "</tool_call>"
"""What a call stands between, in the form that most open models were taught: Hermes's, and Qwen's."""

MOST_CALLS = 16
"""How many calls one answer may hold. A model that has begun to repeat itself ends somewhere."""

_LINE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": ", "coerce_one_of": True}
"""JSON on one line, as Gemini writes it. oneOf is read as anyOf, as Google's schemas have it."""

_HEADER = "%llguidance {}\n"


class Unusable(Exception):
    """A grammar that cannot be compiled or that no text satisfies; the message says why."""


def grammar_of(constraint: Constraint | None, tools: Tools | None, most_calls: int = MOST_CALLS) -> str | None:
    """The grammar of an answer, None where anything may be said."""
    if tools is not None:
        return _HEADER + "\n".join(_calling(constraint, tools, most_calls))
    return None if constraint is None else f"{_HEADER}start: {_text(constraint)}"


def grammar_of_arguments(function: Function) -> str:
    """The grammar of one function's arguments."""
    return f"{_HEADER}start: {_json(function.parameters)}"


def check(grammar: str) -> None:
    """Raises Unusable. Takes 0.2 ms for a common schema, tens of them for a thousand properties."""
    matcher = _matcher(grammar)
    matcher.compute_bitmask()
    if matcher.is_stopped() and not matcher.is_accepting():
        raise Unusable("nothing satisfies it")


def example(grammar: str) -> str:
    """A text of the grammar, and a short one: always the same for the same grammar. Raises Unusable."""
    matcher, text = _matcher(grammar), bytearray()
    while not matcher.is_accepting():
        byte = _next(matcher, text)
        if byte is None or not matcher.consume_token(byte) or len(text) >= _LONGEST_EXAMPLE:
            raise Unusable(matcher.get_error() or "no short text satisfies it")
        text.append(byte)
    return text.decode()


def _matcher(grammar: str) -> LLMatcher:
    matcher = LLMatcher(_bytes(), grammar, log_level=0, limits=_limits())
    if matcher.is_error():
        raise Unusable(matcher.get_error())
    return matcher


def _calling(constraint: Constraint | None, tools: Tools, most_calls: int) -> Iterable[str]:
    """One call after another, each on lines of its own; before them, or instead of them, what may be said."""
    functions = tools.callable
    said = "TAIL" if constraint is None else _text(constraint)
    match tools.calling:
        case Calling.ANY:
            yield f"start: {_literal(CALL_OPENS)} calls"
        case Calling.AUTO | Calling.VALIDATED if constraint is not None:
            yield f"start: said | {_literal(CALL_OPENS)} calls"
            yield f"said: {said}"
        case Calling.AUTO | Calling.VALIDATED:
            yield "start: TAIL | head calls"
            yield f"head[lazy]: /(?s:.*){CALL_OPENS}/"
            yield "TAIL: /(?s:.*)/ & ~/(?s:.*)<\\/?tool_(call|response)>(?s:.*)/"
        case _:
            assert_never(tools.calling)
    more = f" ({_literal(chr(10) + CALL_OPENS)} call){{0,{most_calls - 1}}}" if most_calls > 1 else ""
    yield f"calls: call{more}"
    yield f"call: {_literal(chr(10))} (" + " | ".join(f"call_{index}" for index in range(len(functions))) + ")"
    for index, function in enumerate(functions):
        opens = _literal(f'{{"name": {json.dumps(function.name)}, "arguments": ')
        yield f"call_{index}: {opens} arguments_{index} {_literal('}' + chr(10) + CALL_CLOSES)}"
        yield f"arguments_{index}: {_json(function.parameters)}"


def _text(constraint: Constraint) -> str:
    match constraint:
        case JsonSchema(schema):
            return _json(schema)
        case Choices(texts):
            return " | ".join(map(_literal, texts))
        case _:
            assert_never(constraint)


def _json(schema: Mapping[str, Any]) -> str:
    return "%json " + json.dumps({**_strict(schema), "x-guidance": _LINE})


_DATE = r"(?:[1-9][0-9]{3})-(?:(?:0[13-9]|1[0-2])-[0-9]{2}|02-(?:0[1-9]|1[0-9]|2[0-8]))"
_TIME = r"[0-9]{2}:[0-9]{2}:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
_STRICTER = {"date": f"^{_DATE}$", "time": f"^{_TIME}$", "date-time": f"^{_DATE}T{_TIME}$"}
"""llguidance takes the year 0, 29 February of any year and leap seconds, which validators do not."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
_ATOM = r"[A-Za-z0-9_+-]{1,15}"
_IN_URI = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})"
_SPAN = r"[1-9][0-9]{0,3}"
_OWN = {
    "duration": rf"^P(?:{_SPAN}[YMWD]|T{_SPAN}[HMS]|{_SPAN}DT{_SPAN}[HMS])$",
    "email": rf"^{_ATOM}(?:\.{_ATOM}){{0,3}}@(?:{_LABEL}\.){{1,4}}[A-Za-z]{{2,12}}$",
    "hostname": rf"^(?:{_LABEL}\.){{0,5}}{_LABEL}$",
    "uri": (
        rf"^[a-z][a-z0-9+.-]{{1,12}}://(?:{_LABEL}\.){{0,5}}{_LABEL}(?::[1-9][0-9]{{0,3}})?(?:/{_IN_URI}{{0,1500}})?"
        rf"(?:\?{_IN_URI}{{0,500}})?(?:#{_IN_URI}{{0,100}})?$"
    ),
}
"""Formats that llguidance and validators read differently, or that the one inside xllamacpp does not know."""


def _strict(node: Any) -> Any:
    """A schema whose formats are read by everyone alike."""
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    plain = ("enum", "const", "default")
    stricter = {key: value if key in plain else _strict(value) for key, value in node.items()}
    name = node["format"] if isinstance(node.get("format"), str) else ""
    if name in _OWN:
        del stricter["format"]
    if pattern := _STRICTER.get(name) or _OWN.get(name):
        stricter["allOf"] = [*stricter.get("allOf", ()), {"type": "string", "pattern": pattern}]
    return stricter


def _literal(text: str) -> str:
    """Literals of Lark are strings of JSON."""
    return json.dumps(text)


@functools.cache
def _bytes() -> LLTokenizer:
    """A vocabulary of the 256 bytes: enough to compile for, and to spell an example."""
    return LLTokenizer("byte")


@functools.cache
def _limits() -> LLParserLimits:
    return LLParserLimits(verbose_errors=False)


_LONGEST_EXAMPLE = 100_000
_DIGITS, _LETTERS = b"1234567890", b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ENDS = b'"}],:'
_PUNCTUATION = b"@.:/-"
_WORD, _NUMBER = 4, 6


def _next(matcher: LLMatcher, text: bytearray) -> int | None:
    """The byte to go on with: one that ends a value, else a character; another value is begun only of need.

    A string gets a character before it ends, where it may, and a long word gets punctuation, as formats want it.
    """
    turn = len(text) % len(_DIGITS) if text[-_NUMBER:].isdigit() and len(text) >= _NUMBER else 0
    digits = _DIGITS[turn:] + _DIGITS[:turn]
    mask = matcher.compute_bitmask()
    allowed = {byte for byte in range(256) if mask[byte >> 3] >> (byte & 7) & 1}
    in_string = ord("!") in allowed and ord('"') not in allowed
    if text[-_WORD:].isalnum() and len(text) > _WORD:
        order = b'"' + _PUNCTUATION + _ENDS + _LETTERS + digits
    elif text.endswith(b'"') or in_string:
        order = digits + _LETTERS + _ENDS
    else:
        order = _ENDS + digits + _LETTERS
    return next((byte for byte in order if byte in allowed), min(allowed, default=None))
