"""A ``Generation`` as the body of a request to a server that speaks OpenAI's chat API.

Pure: no network, no server's state. Called by ``openai_http.py``; forms as in
https://platform.openai.com/docs/api-reference/chat/create and, beyond that, as ``dialects.py`` says.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from geminid.engines import chat_messages
from geminid.engines.bounded import bounded
from geminid.engines.bounds import Bounds
from geminid.engines.chat_messages import Body
from geminid.engines.control_tokens import Defuser
from geminid.engines.dialects import Constraining, Dialect, Reasoning
from geminid.engines.tool_calls import instructions, schema_instructions
from geminid.generation import (
    Calling,
    Choices,
    Constraint,
    Generation,
    JsonSchema,
    Sampling,
    Text,
    Thinking,
    Tools,
)
from geminid.grammar import Unusable, check, grammar_of

SMALLEST_TOP_P = 1e-6
"""Gemini takes topP 0, OpenAI's servers do not; both mean the one most likely token."""

MOST_BOUNDED_CALLS = 1
"""How many calls a model may make that has to be bounded. SmolLM2-135M made the same call again until it was
stopped, in 30 answers of 30."""

EFFORT_TOKENS = {"none": 0, "low": 1024, "medium": 8192}
"""The budgets up to which a word stands for; more is ``high``. The table, read backwards, with which Google's own
OpenAI endpoint reads the words: https://ai.google.dev/gemini-api/docs/openai#thinking"""

_SALT = b"geminid: prompts of one tenant\0"
_META = re.compile(r"[\\.^$*+?()\[\]{}|]")

