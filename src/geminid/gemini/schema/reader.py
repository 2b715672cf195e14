"""A client's schema -> a JSON Schema that geminid keeps to, or a refusal that says where and what.

One walk for Google's Schema and for JSON Schema. It keeps the keywords that a grammar can enforce, drops those
that only annotate, and refuses all others by name. Called by ``schema.py``; it compiles nothing.
"""

from __future__ import annotations

import re
from typing import Any

from geminid.gemini.schema import google, refs, words
from geminid.gemini.schema.node import KEYWORDS, Node, clipped, refusal
from geminid.gemini.schema.refs import Pointer
from geminid.wire.tools import Schema

MAX_DEPTH = 32
MAX_SCHEMAS = 2_000
MAX_PROPERTIES = 1_000
MAX_DEFINITIONS = 250
_UPPER = ("maximum", "exclusiveMaximum")
MAX_MULTIPLES = 10_000
"""The sum of the digits of all ``multipleOf``, read as integers; 10,000 take 20 ms to compile."""

_IGNORED = frozenset(
    {"$schema", "$id", "$comment", "$anchor", "$defs", "definitions", "nullable", "propertyOrdering"}
    | {"default", "example", "examples", "readOnly", "writeOnly", "deprecated", "discriminator", "format"}
    | {"contentEncoding", "contentMediaType"}
)
"""Keywords that say nothing about what an answer may be, and those that are read with another."""

