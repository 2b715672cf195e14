"""A deterministic engine: it says what a script tells it to, for the tests of those who build on geminid.

It is not a model and needs none. Answers, their pace, token probabilities, usage and failures come from a file
(``script.py``); without one it says what the request asks for, else one fixed sentence. Built by
``build/kinds.py`` for ``--engine scripted``.

A token is a word, a number or a single other character, with the space before it; a longer run of white space
is one token. ``maxOutputTokens`` and stop sequences cut the script's text as they would cut a model's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Sequence

import msgspec

from geminid import errors, grammar
from geminid.engines.base import Capabilities, Health, State
from geminid.engines.script import Answer, Call, Chunk, Failure, Script, ScriptError
from geminid.engines.script_plan import Plan, token_id, tokens_of
from geminid.generation import Calling, Choices, Event, Function, Generation, Token, spelled

__all__ = ["Script", "ScriptError", "Scripted"]

_BREATH = 64
"""Events between two turns of the event loop: a script without delays can be cancelled and starves nobody."""


class Scripted:
    """The engine. Answers with ``when`` are tried first, in order; the others take turns, the last one stays.

    An answer with ``when`` that calls is passed over where nothing may be called: agents ask the same question in
    several ways, and not all of them with tools.
    """

    def __init__(self, script: Script | None = None) -> None:
        script = script or Script()
        plans = [(answer.when, Plan.of(answer)) for answer in script.answers]
        self._on_request = [(when, plan) for when, plan in plans if when is not None]
        self._in_turn = [plan for when, plan in plans if when is None] or [Plan.of(Answer(conform=True))]
        self._turn = 0
        self._active = 0
        self._capabilities = Capabilities(
            script.context_tokens, sees=script.sees, hears=script.hears, scripted=True
        )

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def active(self) -> int:
        """How many generations are running now: 0 again as soon as a cancelled call has let go."""
        return self._active

    async def start(self) -> None:
        pass

    async def wait_ready(self) -> None:
        pass

    async def remember(self, generation: Generation) -> None:
        """Nothing to do."""

    def remembered(self) -> Collection[str]:
        return ()

    async def forget(self, keys: Collection[str]) -> None:
        """Nothing to do."""

    async def health(self) -> Health:
        return Health(State.READY)

    async def aclose(self) -> None:
        pass

    async def generate(self, generation: Generation) -> AsyncGenerator[Event, None]:
        self._active += 1
        try:
            plan, prompt = self._choose(generation), self._prompt_tokens(generation)
            answer, told = plan.answer, generation.sampling.logprobs
            if answer.conform and (generation.tools or generation.constraint):
                plan = await asyncio.to_thread(_conforming, answer, generation)
            said = plan.within(generation.sampling)
            fail = answer.fail if answer.fail and answer.fail.after_chunks <= len(said.steps) else None
            if answer.first_delay_ms:
                await asyncio.sleep(answer.first_delay_ms / 1000)
            for index, step in enumerate(said.steps[: fail.after_chunks] if fail else said.steps):
                if step.delay:
                    await asyncio.sleep(step.delay)
                elif index % _BREATH == 0:
                    await asyncio.sleep(0)
                yield step.silent if told is None else step.telling(told)
            if fail:
                raise _error(fail)
            if answer.hang and said is plan:
                await asyncio.Event().wait()
            yield said.finish
            yield said.usage(prompt)
        finally:
            self._active -= 1

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(tokens_of(text)) for text in texts]

    async def tokenize(self, texts: Sequence[str]) -> list[list[Token]]:
        return [[Token(token_id(token), token.encode()) for token in tokens_of(text)] for text in texts]

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise errors.Unimplemented("The scripted engine has no embeddings.")

    def _choose(self, generation: Generation) -> Plan:
        asked = "\n".join(map(spelled, generation.turns[-1].pieces)) if generation.turns else ""
        for when, plan in self._on_request:
            if when in asked and (generation.tools or not plan.calls):
                return plan
        plan = self._in_turn[self._turn]
        self._turn = min(self._turn + 1, len(self._in_turn) - 1)
        return plan

    def _prompt_tokens(self, generation: Generation) -> int:
        tokens, limit = sum(len(tokens_of(text)) for text in generation.texts()), self._capabilities.context_tokens
        if tokens > limit:
            raise errors.PromptTooLong(tokens, limit)
        return tokens


def _conforming(answer: Answer, generation: Generation) -> Plan:
    """What the request asks for: a call where one must be made, else the first choice or a short valid JSON.

    Takes milliseconds for a large schema. Raises InvalidArgument when nothing short is valid.
    """
    tools, constraint = generation.tools, generation.constraint
    functions = tools.callable if tools and tools.calling is Calling.ANY else ()
    written = grammar.grammar_of(constraint, None)
    try:
        if functions:
            return _saying(answer, [Chunk(call=_call(functions[0]))])
        if written is None:
            return Plan.of(answer)
        text = constraint.texts[0] if isinstance(constraint, Choices) else grammar.example(written)
        return _saying(answer, tokens_of(text))
    except grammar.Unusable as error:
        raise errors.InvalidArgument(str(error)) from error


def _saying(answer: Answer, chunks: Sequence[str | Chunk]) -> Plan:
    return Plan.of(msgspec.structs.replace(answer, conform=False, chunks=list(chunks)))


def _call(function: Function) -> Call:
    arguments = grammar.example(grammar.grammar_of_arguments(function))
    return Call(name=function.name, args=msgspec.json.decode(arguments))


def _error(failure: Failure) -> errors.ApiError:
    kind = errors.by_code(errors.Code[failure.code])
    return kind(failure.message or _MESSAGES.get(kind.code, f"The script says {failure.code}."))


_MESSAGES = {
    errors.Code.UNAVAILABLE: errors.OVERLOADED,
    errors.Code.INTERNAL: errors.INTERNAL,
    errors.Code.DEADLINE_EXCEEDED: errors.EXPIRED,
    errors.Code.RESOURCE_EXHAUSTED: "Resource exhausted. Please try again later.",
}
