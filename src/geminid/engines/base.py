"""What an engine is. Called by ``service/``; implemented by the siblings of this file.

An engine turns a ``Generation`` into a stream of events:

    Delta*  Called*  Finish  Usage?  end

A stream that ends without ``Finish`` is a failure, and the engine says so by raising:
``errors.Unavailable`` when the server behind it is gone or busy, ``errors.PromptTooLong``,
``errors.InvalidArgument`` when it refuses the request, ``errors.Internal`` when it talks nonsense. Closing
the stream (``aclose``) or cancelling the task that reads it stops the work behind it within one token.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from geminid.generation import Event, Generation, Token


class State(enum.Enum):
    STARTING = "starting"
    READY = "ready"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Health:
    """``detail`` says in one line, for the operator, why an engine is not ready."""

    state: State
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do; services refuse what it cannot. ``context_tokens`` bounds prompt and output.

    ``top_logprobs`` is how many of the most likely tokens it tells, 0 where it tells no probabilities at all;
    ``average_logprobs``: it can be asked for those of the chosen tokens with every answer. ``choices``: it keeps
    to ``generation.Choices``; every engine keeps to a JSON schema. ``sees``: it takes a ``Picture``, ``hears``: a
    ``Sound``. ``scripted`` engines say what they were told to, and nobody judges it. ``slots`` is how many answers
    are written at the same time, where that is known.
    """

    context_tokens: int
    counts_tokens: bool = True
    top_k: bool = True
    seed: bool = True
    penalties: bool = True
    embeds: bool = False
    top_logprobs: int = 20
    average_logprobs: bool = True
    choices: bool = True
    sees: bool = False
    hears: bool = False
    scripted: bool = False
    slots: int | None = None


class Engine(Protocol):
    @property
    def capabilities(self) -> Capabilities:
        """Known once the engine is ready; before that, what is sure."""

    async def start(self) -> None:
        """Begins to get ready and returns at once; ``health`` tells how it goes."""

    def generate(self, generation: Generation) -> AsyncGenerator[Event, None]:
        """Streams one generation. Nothing happens before the first ``anext``."""

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The length of each text in the model's own tokens, no special tokens added.

        Raises ``errors.Unimplemented`` where the server has no tokenizer route.
        """

    async def tokenize(self, texts: Sequence[str]) -> list[list[Token]]:
        """The tokens of each text, no special tokens added. Raises ``errors.Unimplemented`` as above."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector for each text. Raises ``errors.Unimplemented`` where the model has no embeddings."""

    async def remember(self, generation: Generation) -> None:
        """Reads the prefix of ``generation`` now, so that whatever begins with it is answered soon.

        Returns when that is done; at once where nothing comes of it. Raises as ``generate`` does.
        """

    def remembered(self) -> Collection[str]:
        """The keys of the prefixes that this engine keeps by itself."""

    async def forget(self, keys: Collection[str]) -> None:
        """Of prefixes with these keys nothing is left. Those it does not know are no error."""

    async def health(self) -> Health: ...

    async def wait_ready(self) -> None:
        """Returns as soon as the engine is ready; waits for ever when it never is."""

    async def aclose(self) -> None:
        """Stops everything this engine started. Idempotent."""
