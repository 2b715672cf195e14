"""The vocabulary that gemini/ and engines/ share: what to generate, and what comes back.

It is not the API: doors and services speak Gemini's messages, engines speak their own servers' JSON, and this
file is all they have in common. Values are frozen; nothing here does I/O.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

Role: TypeAlias = Literal["user", "model"]


@dataclass(frozen=True, slots=True)
class Text:
    """A run of plain text, one ``Part.text`` of the request."""

    text: str


Piece: TypeAlias = Text


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


_SEED_STEP = 0x9E3779B1
"""An odd number far from small ones, so that the candidates of neighbouring seeds do not coincide."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One prompt for one engine: system paragraphs, turns in order (the last asks), and how to sample.

    ``candidates`` answers are wanted; an engine gives one, and is asked so many times.
    """

    turns: tuple[Turn, ...]
    system: tuple[Piece, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    candidates: int = 1

    def for_candidate(self, index: int) -> Generation:
        """The same for one of several candidates, each with a seed of its own when a seed is given."""
        seed = self.sampling.seed
        if index == 0 or seed is None:
            return self
        own = (seed + index * _SEED_STEP) % 2**31
        return replace(self, sampling=replace(self.sampling, seed=own))

    def texts(self) -> list[str]:
        """Every text of the prompt in order: what token counts add up (no template, no role overhead)."""
        pieces = [*self.system, *(piece for turn in self.turns for piece in turn.pieces)]
        return [piece.text for piece in pieces]


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


@dataclass(frozen=True, slots=True)
class Delta:
    """More text of one candidate. ``tokens`` is how many tokens it took (0 when the engine cannot tell)."""

    text: str
    candidate: int = 0
    tokens: int = 1
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


Event: TypeAlias = Delta | Finish | Usage
