"""The form of an answer, what its text may be and what it may call, in the words of each kind of server.

Pure; called by ``chat_request.py``. How a server is told is ``Dialect.constraining``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, assert_never

from geminid.engines.bounded import bounded
from geminid.engines.bounds import Bounds
from geminid.engines.chat_messages import Body
from geminid.engines.dialects import Constraining, Dialect
from geminid.generation import Calling, Choices, Constraint, Generation, JsonSchema, Tools
from geminid.grammar import MOST_CALLS, Unusable, check, grammar_of

MOST_BOUNDED_CALLS = 1
"""How many calls a model may make that has to be bounded. SmolLM2-135M made the same call again until it was
stopped, in 30 answers of 30."""

_META = re.compile(r"[\\.^$*+?()\[\]{}|]")


@dataclass(frozen=True, slots=True)
class Form:
    """``constraint`` is one of the text, ``tools`` are what may be called, at most ``most_calls`` times."""

    constraint: Constraint | None
    tools: Tools | None
    most_calls: int = MOST_CALLS

    @classmethod
    def of(cls, generation: Generation, bounds: Bounds | None) -> Form:
        """Within the bounds, unless they leave nothing of it: some schemas ask for more."""
        if generation.constraint is None and generation.tools is None:
            return FREE
        asked = cls(generation.constraint, generation.tools)
        if bounds is None:
            return asked
        held = cls(_within(asked.constraint, bounds), _called_within(asked.tools, bounds), MOST_BOUNDED_CALLS)
        grammar = held.grammar
        return held if grammar is None or _usable(grammar) else asked

    @property
    def grammar(self) -> str | None:
        """All of it, for llguidance."""
        return grammar_of(self.constraint, self.tools, self.most_calls)

    def told(self, dialect: Dialect) -> Body:
        """The field of a request that says it, if anything is to be said; functions have fields of their own."""
        if dialect.constraining is Constraining.GRAMMAR:
            grammar = self.grammar
            return {"grammar": grammar} if grammar else {}
        constraint, tools = self.constraint, self.tools
        if constraint is None or only_calls(tools) or (tools and not dialect.constrains_beside_tools):
            return {}
        match dialect.constraining:
            case Constraining.FORMAT_OR_REGEX if isinstance(constraint, Choices):
                return {"regex": _regex(constraint)}
            case Constraining.RESPONSE_FORMAT | Constraining.FORMAT_OR_REGEX:
                return {"response_format": _response_format(constraint)}
            case Constraining.FORMAT_VALUE:
                return {"response_format": _format_value(constraint)}
            case Constraining.STRUCTURED_OUTPUTS:
                return {"structured_outputs": _structured(constraint)}
            case _:
                assert_never(dialect.constraining)


FREE = Form(None, None)
"""Anything may be said."""


def only_calls(tools: Tools | None) -> bool:
    """Whether there will be no text for a constraint to hold for."""
    return tools is not None and tools.calling is Calling.ANY


def _response_format(constraint: Constraint) -> Mapping[str, Any]:
    """Choices are refused before: ``Capabilities.choices``."""
    assert isinstance(constraint, JsonSchema)
    if not constraint.schema:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": constraint.schema, "strict": True}}


def _structured(constraint: Constraint) -> Mapping[str, Any]:
    """The ``structured_outputs`` of https://docs.vllm.ai/en/latest/features/structured_outputs/"""
    match constraint:
        case JsonSchema(schema):
            return {"json": schema}
        case Choices(texts):
            return {"choice": list(texts)}
        case _:
            assert_never(constraint)


def _format_value(constraint: Constraint) -> Mapping[str, Any]:
    """The ``GrammarType`` of https://github.com/huggingface/text-generation-inference/blob/main/docs/openapi.json"""
    match constraint:
        case JsonSchema(schema):
            return {"type": "json_object", "value": schema}
        case Choices():
            return {"type": "regex", "value": _regex(constraint)}
        case _:
            assert_never(constraint)


def _regex(choices: Choices) -> str:
    """One of the texts. Nothing is escaped that need not be: not every engine of expressions takes that."""
    return "(" + "|".join(_META.sub(r"\\\g<0>", text) for text in choices.texts) + ")"


@functools.lru_cache(maxsize=256)
def _usable(grammar: str) -> bool:
    """Whether anything is left."""
    try:
        check(grammar)
    except Unusable:
        return False
    return True


def _within(constraint: Constraint | None, bounds: Bounds) -> Constraint | None:
    return JsonSchema(bounded(constraint.schema, bounds)) if isinstance(constraint, JsonSchema) else constraint


def _called_within(tools: Tools | None, bounds: Bounds) -> Tools | None:
    if tools is None:
        return None
    functions = [
        replace(function, parameters=bounded(function.parameters, bounds)) for function in tools.functions
    ]
    return replace(tools, functions=tuple(functions))
