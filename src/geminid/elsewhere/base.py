"""Who answers elsewhere: it takes Gemini's requests as they are and gives Gemini's answers as they come.

In the registry it stands where engines stand, so that ids, lanes and chains treat it as one of them. Nothing is
made a ``Generation`` for it, since what geminid has no notion of would be lost. ``service/passing_on.py`` asks it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass

from geminid.engines.base import Capabilities, Health, State
from geminid.errors import Unimplemented
from geminid.generation import Event, Generation, Token
from geminid.wire.message import Message
from geminid.wire.routes import Method

_WINDOW = 1 << 24
"""Tokens: more than any model's, so that the profile's own limit counts."""

_ELSEWHERE = "This is not supported for models that another service answers for."


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. ``method`` and ``version`` (``v1``, ``v1beta1``) are Vertex AI's, whichever door it came by.

    ``model`` is the id that was asked for and ``base`` the one of Google's that it is like, as a rule the same.
    ``request`` has the names that the caller gave; ``deadline`` is in monotonic seconds.
    """

    method: Method
    version: str
    model: str
    base: str
    request: Message
    deadline: float | None = None


class Elsewhere:
    """An engine that speaks the API itself. What asks engines for events, tokens or prefixes is refused."""

    whole = True
    """It is given what a cache holds with the request, since caches are kept here."""

    def answer(self, asked: Asked) -> AsyncGenerator[Message, None]:
        """The messages of the answer: one, or those of a stream. Raises ApiError as it was told there.

        Closing the stream ends the exchange.
        """
        raise NotImplementedError

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(_WINDOW, counts_tokens=False, sees=True, hears=True)

    async def start(self) -> None:
        """Nothing to do: it is asked when somebody asks for it, and costs."""

    async def wait_ready(self) -> None:
        """At once, as there is nothing to wait for."""

    async def health(self) -> Health:
        return Health(State.READY)

    async def generate(self, generation: Generation) -> AsyncGenerator[Event, None]:
        for event in _refuse():
            yield event

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        raise Unimplemented(_ELSEWHERE)

    async def tokenize(self, texts: Sequence[str]) -> list[list[Token]]:
        raise Unimplemented(_ELSEWHERE)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise Unimplemented(_ELSEWHERE)

    async def remember(self, generation: Generation) -> None:
        """Nothing to do: it keeps there what it likes."""

    def remembered(self) -> Collection[str]:
        return ()

    async def forget(self, keys: Collection[str]) -> None:
        """Nothing to do."""

    async def aclose(self) -> None:
        """Ends what is under way. Idempotent."""


def _refuse() -> Sequence[Event]:
    raise Unimplemented(_ELSEWHERE)
