"""How large a schema grows in a compiler, which multiplies out what holds of one value at once.

An anyOf beside other keywords is compiled as each option together with them, so a few of them, one inside the
other, make more than any memory holds. Called by ``check.py`` before anything is compiled. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_INTO = ("items", "additionalProperties")
_ANNOTATIONS = {"title", "description", "default", "$defs", "type"}


@dataclass(frozen=True, slots=True)
class _Grown:
    """``forms`` are the alternatives that a schema comes to, ``size`` the schemas in all of them together."""

    forms: int
    size: int

    def beside(self, other: _Grown) -> _Grown:
        """Both at once: each form with each."""
        return _Grown(self.forms * other.forms, self.size * other.forms + other.size * self.forms)

    def instead(self, other: _Grown) -> _Grown:
        """Either."""
        return _Grown(self.forms + other.forms, self.size + other.size)


_ONE = _Grown(1, 1)


def weight(schema: Mapping[str, Any]) -> int:
    """The number of schemas that ``schema`` grows to; a reference by itself does not grow."""
    definitions = schema.get("$defs", {})
    growth = _Growth(definitions)
    return growth.of(schema).size + sum(growth.referred(f"#/$defs/{name}").size for name in definitions)


class _Growth:
    """Of the schemas in one document, each definition once."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._known: dict[str, _Grown] = {}

    def referred(self, reference: str) -> _Grown:
        if reference not in self._known:
            self._known[reference] = _ONE  # what it is worth inside itself
            self._known[reference] = self.of(self._definitions.get(reference.rpartition("/")[2], True))
        return self._known[reference]

    def of(self, node: Any) -> _Grown:
        if not isinstance(node, Mapping):
            return _ONE
        whole = _Grown(1, 1 + sum(self.of(child).size for child in _children(node)))
        for union in ("anyOf", "oneOf"):
            if options := node.get(union):
                first, *others = map(self.of, options)
                alternatives = first
                for option in others:
                    alternatives = alternatives.instead(option)
                whole = whole.beside(alternatives)
        for part in node.get("allOf", ()):
            whole = whole.beside(self.of(part))
        if "$ref" in node:
            alone = node.keys() <= _ANNOTATIONS | {"$ref"}
            target = self.referred(node["$ref"])
            whole = _Grown(target.forms, 1) if alone else whole.beside(target)
        return whole


def _children(node: Mapping[str, Any]) -> Iterator[Any]:
    """The schemas of values inside this one's."""
    yield from node.get("properties", {}).values()
    yield from node.get("prefixItems", ())
    yield from (node[keyword] for keyword in _INTO if keyword in node)
