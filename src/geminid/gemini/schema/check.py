"""Whether a schema can be kept to: compiled for decoding and for validation, or refused with the place at fault.

Called before any engine sees the schema, since an engine that cannot compile one may go on without. Pure, but slow
for what is large or new: callers keep it off the event loop.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jsonschema_rs
import msgspec

from geminid import grammar
from geminid.errors import InvalidArgument
from geminid.gemini.schema.node import clipped, refusal, spelled
from geminid.gemini.schema.weight import weight
from geminid.generation import JsonSchema

_MOST_KNOWN = 4096
_MOST_WEIGHT = 10_000
_LONGEST_REASON = 200
_PATTERN_BYTES = 4 * 2**20
_ALL_PATTERNS_BYTES = 64 * 2**20
_TOO_LARGE = "the pattern takes too much memory, by itself or together with the others"
_SUSPECTS = (
    "pattern", "format", "multipleOf", "enum", "const", "minLength", "maxLength", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems", "minProperties", "maxProperties", "required",
)  # fmt: skip


def checked(schema: Mapping[str, Any], path: str) -> None:
    """Raises InvalidArgument for a schema that no grammar enforces or nothing satisfies.

    ``schema`` is one of ``schema.py``'s, ``path`` its field path. One that was found good is not compiled again.
    """
    digest = hashlib.sha256(msgspec.json.encode(schema)).digest()
    if digest in _KNOWN:
        return
    if (size := weight(schema)) > _MOST_WEIGHT:
        raise refusal(path, f"its combinations of schemas come to {size}, and {_MOST_WEIGHT} are supported")
    search = _Search(schema, path)
    try:
        validator(schema)
    except jsonschema_rs.ValidationError as error:
        raise search.invalid(error) from None
    try:
        grammar.check(grammar.grammar_of(JsonSchema(schema), None) or "")
    except grammar.Unusable as error:
        raise search.refusal(error) from None
    _KNOWN.add(digest)


def validator(schema: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """What judges values by ``schema``; made in 20 µs for 20 properties, so that none is kept.

    Patterns run in linear time, and all of them together in a bounded memory. Raises ValidationError for one
    that is no such pattern. Nothing is fetched.
    """
    patterns = msgspec.json.encode(schema).count(b'"pattern":')
    size = min(_PATTERN_BYTES, _ALL_PATTERNS_BYTES // max(patterns, 1))
    return jsonschema_rs.Draft202012Validator(
        dict(schema),
        validate_formats=True,
        pattern_options=jsonschema_rs.RegexOptions(size_limit=size),
        retriever=_fetch_nothing,
        mask="it",
    )


def _fetch_nothing(uri: str) -> Any:
    raise ValueError("a reference leads out of the schema")


class _Known:
    """The digests of the latest schemas that were found good; clients send the same ones every turn."""

    def __init__(self) -> None:
        self._digests: dict[bytes, None] = {}
        self._lock = threading.Lock()

    def __contains__(self, digest: bytes) -> bool:
        with self._lock:
            if digest not in self._digests:
                return False
            self._digests[digest] = self._digests.pop(digest)
            return True

    def add(self, digest: bytes) -> None:
        with self._lock:
            self._digests[digest] = None
            if len(self._digests) > _MOST_KNOWN:
                del self._digests[next(iter(self._digests))]


_KNOWN = _Known()


class _Search:
    """The smallest part of a schema that cannot be compiled, found by halving; bounded, as each step compiles."""

    _MOST_STEPS = 60

    def __init__(self, schema: Mapping[str, Any], path: str) -> None:
        self._schema = schema
        self._path = path
        self._google = not path.endswith("json_schema")
        self._definitions = schema.get("$defs", {})
        self._steps = 0

    def refusal(self, error: grammar.Unusable) -> InvalidArgument:
        part, path = self._schema, self._path
        seen: set[str] = set()
        while found := self._first_failing(
            [child for child in self._children(part, path) if child[1] not in seen]
        ):
            part, path = found
            seen.add(path)
        for word in _SUSPECTS:
            rest = {key: value for key, value in part.items() if key != word}
            if word in part and not self._fails([rest]):
                path = f"{path}.{self._spelled(word)}"
                break
        return refusal(path, _line(self._reason([part]) or str(error)))

    def invalid(self, error: jsonschema_rs.ValidationError) -> InvalidArgument:
        """The refusal of what is no schema to validate by: with schemas of ``schema.py``, a pattern."""
        reason = self._reason([{"type": "string", "pattern": str(error.instance)}])
        return refusal(self._place(error.instance_path), _line(reason) if reason else _TOO_LARGE)

    def _place(self, steps: Sequence[str | int]) -> str:
        """A path of keys as a field path."""
        path, named = self._path, False
        for step in steps:
            if named or isinstance(step, int):
                path += f"[{clipped(str(step))}]"
            else:
                path += f".{self._spelled(step)}"
            named = not named and step in ("properties", "$defs")
        return path

    def _spelled(self, keyword: str) -> str:
        return spelled(keyword, google=self._google)

    def _children(self, part: Mapping[str, Any], path: str) -> Iterator[tuple[Mapping[str, Any], str]]:
        if "$ref" in part:
            name = part["$ref"].removeprefix("#/$defs/")
            if name in self._definitions:
                yield self._definitions[name], f"{self._path}.{self._spelled('$defs')}[{name}]"
        for name, inner in part.get("properties", {}).items():
            yield inner, f"{path}.properties[{clipped(name)}]"
        for keyword in ("items", "additionalProperties"):
            yield part.get(keyword, {}), f"{path}.{self._spelled(keyword)}"
        for keyword in ("prefixItems", "anyOf", "allOf"):
            for index, inner in enumerate(part.get(keyword, ())):
                yield inner, f"{path}.{self._spelled(keyword)}[{index}]"

    def _first_failing(
        self, children: Sequence[tuple[Mapping[str, Any], str]]
    ) -> tuple[Mapping[str, Any], str] | None:
        children = [child for child in children if child[0] and not isinstance(child[0], bool)]
        if not children or not self._fails([part for part, _ in children]):
            return None
        while len(children) > 1:
            half = children[: len(children) // 2]
            children = half if self._fails([part for part, _ in half]) else children[len(half) :]
        return children[0]

    def _fails(self, parts: Sequence[Mapping[str, Any]]) -> bool:
        return self._reason(parts) is not None

    def _reason(self, parts: Sequence[Mapping[str, Any]]) -> str | None:
        """Why a part, or an array of one item of each, cannot be compiled. Once tired, it finds no fault."""
        self._steps += 1
        if self._steps > self._MOST_STEPS:
            return None
        bare = [{word: inner for word, inner in part.items() if word != "$defs"} for part in parts]
        array = {"type": "array", "prefixItems": bare, "minItems": len(bare), "items": False}
        schema = array if len(bare) > 1 else bare[0]
        try:
            grammar.check(grammar.grammar_of(JsonSchema(schema | {"$defs": self._definitions}), None) or "")
        except grammar.Unusable as error:
            return str(error)
        return None


def _line(message: str) -> str:
    """The one line of llguidance's message that tells most.

    That of a bad pattern is its last before the grammar is shown, ``error: unclosed group``.
    """
    lines = message.splitlines() or [""]
    telling = next((line for line in lines if line.startswith("error: ")), lines[0])
    telling = telling.rpartition("failed to compile JSON schema: ")[2].removeprefix("error: ").strip().rstrip(".")
    return telling[:_LONGEST_REASON] or "it cannot be compiled"
