"""Who answers when one cannot: the engines of a chain, one after the other. A gate before those of generation.

The next one is asked where an engine is overloaded or out of reach (429, 503) and nothing was said yet. The client
hears only what the one that answers says.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import aclosing

from geminid.call import Call, Handler, Stream
from geminid.errors import ResourceExhausted, Unavailable

log = logging.getLogger("geminid.chains")


class Alternatives:
    """The gate. ``chain_of`` tells the names of the engines that may answer a call, or raises ApiError.

    ``passed_over`` counts the calls that an engine did not take, by its name and the code.
    """

    def __init__(self, chain_of: Callable[[Call], Sequence[str]]) -> None:
        self.passed_over: Counter[tuple[str, str]] = Counter()
        self._chain_of = chain_of

    def __call__(self, call: Call, proceed: Handler) -> Stream:
        names = self._chain_of(call)
        return self._one_of(names, call, proceed) if len(names) > 1 else proceed(call)

    async def _one_of(self, names: Sequence[str], call: Call, proceed: Handler) -> Stream:
        for attempt, name in enumerate(names):
            call.attempt, begun = attempt, False
            try:
                async with aclosing(proceed(call)) as stream:
                    async for message in stream:
                        begun = True
                        yield message
                return
            except (ResourceExhausted, Unavailable) as error:
                if begun or attempt + 1 == len(names):
                    raise
                self.passed_over[name, error.code.name] += 1
                level = logging.WARNING if self.passed_over[name, error.code.name] == 1 else logging.DEBUG
                log.log(level, "%s cannot answer (%s), %s is asked", name, error.code.name, names[attempt + 1])
            _forget(call)


def _forget(call: Call) -> None:
    """What the engine that failed has left: the next one counts for itself."""
    call.usage, call.media, call.finish, call.first_token = None, {}, None, None
