"""One recorded exchange: as a value, and as JSON that people read and edit. docs/upstream.md explains its keys.

Without a request it is an answer that is given in its turn. What is written holds no secrets.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from geminid.elsewhere import tolerant
from geminid.elsewhere.dialects import nameless
from geminid.elsewhere.redaction import redacted
from geminid.elsewhere.refusals import error_of
from geminid.errors import ApiError
from geminid.wire import json, routes
from geminid.wire.message import Message
from geminid.wire.routes import Method

METHODS: Mapping[str, Method] = {
    method.verb: method
    for method in (
        routes.GENERATE_CONTENT,
        routes.STREAM_GENERATE_CONTENT,
        routes.COUNT_TOKENS,
        routes.COMPUTE_TOKENS,
    )
}
"""Those that are recorded, by their verbs."""


class ExchangeError(Exception):
    """An exchange that cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """``answer`` are the messages that came, ``error`` is what came instead or after them.

    ``model`` is a bare id, empty for any. ``seconds`` tell when each message or the error came, from the beginning
    of the call on. ``source`` is where it was read.
    """

    method: Method
    model: str
    request: Message | None
    answer: Sequence[Message]
    error: ApiError | None = None
    time: dt.datetime | None = None
    seconds: Sequence[float] = ()
    source: str = ""


def body_of(request: Message) -> Any:
    """A request as plain JSON values: without the names that are in the path, and without secrets."""
    return redacted(plain(nameless(request)))


def plain(message: Message) -> Any:
    """A message as plain JSON values."""
    return msgspec.json.decode(json.encode(message, pretty=False))


def written(exchange: Exchange) -> bytes:
    """The document, two spaces to the level."""
    answers = [plain(message) for message in exchange.answer]
    if exchange.error is not None:
        answers.append({"error": exchange.error.as_object()})
    document: dict[str, Any] = {"method": exchange.method.verb, "model": exchange.model}
    if exchange.time is not None:
        document["time"] = exchange.time.isoformat()
    if exchange.request is not None:
        document["request"] = body_of(exchange.request)
    whole = len(answers) == 1 and not (exchange.method.streams and exchange.answer)
    document["response"] = redacted(answers[0] if whole else answers)
    document["seconds"] = [round(second, 3) for second in exchange.seconds]
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def read(document: bytes, source: str = "") -> Exchange:
    """Raises ExchangeError. Keys that it does not know are passed over."""
    try:
        told = msgspec.json.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ExchangeError(f"no JSON: {error}") from error
    if not isinstance(told, dict) or "response" not in told:
        raise ExchangeError('an exchange is an object with "method" and "response".')
    method = _method(told.get("method"), told["response"])
    request = _request(method, told.get("request"))
    answers = told["response"] if isinstance(told["response"], list) else [told["response"]]
    errors = [one["error"] for one in answers if isinstance(one, dict) and "error" in one]
    answer = [_message(method, one) for one in answers if not (isinstance(one, dict) and "error" in one)]
    if not answer and not errors:
        raise ExchangeError('"response" is empty.')
    named = str(told.get("model") or getattr(request, "model", "") or "")
    failed = error_of(errors[0]) if errors and isinstance(errors[0], dict) else None
    return Exchange(method, named.rpartition("/")[2], request, answer, failed, source=source)


def _method(name: object, response: object) -> Method:
    """By its verb, also at the end of a longer name. Without one, the answer's form says it."""
    if not name:
        return routes.STREAM_GENERATE_CONTENT if isinstance(response, list) else routes.GENERATE_CONTENT
    verb = str(name).replace(":", ".").replace("/", ".").rpartition(".")[2]
    method = METHODS.get(verb[:1].lower() + verb[1:])
    if method is None:
        raise ExchangeError(f'"method" is {str(name)[:100]!r}, and none of {", ".join(METHODS)}.')
    return method


def _request(method: Method, told: object) -> Message | None:
    if told is None:
        return None
    try:
        return json.decode(method.request, msgspec.json.encode(told), "v1beta1")
    except ApiError as error:
        raise ExchangeError(f'"request": {error.message}') from error


def _message(method: Method, told: object) -> Message:
    try:
        return tolerant.message(method.response, told)
    except ApiError as error:
        raise ExchangeError(f'"response" is no {method.response.__name__}.') from error
