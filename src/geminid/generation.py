"""The vocabulary that gemini/ and engines/ share: what to generate, and what comes back.

It is not the API: doors and services speak Gemini's messages, engines speak their own servers' JSON, and this
file is all they have in common. Values are frozen; nothing here does I/O.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, assert_never

import msgspec

from geminid.attachment import Attachment, Kind, Media

Role: TypeAlias = Literal["user", "model"]


@dataclass(frozen=True, slots=True)
class Text:
    """A run of plain text, one ``Part.text`` of the request."""

    text: str


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A call that the model wants made. ``args`` is JSON; ``id`` is empty where nobody gave one."""

    name: str
    args: Mapping[str, Any]
    id: str = ""


@dataclass(frozen=True, slots=True)
class FunctionResponse:
    """What a call gave, of the turn after it. ``id`` is that of the call, if it had one."""

    name: str
    response: Mapping[str, Any]
    id: str = ""


Piece: TypeAlias = Text | FunctionCall | FunctionResponse | Attachment | Media


@dataclass(frozen=True, slots=True)
class Turn:
    role: Role
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample. ``None`` leaves the choice to the engine; ranges were checked by the model's profile."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_output_tokens: int | None = None
    stop_sequences: tuple[str, ...] = ()
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    logprobs: int | None = None
    """How many of the most likely tokens to tell at each place; 0 tells the chosen one alone, None nothing."""


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """The answer is JSON that validates against ``schema``, a JSON Schema; its properties come in that order."""

    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Choices:
    """The answer is one of these texts, bare."""

    texts: tuple[str, ...]


Constraint: TypeAlias = JsonSchema | Choices


class Calling(enum.Enum):
    """What the model does with its functions."""

    AUTO = "auto"
    """It answers or calls."""
    ANY = "any"
    """It calls, and says nothing else."""
    VALIDATED = "validated"
    """As AUTO, with calls that validate."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function as it was declared. ``parameters`` is the JSON Schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tools:
    """The functions of a request. ``allowed`` are the names that may be called: all, unless some were chosen."""

    functions: tuple[Function, ...]
    calling: Calling
    allowed: frozenset[str]

    @property
    def callable(self) -> tuple[Function, ...]:
        """The functions that may be called, in the order of their declaration."""
        return tuple(function for function in self.functions if function.name in self.allowed)


@dataclass(frozen=True, slots=True)
class Thinking:
    """How much to think before the answer: ``budget`` in tokens, where 0 asks for none, or an ``effort``.

    ``include`` has the thoughts told; otherwise they are only counted.
    """

    include: bool = False
    budget: int | None = None
    effort: Literal["minimal", "low", "medium", "high"] | None = None


@dataclass(frozen=True, slots=True)
class Prefix:
    """What of a prompt was cached: system paragraphs, functions, the first ``turns``, and ``pieces`` of the next.

    ``key`` names it.
    """

    key: str
    turns: int
    pieces: int = 0


_SEED_STEP = 0x9E3779B1
"""An odd number far from small ones, so that the candidates of neighbouring seeds do not coincide."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One prompt for one engine: system paragraphs, turns in order (the last asks), and how to answer.

    ``candidates`` answers are wanted; an engine gives one, and is asked so many times. With ``tools`` the
    ``constraint`` holds for the text alone. ``thinking`` is None where the model decides. What an engine remembers
    of a prompt it uses for the same ``tenant`` alone, since time tells what others asked; a ``prefix`` will be
    asked with again, and is worth remembering for long.
    """

    turns: tuple[Turn, ...]
    system: tuple[Text, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    candidates: int = 1
    constraint: Constraint | None = None
    tools: Tools | None = None
    thinking: Thinking | None = None
    tenant: str = ""
    prefix: Prefix | None = None

    @property
    def head(self) -> Generation:
        """The prefix alone, with nothing asked: what an engine reads to know it."""
        assert self.prefix is not None
        turns, pieces = self.turns[: self.prefix.turns], self.prefix.pieces
        if pieces:
            begun = self.turns[self.prefix.turns]
            turns = (*turns, replace(begun, pieces=begun.pieces[:pieces]))
        return Generation(
            turns,
            self.system,
            Sampling(temperature=0, max_output_tokens=1),
            tools=self.tools,
            thinking=self.thinking,
            tenant=self.tenant,
            prefix=self.prefix,
        )

    def for_candidate(self, index: int) -> Generation:
        """The same for one of several candidates, each with a seed of its own when a seed is given."""
        seed = self.sampling.seed
        if index == 0 or seed is None:
            return self
        own = (seed + index * _SEED_STEP) % 2**31
        return replace(self, sampling=replace(self.sampling, seed=own))

    @property
    def attachments(self) -> list[Attachment]:
        """What is not understood yet."""
        return [piece for turn in self.turns for piece in turn.pieces if isinstance(piece, Attachment)]

    def texts(self) -> list[str]:
        """Every text of the prompt in order: what token counts add up (no template, no role overhead).

        Calls, their responses, declarations and a schema count as the JSON that they are. What is said of media
        that counts by a rule of its own is not among them.
        """
        pieces = [piece for piece in self._pieces() if not isinstance(piece, Media) or piece.tokens is None]
        declared = [_json(function) for function in self.tools.functions] if self.tools else []
        schema = [_json(self.constraint.schema)] if isinstance(self.constraint, JsonSchema) else []
        return [*map(spelled, pieces), *declared, *schema]

    def descriptions(self) -> list[str]:
        """What is said of the media that ``texts`` leaves out."""
        return [piece.text for piece in self._pieces() if isinstance(piece, Media) and piece.tokens is not None]

    def media_tokens(self) -> dict[Kind, int]:
        """What media counts, in the order in which the kinds first appear; TEXT is there with 0, for its place."""
        counts: dict[Kind, int] = {}
        for piece in self._pieces():
            kind, tokens = (
                (piece.kind, piece.tokens)
                if isinstance(piece, Media) and piece.tokens is not None
                else (Kind.TEXT, 0)
            )
            counts[kind] = counts.get(kind, 0) + tokens
        return counts

    def _pieces(self) -> list[Piece]:
        return [*self.system, *(piece for turn in self.turns for piece in turn.pieces)]


def spelled(piece: Piece) -> str:
    """A piece as text. Calls and their responses are JSON without spaces; ids are nobody's words."""
    match piece:
        case Text(text):
            return text
        case FunctionCall(name, args):
            return _json({"name": name, "args": args})
        case FunctionResponse(name, response):
            return _json({"name": name, "response": response})
        case Media():
            return piece.text
        case Attachment():
            return ""
        case _:
            assert_never(piece)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a text: its id in the model's vocabulary, and the bytes it stands for."""

    id: int
    piece: bytes