_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": None}


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes request bodies. ``system`` speaks where the generation has no system pieces of its own.

    ``control_tokens`` are those of the model, see ``control_tokens.py``. ``bounds`` are for models so small that
    they do not find the end of a list by themselves.
    """

    dialect: Dialect
    system: str | None = None
    control_tokens: Sequence[str] = ()
    bounds: Bounds | None = None
    _defuser: Defuser = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_defuser", Defuser(self.control_tokens))

    def body(self, model: str, generation: Generation, context_tokens: int) -> Body:
        """The request. A limit that the window makes pointless is left out: vLLM refuses what exceeds it."""
        sampling, dialect = generation.sampling, self.dialect
        body: Body = {
            "model": model,
            "messages": self._messages(generation),
            "stream": True,
            "stream_options": {"include_usage": True, **dialect.stream_options},
            **dialect.extras,
            **self._sampling(sampling),
        }
        limit = sampling.max_output_tokens
        if limit is not None and limit < context_tokens:
            body[dialect.max_tokens] = limit
        if sampling.logprobs is not None:
            body |= {"logprobs": True, "top_logprobs": max(sampling.logprobs, dialect.least_top_logprobs)}
        if generation.tools and dialect.native_tools:
            body |= self._native_tools(generation.tools)
        elif generation.tools:
            # A stop sequence may be part of a call's JSON; in the text it is looked for by those who asked.
            body.pop("stop", None)
        if dialect.salt and generation.tenant:
            body[dialect.salt] = salt_of(generation.tenant)
        body |= self._constraint(generation.constraint, generation.tools)
        return body | self._thinking(generation, constrained="grammar" in body)

    def _messages(self, generation: Generation) -> list[Body]:
        """System paragraphs are parted by blank lines, as servers join them."""
        system = "\n\n".join(self._system(generation))
        head: list[Body] = [{"role": "system", "content": system}] if system else []
        write = chat_messages.in_native_format if self.dialect.native_tools else chat_messages.in_prose
        turns = generation.turns
        if generation.prefix and (schema := self._schema(generation)):
            # Said after the prefix, which would be another one with it.
            *before, last = turns
            turns = (*before, replace(last, pieces=(*last.pieces, Text(schema))))
        return head + write(turns, self._defuser, audio_url=self.dialect.audio_url)

    def _system(self, generation: Generation) -> Sequence[str]:
        """Models are told a schema too: without, they fill its form with what does not belong there."""
        own = "\n\n".join(piece.text for piece in generation.system)
        paragraphs = [self._defuser.text(own) or self.system or ""]
        if generation.tools and not self.dialect.native_tools:
            paragraphs.append(instructions(self._defuser.tools(generation.tools)))
        if not generation.prefix:
            paragraphs.append(self._schema(generation))
        return [paragraph for paragraph in paragraphs if paragraph]

    def _schema(self, generation: Generation) -> str:
        """What the text of an answer has to be; empty where it is free."""
        if generation.constraint is None or _only_calls(generation.tools):
            return ""
        return schema_instructions(self._defused(generation.constraint))

    def _defused(self, constraint: Constraint) -> Constraint:
        match constraint:
            case JsonSchema(schema):
                return JsonSchema(self._defuser.json(schema))
            case Choices(texts):
                return Choices(tuple(map(self._defuser.text, texts)))
            case _:
                assert_never(constraint)

    def _sampling(self, sampling: Sampling) -> Body:
        dialect = self.dialect
        sent: Body = {"temperature": sampling.temperature}
        if sampling.top_p is not None and not (dialect.open_top_p and sampling.top_p >= 1):
            sent["top_p"] = max(sampling.top_p, SMALLEST_TOP_P)
        if dialect.penalties:
            sent["presence_penalty"] = sampling.presence_penalty
            sent["frequency_penalty"] = sampling.frequency_penalty
        if dialect.top_k:
            sent[dialect.top_k] = sampling.top_k
        if dialect.seed and sampling.seed is not None:
            # Servers take -1 for "choose one yourself".
            sent[dialect.seed] = sampling.seed & 0x7FFF_FFFF
        if sampling.stop_sequences:
            sent["stop"] = list(sampling.stop_sequences[: dialect.most_stops])
        return {name: value for name, value in sent.items() if value is not None}

    def _native_tools(self, tools: Tools) -> Body:
        strict = self.dialect.strict_functions and tools.calling is not Calling.AUTO
        functions = chat_messages.functions(self._defuser.tools(tools), strict=strict)
        choice: object = "required" if _only_calls(tools) else "auto"
        if self.dialect.named_choice and _only_calls(tools) and len(tools.callable) == 1:
            choice = {"type": "function", "function": {"name": tools.callable[0].name}}
        return {"tools": functions, "tool_choice": choice}

    def _constraint(self, constraint: Constraint | None, tools: Tools | None) -> Body:
        if self.dialect.constraining is Constraining.GRAMMAR:
            grammar = self._grammar(constraint, tools)
            return {"grammar": grammar} if grammar else {}
        if constraint is None or _only_calls(tools) or (tools and not self.dialect.constrains_beside_tools):
            return {}
        match self.dialect.constraining:
            case Constraining.FORMAT_OR_REGEX if isinstance(constraint, Choices):
                return {"regex": _regex(constraint)}
            case Constraining.RESPONSE_FORMAT | Constraining.FORMAT_OR_REGEX:
                return {"response_format": _response_format(constraint)}
            case Constraining.FORMAT_VALUE:
                return {"response_format": _format_value(constraint)}
            case Constraining.STRUCTURED_OUTPUTS:
                return {"structured_outputs": _structured(constraint)}
            case _:
                assert_never(self.dialect.constraining)

    def _grammar(self, constraint: Constraint | None, tools: Tools | None) -> str | None:
        if self.bounds is not None:
            within = _bounded_constraint(constraint, self.bounds), _bounded_tools(tools, self.bounds)
            grammar = grammar_of(*within, MOST_BOUNDED_CALLS)
            if grammar is None or _usable(grammar):
                return grammar
        return grammar_of(constraint, tools)

    def _thinking(self, generation: Generation, *, constrained: bool) -> Body:
        thinking, dialect = generation.thinking, self.dialect
        if dialect.reasoning is Reasoning.UNTOLD:
            return {}
        if dialect.reasoning is Reasoning.EFFORT:
            effort = _effort(thinking) if thinking else None
            return {"reasoning_effort": effort} if effort else {}
        if constrained:
            thinking = Thinking(budget=0)  # a grammar has no place for thoughts
        if thinking is None:
            return {}
        sent: Body = {"chat_template_kwargs": {"enable_thinking": thinking.budget != 0}}
        if dialect.thinking_budget and (budget := _budget(thinking)):
            sent[dialect.thinking_budget] = budget
        return sent


def _only_calls(tools: Tools | None) -> bool:
    """Whether there will be no text for a constraint to hold for."""
    return tools is not None and tools.calling is Calling.ANY


def _effort(thinking: Thinking) -> str | None:
    """The word for it; None where the model is to decide, which Gemini writes as a budget of -1.

    Many servers refuse ``minimal``, Google's own endpoint among them; they all take ``low``.
    """
    if thinking.effort or thinking.budget is None or thinking.budget < 0:
        return "low" if thinking.effort == "minimal" else thinking.effort
    return next((word for word, most in EFFORT_TOKENS.items() if thinking.budget <= most), "high")


def _budget(thinking: Thinking) -> int | None:
    if thinking.budget is not None:
        return max(thinking.budget, 0) or None
    return _BUDGETS[thinking.effort] if thinking.effort else None


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


@functools.lru_cache(maxsize=1024)
def salt_of(tenant: str) -> str:
    """What keeps a tenant's prompts apart in a server's cache: always the same, and no client can choose it."""
    return hashlib.sha256(_SALT + tenant.encode()).hexdigest()


@functools.lru_cache(maxsize=256)
def _usable(grammar: str) -> bool:
    """Whether anything is left of a schema within the bounds: some ask for more."""
    try:
        check(grammar)
    except Unusable:
        return False
    return True


def _bounded_constraint(constraint: Constraint | None, bounds: Bounds) -> Constraint | None:
    return JsonSchema(bounded(constraint.schema, bounds)) if isinstance(constraint, JsonSchema) else constraint


def _bounded_tools(tools: Tools | None, bounds: Bounds) -> Tools | None:
    if tools is None:
        return None
    return replace(
        tools,
        functions=tuple(
            replace(function, parameters=bounded(function.parameters, bounds)) for function in tools.functions
        ),
    )