_DECLARING = frozenset({"properties", "$ref", "anyOf", "oneOf", "allOf"})
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Reader:
    """One schema on its way. ``alphabetical`` sorts properties that are not ordered."""

    def __init__(self, root: Any, path: str, *, alphabetical: bool) -> None:
        self._root = root
        self._path = path
        self._alphabetical = alphabetical
        self._schemas = self._properties_so_far = self._multiples = 0
        self._names: dict[Pointer, str] = {}
        self._unread: list[Pointer] = []
        self._with_properties: list[tuple[Node, dict[str, Any]]] = []
        self._composed = False

    def read(self) -> dict[str, Any]:
        """The schema with every definition that it refers to. Raises InvalidArgument."""
        read = self._schema(self._root, self._path, 1)
        if isinstance(read, bool):
            raise refusal(self._path, "nothing satisfies it")
        definitions: dict[str, Any] = {}
        while self._unread:
            tokens = self._unread.pop(0)
            found = refs.target(self._root, tokens)
            where = self._path + refs.path_of(tokens)
            definitions[self._names[tokens]] = self._schema(found, where, 1)
        if not self._composed:
            self._close()
        if definitions:
            read["$defs"] = definitions
        if name := refs.without_value(read):
            where = self._path if name == "#" else f"{self._path}.$defs[{name}]"
            raise refusal(where, "its references lead back to it for ever, and nothing satisfies it")
        return read

    def _schema(self, value: Any, path: str, depth: int, *, typed: bool = False) -> dict[str, Any] | bool:
        if isinstance(value, bool):
            return {} if value else False
        node = self._node(value, path, depth, typed=typed)
        self._composed = self._composed or _declarers(node.words) > 1
        read: dict[str, Any] = {}
        for keyword, inner in node.words.items():
            if keyword in _IGNORED or keyword.startswith("x-"):
                continue
            kept = self._keyword(node, keyword, inner)
            if kept is not None or keyword == "const":
                read["anyOf" if keyword == "oneOf" else keyword] = kept
        if "format" in node.words:
            read |= words.format_of(node, read)
        words.check_pairs(node, read)
        if "properties" in read:
            self._with_properties.append((node, read))
        elif node.words.get("propertyOrdering"):
            raise node.refusal("propertyOrdering", "it orders properties, and there are none")
        return words.nullable(read) if words.is_nullable(node) else read

    def _node(self, value: Any, path: str, depth: int, *, typed: bool) -> Node:
        self._schemas += 1
        if depth > MAX_DEPTH:
            raise refusal(path, f"it is nested more than {MAX_DEPTH} deep")
        if self._schemas > MAX_SCHEMAS:
            raise refusal(self._path, f"it consists of more than {MAX_SCHEMAS} schemas")
        if isinstance(value, Schema):
            return Node(google.keywords(value, path, typed=typed), path, depth, google=True)
        if not isinstance(value, dict):
            raise refusal(path, "it is no object")
        words = _words(value)
        node = Node(words, path, depth, google=False)
        if "$id" in words and depth > 1:
            raise node.refusal("$id", "it is supported at the root alone")
        if "anyOf" in words and "oneOf" in words:
            raise node.refusal("oneOf", "it is not supported beside anyOf")
        if "type" not in words:
            words.update(_seen_type(words))
        return node

    def _keyword(self, node: Node, keyword: str, value: Any) -> Any:
        """What is kept of a keyword, None where nothing is."""
        if reader := words.READERS.get(keyword):
            return reader(node, keyword, value)
        match keyword:
            case "properties":
                return self._properties(node, value)
            case "items" | "additionalProperties":
                return self._inner(node, keyword, value)
            case "prefixItems" | "anyOf" | "oneOf" | "allOf":
                return self._list(node, keyword, value)
            case "$ref":
                return self._reference(node, value)
            case "multipleOf":
                return self._multiple(node, value)
        raise node.refusal(keyword, "the keyword is not supported")

    def _properties(self, node: Node, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise node.refusal("properties", "it is no object")
        self._properties_so_far += len(value)
        if self._properties_so_far > MAX_PROPERTIES:
            raise refusal(self._path, f"it has more than {MAX_PROPERTIES} properties")
        return {
            name: self._schema(value[name], f"{node.path}.properties[{clipped(name)}]", node.depth + 1)
            for name in self._ordered(node, value)
        }

    def _ordered(self, node: Node, properties: dict[str, Any]) -> list[str]:
        """The names: first those that propertyOrdering puts first."""
        ordering = node.words.get("propertyOrdering", [])
        if not isinstance(ordering, list) or not all(isinstance(name, str) for name in ordering):
            raise node.refusal("propertyOrdering", "it is no list of names")
        for name in ordering:
            if name not in properties:
                raise node.refusal("propertyOrdering", f"`{clipped(name)}` is not among the properties")
        rest = sorted(properties) if self._alphabetical else properties
        return list(dict.fromkeys([*ordering, *rest]))

    def _inner(self, node: Node, keyword: str, value: Any) -> dict[str, Any] | bool:
        if isinstance(value, list):
            raise node.refusal(keyword, "it is a list; prefixItems is what has a schema for each item")
        return self._schema(value, node.place(keyword), node.depth + 1)

    def _list(self, node: Node, keyword: str, value: Any) -> list[Any]:
        if not isinstance(value, list) or not value:
            raise node.refusal(keyword, "it lists no schemas")
        place, typed = node.place(keyword), "type" in node.words
        return [
            self._schema(inner, f"{place}[{index}]", node.depth + 1, typed=typed)
            for index, inner in enumerate(value)
        ]

    def _reference(self, node: Node, value: Any) -> str:
        shown = clipped(words.text(node, "$ref", value))
        tokens = refs.pointer(value)
        if tokens is None:
            raise node.refusal("$ref", f"`{shown}` leads out of the schema; only `#` and `#/...` are supported")
        if tokens and tokens not in self._names:
            if refs.target(self._root, tokens) is None:
                raise node.refusal("$ref", f"`{shown}` names nothing in the schema")
            if len(self._names) == MAX_DEFINITIONS:
                raise refusal(self._path, f"it refers to more than {MAX_DEFINITIONS} definitions")
            self._names[tokens] = self._name(tokens)
            self._unread.append(tokens)
        return f"#/$defs/{self._names[tokens]}" if tokens else "#"

    def _name(self, tokens: Pointer) -> str:
        """A definition's own name where that is plain and free."""
        own = tokens[-1]
        if len(tokens) == len(("$defs", own)) and _PLAIN_NAME.fullmatch(own) and own not in self._names.values():
            return own
        return f"ref:{len(self._names)}"

    def _multiple(self, node: Node, value: Any) -> int | float:
        number, digits = words.multiple(node, value)
        self._multiples += digits
        if self._multiples > MAX_MULTIPLES:
            raise node.refusal("multipleOf", "it has too many digits to be enforced")
        # The llguidance inside xllamacpp knows no multiples below 0: it would leave nothing to say.
        if any(isinstance(most := node.words.get(word), int | float) and most < 0 for word in _UPPER):
            raise node.refusal("multipleOf", "it is not supported for negative numbers alone")
        return number

    def _close(self) -> None:
        """Objects have the properties that they declare, and no others unless the schema says so.

        So it is with Google. Where a schema is put together of several that declare properties (allOf, or anyOf
        and $ref beside properties), closing one would forbid what another declares, and all stay open.
        """
        for node, read in self._with_properties:
            read.setdefault("additionalProperties", False)
            for name in read.get("required", ()) if read["additionalProperties"] is False else ():
                if name not in read["properties"]:
                    raise node.refusal("required", f"`{clipped(name)}` is not among the properties")


def _words(schema: dict[str, Any]) -> dict[str, Any]:
    """The keywords of a JSON Schema, null being no value but of ``const``."""
    words = {
        KEYWORDS.get(word, word): value for word, value in schema.items() if value is not None or word == "const"
    }
    if {"prefixItems", "unevaluatedItems"} <= words.keys() and _DECLARING.isdisjoint(words):
        # google-genai ends tuples so. Where no other schema declares items, it means the same as `items`.
        words.setdefault("items", words.pop("unevaluatedItems"))
    if isinstance(words.get("items"), list):
        # Drafts before 2020-12, which zod writes, have tuples so.
        words["prefixItems"] = words.pop("items")
        if "additionalItems" in words:
            words["items"] = words.pop("additionalItems")
    return _with_names(words)


def _with_names(words: dict[str, Any]) -> dict[str, Any]:
    """Names that are any strings restrict nothing; names out of a list, as of pydantic's and zod's maps, are
    properties."""
    names = words.get("propertyNames")
    if not isinstance(names, dict) or not names.keys() <= {"type", "enum"} or "properties" in words:
        return words
    plain = {word: value for word, value in words.items() if word != "propertyNames"}
    if "enum" not in names:
        return plain
    each = plain.pop("additionalProperties", {})
    listed = names["enum"]
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        return words
    return {**plain, "properties": dict.fromkeys(listed, each)}


def _declarers(words: dict[str, Any]) -> int:
    """How many parts of a schema may each declare properties of one object."""
    options = [*_listed(words, "anyOf"), *_listed(words, "oneOf")]
    own = ("properties" in words) + ("$ref" in words) + any(map(_declares, options))
    return own + sum(map(_declares, _listed(words, "allOf")))


def _listed(words: dict[str, Any], keyword: str) -> list[Any]:
    value = words.get(keyword)
    return value if isinstance(value, list) else []


def _declares(value: Any) -> bool:
    if isinstance(value, Schema):
        return bool(value.properties or value.ref or value.any_of)
    return isinstance(value, dict) and not _DECLARING.isdisjoint(value)


def _seen_type(words: dict[str, Any]) -> dict[str, str]:
    """The type of a JSON Schema that leaves it out and means it."""
    if "properties" in words:
        return {"type": "object"}
    return {"type": "array"} if "items" in words or "prefixItems" in words else {}
