"""A ``Generation`` as the body of a request to a server that speaks OpenAI's chat API.

Pure: no network, no server's state. Called by ``openai_http.py``; forms as in
https://platform.openai.com/docs/api-reference/chat/create and, beyond that, as ``dialects.py`` says.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from geminid.engines import chat_messages
from geminid.engines.bounds import Bounds
from geminid.engines.chat_form import Form, only_calls
from geminid.engines.chat_messages import Body
from geminid.engines.control_tokens import Defuser
from geminid.engines.dialects import Dialect, Reasoning
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

SMALLEST_TOP_P = 1e-6
"""Gemini takes topP 0, OpenAI's servers do not; both mean the one most likely token."""

EFFORT_TOKENS = {"none": 0, "low": 1024, "medium": 8192}
"""The budgets up to which a word stands for; more is ``high``. The table, read backwards, with which Google's own
OpenAI endpoint reads the words: https://ai.google.dev/gemini-api/docs/openai#thinking"""

_SALT = b"geminid: prompts of one tenant\0"
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
        sampling, dialect, form = generation.sampling, self.dialect, Form.of(generation, self.bounds)
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
            body |= self._native_tools(generation.tools, form)
        elif generation.tools:
            # A stop sequence may be part of a call's JSON; in the text it is looked for by those who asked.
            body.pop("stop", None)
        if dialect.salt and generation.tenant:
            body[dialect.salt] = salt_of(generation.tenant)
        body |= form.told(dialect)
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
        if generation.constraint is None or only_calls(generation.tools):
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

    def _native_tools(self, tools: Tools, form: Form) -> Body:
        """Within the bounds where arguments have to validate; elsewhere nothing would hold them to those."""
        validated = tools.calling is not Calling.AUTO
        told = (form.tools or tools) if validated else tools
        strict = self.dialect.strict_functions and validated
        functions = chat_messages.functions(self._defuser.tools(told), strict=strict)
        choice: object = "required" if only_calls(tools) else "auto"
        if self.dialect.named_choice and only_calls(tools) and len(tools.callable) == 1:
            choice = {"type": "function", "function": {"name": tools.callable[0].name}}
        return {"tools": functions, "tool_choice": choice}

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


@functools.lru_cache(maxsize=1024)
def salt_of(tenant: str) -> str:
    """What keeps a tenant's prompts apart in a server's cache: always the same, and no client can choose it."""
    return hashlib.sha256(_SALT + tenant.encode()).hexdigest()