class FinishReason(enum.Enum):
    """Why an engine stopped. Reasons that only a guard or a tool parser can give are theirs to add."""

    STOP = "stop"
    MAX_TOKENS = "max_tokens"
    SAFETY = "safety"
    RECITATION = "recitation"
    BLOCKLIST = "blocklist"
    PROHIBITED_CONTENT = "prohibited_content"
    SPII = "spii"
    MALFORMED_FUNCTION_CALL = "malformed_function_call"
    MODEL_ARMOR = "model_armor"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Logprob:
    """One token and its natural-log probability."""

    token: str
    logprob: float
    token_id: int | None = None


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """A generated token with the most likely alternatives at its place, best first."""

    chosen: Logprob
    top: tuple[Logprob, ...] = ()


class Delta(msgspec.Struct, frozen=True, gc=False):
    """More text of one candidate, or of the thoughts that precede it.

    ``tokens`` is how many tokens it took (0 when the engine cannot tell); ``logprobs`` has an entry for each,
    where they were asked for. Every token makes one, so that it is a struct, which takes a tenth of a dataclass.
    """

    text: str
    candidate: int = 0
    tokens: int = 1
    logprobs: tuple[TokenLogprobs, ...] = ()
    thought: bool = False


class Called(msgspec.Struct, frozen=True, gc=False):
    """A whole call. Calls come after all text, and ``tokens`` and ``logprobs`` tell as those of a Delta do."""

    call: FunctionCall
    tokens: int = 0
    logprobs: tuple[TokenLogprobs, ...] = ()


@dataclass(frozen=True, slots=True)
class Finish:
    """A candidate is complete."""

    reason: FinishReason
    candidate: int = 0
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What the engine processed, summed over candidates. ``prompt`` includes template tokens and ``cached``."""

    prompt: int
    output: int
    cached: int = 0
    thoughts: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt + other.prompt,
            self.output + other.output,
            self.cached + other.cached,
            self.thoughts + other.thoughts,
        )


Event: TypeAlias = Delta | Called | Finish | Usage
