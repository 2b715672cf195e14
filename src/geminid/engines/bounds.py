"""How long is long enough: the bounds of a schema, and the strings, numbers and maps that keep to them.

It knows one type at a time and follows no reference; ``engines/bounded.py``, its caller, does.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from geminid import grammar
from geminid.generation import JsonSchema

CLOSED = {"additionalProperties": False}

_LARGEST = 18
"""The most digits of a range that llguidance compiles: its integers have 64 bits."""
_FINEST = 10
"""The finest ``multipleOf`` that llguidance compiles is 1e-10."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What holds where the schema does not say.

    ``text`` and ``key`` are the characters of a string, and of a property's name that the schema leaves open;
    ``items`` and ``properties`` count those of one array and one object; ``digits`` are those before the point of
    a number, ``fraction`` those behind it; ``depth`` is how often a type may stand within itself, the first
    included, and how many levels a value of any kind may have below its own.
    """

    text: int = 200
    key: int = 32
    items: int = 8
    properties: int = 8
    digits: int = 9
    fraction: int = 6
    depth: int = 3

    def string(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """A schema of strings; longer ones where a pattern, a format or a minimum leaves no short one."""
        if "maxLength" in own:
            return dict(own)
        longest = max(self.text, own.get("minLength", 0))
        lengths = [longest * factor for factor in (1, 2, 4, 16, 64)]
        return _tightest(own, [{"maxLength": length} for length in lengths], own.keys() & {"pattern", "format"})

    def number(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """A schema of numbers; with more digits, or a finer fraction, where what is given leaves none.

        A fraction ends by a ``multipleOf``, which the llguidance of the embedded server has for no number below 0:
        of those, integers are left.
        """
        if own["type"] == "integer" or "multipleOf" in own:
            return self._integer(own)
        if max(own.get("minimum", -1), own.get("exclusiveMinimum", -1)) >= 0:
            return self._fraction(own)
        above = {key: value for key, value in own.items() if key != "exclusiveMinimum"} | {"minimum": 0}
        below = {**own, "type": "integer", "maximum": min(own.get("maximum", -1), -1)}
        options = [self._fraction(above), self._integer(below)]
        left = [option for option in options if _satisfiable(json.dumps(option))]
        match left:
            case []:
                return {**own, **_range(own, self.digits)}
            case [only]:
                return only
        return {"anyOf": left}

    def _integer(self, own: Mapping[str, Any]) -> dict[str, Any]:
        return _tightest(own, self._ranges(own), own.keys() - {"type"})

    def _fraction(self, own: Mapping[str, Any]) -> dict[str, Any]:
        ranges = self._ranges(own)
        finer = [ranges[0] | _step(fraction) for fraction in range(self.fraction + 1, _FINEST + 1)]
        return _tightest(own, [bound | _step(self.fraction) for bound in ranges] + finer, own.keys() - {"type"})

    def _ranges(self, own: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [_range(own, digits) for digits in range(self.digits, _LARGEST + 1)]

    def map(self, own: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
        """A schema of objects that have others beside the properties they list, by names of their own."""
        names = "|".join(_other_names({"", *own.get("properties", ())}, self.key))
        named = {f"^(?:{names})$": others}
        return {**own, "patternProperties": named, "maxProperties": self.most_properties(own), **CLOSED}

    def most_properties(self, own: Mapping[str, Any]) -> int:
        most: int = own.get("maxProperties", max(self.properties, own.get("minProperties", 0)))
        return most


SMALL_MODEL = 1_000_000_000
"""Parameters. Smaller models go on with a list, a string or a number without end where a schema lets them."""

SMALL_MODEL_BOUNDS = Bounds(text=100, key=24, items=5, properties=5, digits=9, fraction=4, depth=2)
"""Measured with SmolLM2-135M and 13 schemas that have no end, three answers each: 141 tokens at most, where looser
ones (texts of 200, lists of 8, depth 3) let it write 1,700."""


def bounds_of(parameters: int | None) -> Bounds | None:
    """What a model of so many parameters has to be held to; None for nothing, as where the number is not known."""
    return SMALL_MODEL_BOUNDS if parameters and parameters < SMALL_MODEL else None


def _range(own: Mapping[str, Any], digits: int) -> dict[str, Any]:
    limit = 10**digits - 1
    below = {"minimum": -limit} if own.keys().isdisjoint({"minimum", "exclusiveMinimum"}) else {}
    above = {"maximum": limit} if own.keys().isdisjoint({"maximum", "exclusiveMaximum"}) else {}
    return below | above


def _step(fraction: int) -> dict[str, Any]:
    """Not ``10**-fraction``, which has digits too many."""
    return {"multipleOf": float(f"1e-{fraction}")}


def _tightest(own: Mapping[str, Any], bounds: list[dict[str, Any]], doubtful: Collection[str]) -> dict[str, Any]:
    """The schema with the first of the bounds that leaves a value; without doubt that is the very first."""
    if not doubtful:
        return {**own, **bounds[0]}
    tries = ({**own, **bound} for bound in bounds)
    return next((tried for tried in tries if _satisfiable(json.dumps(tried))), dict(own))


@functools.lru_cache(maxsize=4096)
def _satisfiable(schema: str) -> bool:
    try:
        grammar.check(str(grammar.grammar_of(JsonSchema(json.loads(schema)), None)))
    except grammar.Unusable:
        return False
    return True


def _other_names(taken: Collection[str], room: int) -> list[str]:
    """Patterns of the texts of at most ``room`` characters on one line that are none of the taken ones.

    They branch at each character of those: there is no lookahead in what llguidance compiles.
    """
    if not taken:
        return [f".{{0,{room}}}"]
    patterns = [] if "" in taken else [""]
    if room:
        heads = sorted({name[0] for name in taken if name})
        taken_heads = "".join(map(_escaped, ["\n", *heads]))
        patterns.append(f"[^{taken_heads}].{{0,{room - 1}}}")
        for head in heads:
            tails = _other_names({name[1:] for name in taken if name.startswith(head)}, room - 1)
            patterns += [_escaped(head) + f"(?:{'|'.join(tails)})"] if tails else []
    return patterns


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}" if character < "\U00010000" else character
