"""Answers from recordings: offline, at once, and the same each time. For the tests of applications.

A request finds the exchange that it was recorded in; the first that fits, and on repetition the next, of which the
last one stays. Answers without a request are given once each, in order. What fits nothing is told clearly.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from geminid.elsewhere.base import Asked, Elsewhere
from geminid.elsewhere.exchanges import Exchange, body_of
from geminid.elsewhere.folding import fold
from geminid.errors import NotFound
from geminid.wire import routes
from geminid.wire.generation import GenerateContentResponse
from geminid.wire.message import Message
from geminid.wire.routes import Method

_SHOWN = 500
"""Characters of a request that its refusal repeats."""
_DIFFERENCES = 3

_OTHER_FORM = {
    routes.GENERATE_CONTENT: routes.STREAM_GENERATE_CONTENT,
    routes.STREAM_GENERATE_CONTENT: routes.GENERATE_CONTENT,
}
_PASSING = frozenset({"labels", "cachedContent"})
"""Fields that a request may have otherwise and still be the same; so are the ids of calls and their responses."""
_CALLS = frozenset({"functionCall", "functionResponse"})

_Key: TypeAlias = tuple[str, str, bytes]


@dataclass(slots=True)
class _Turns:
    """Exchanges with one request, taken in order."""

    exchanges: list[Exchange]
    at: int = 0

    def take(self) -> Exchange:
        taken = self.exchanges[self.at]
        self.at = min(self.at + 1, len(self.exchanges) - 1)
        return taken


class Replay(Elsewhere):
    """``exchanges`` in their order. The place in it is kept until the server ends."""

    whole = False

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self._known: dict[_Key, _Turns] = {}
        self._bodies: dict[tuple[str, str], list[tuple[str, Any]]] = defaultdict(list)
        self._in_order: dict[tuple[str, str], deque[Exchange]] = defaultdict(deque)
        self._given: dict[str, int] = defaultdict(int)
        for exchange in exchanges:
            self._add(exchange)

    def _add(self, exchange: Exchange) -> None:
        verb, model = exchange.method.verb, exchange.model
        if exchange.request is None:
            self._in_order[verb, model].append(exchange)
            return
        body = body_of(exchange.request)
        self._bodies[verb, model].append((exchange.source, body))
        for key in dict.fromkeys(_keys(verb, model, body)):
            self._known.setdefault(key, _Turns([])).exchanges.append(exchange)

    async def answer(self, asked: Asked) -> AsyncGenerator[Message, None]:
        exchange = self._find(asked)
        if asked.method.streams or not exchange.answer:
            for message in exchange.answer:
                yield message
            if exchange.error is not None:
                raise exchange.error.with_traceback(None)
        elif exchange.error is not None:
            raise exchange.error.with_traceback(None)
        else:
            yield _one(exchange.answer)

    def _find(self, asked: Asked) -> Exchange:
        body = body_of(asked.request)
        for method in _forms(asked.method):
            for model in (asked.model, ""):
                for key in _keys(method.verb, model, body):
                    if turns := self._known.get(key):
                        return turns.take()
        for method in _forms(asked.method):
            for model in (asked.model, ""):
                if waiting := self._in_order.get((method.verb, model)):
                    self._given[method.verb] += 1
                    return waiting.popleft()
        raise NotFound(self._missing(asked, body))

    def _missing(self, asked: Asked, body: Any) -> str:
        """What was looked for, and how the nearest of the recorded requests differs."""
        what = f"{asked.method.verb} of {asked.model}"
        told = [f"No recorded exchange answers this request: {what}."]
        bodies = [
            one
            for method in _forms(asked.method)
            for model in (asked.model, "")
            for one in self._bodies.get((method.verb, model), ())
        ]
        if bodies:
            differences, source = min(
                ((list(_differences(body, known)), source) for source, known in bodies),
                key=lambda one: len(one[0]),
            )
            places = ", ".join(differences[:_DIFFERENCES])
            told.append(f"The nearest of {len(bodies)} recorded with this model, {source}, differs at {places}.")
        elif given := sum(self._given[method.verb] for method in _forms(asked.method)):
            told.append(f"All recorded answers were given: {given}.")
        else:
            others = sorted({f"{verb} of {model}" for verb, model in self._bodies})
            told.append(f"Recorded are {', '.join(others[:10]) or 'no requests'}.")
        shown = msgspec.json.encode(body).decode()
        told.append(f"Looked for: {shown[:_SHOWN]}{'…' if len(shown) > _SHOWN else ''}")
        return " ".join(told)


def _one(answer: Sequence[Message]) -> Message:
    chunks = [one for one in answer if isinstance(one, GenerateContentResponse)]
    return fold(chunks) if len(chunks) > 1 else answer[0]


def _forms(method: Method) -> Sequence[Method]:
    """A method, and the one that gives the same answer in the other form."""
    other = _OTHER_FORM.get(method)
    return (method, other) if other else (method,)


def _keys(verb: str, model: str, body: Any) -> tuple[_Key, _Key]:
    """The exact one first, then the one without what may differ."""
    bodies = (msgspec.json.encode(one, order="deterministic") for one in (body, _essence(body)))
    exact, loose = ((verb, model, one) for one in bodies)
    return exact, loose


def _essence(body: Any) -> Any:
    kept = {name: value for name, value in body.items() if name not in _PASSING}
    return _without_ids(kept)


def _without_ids(value: Any) -> Any:
    match value:
        case list():
            return [_without_ids(one) for one in value]
        case dict():
            return {
                name: {key: it for key, it in one.items() if key != "id"}
                if name in _CALLS and isinstance(one, dict)
                else _without_ids(one)
                for name, one in value.items()
            }
    return value


def _differences(asked: Any, known: Any, path: str = "") -> Iterator[str]:
    """The places where one value is not as the other."""
    match asked, known:
        case dict(), dict():
            for name in [*asked, *(name for name in known if name not in asked)]:
                yield from _differences(asked.get(name), known.get(name), f"{path}.{name}" if path else name)
        case list(), list() if len(asked) == len(known):
            for index, (one, other) in enumerate(zip(asked, known, strict=True)):
                yield from _differences(one, other, f"{path}[{index}]")
        case _:
            if asked != known:
                yield path
