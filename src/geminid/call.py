"""One call on its way through the pipeline, and the shape that gates and services share.

A door makes the ``Call``; gates wrap it; a service answers it with a stream of messages. A unary method is a
stream of one message.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TypeAlias

from geminid.attachment import Kind
from geminid.generation import FinishReason, Usage
from geminid.wire.message import Message


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the client presented, as it was sent; empty where it sent nothing. Never printed."""

    bearer: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls. ``project`` is the only one that it may act on; None where nobody checks."""

    name: str
    project: str | None = None
    kind: str = "anonymous"


@dataclass(slots=True)
class Call:
    """What was asked, by whom, until when; and what it came to, filled in on the way back.

    ``method`` is the full gRPC name without the leading slash
    (``google.cloud.aiplatform.v1.PredictionService.GenerateContent``), ``deadline`` is monotonic seconds.
    ``media`` is what of the prompt's count is not text, as ``Generation.media_tokens`` tells it. ``turn`` is
    entered for each answer and held while the engine writes it; entering may wait, and raises ApiError.
    ``attempt`` counts the engines of the model's chain that could not answer.
    """

    method: str
    request: Message
    received: dt.datetime
    door: str
    resource: str = ""
    credentials: Credentials = Credentials()
    principal: Principal | None = None
    deadline: float | None = None
    turn: AbstractAsyncContextManager[None] = field(default_factory=nullcontext)
    model: str = ""
    usage: Usage | None = None
    media: Mapping[Kind, int] = field(default_factory=dict)
    finish: FinishReason | None = None
    started: float = field(default=0.0)
    first_token: float | None = None
    attempt: int = 0

    @property
    def project(self) -> str | None:
        """The project that the resource names (``projects/P/locations/L/…``), if it names one."""
        head, _, rest = self.resource.partition("/")
        return rest.partition("/")[0] if head == "projects" else None

    @property
    def owner(self) -> str:
        """Whose files and caches the caller sees: its project's; empty where nobody is told apart."""
        return (self.principal.project if self.principal else None) or ""

    @property
    def tenant(self) -> str:
        """Who is accounted for: the caller's project, or the one that the resource names where nobody checks."""
        return self.owner or self.project or ""

    @property
    def rpc(self) -> str:
        """The bare method name, ``GenerateContent``."""
        return self.method.rpartition(".")[2]


Stream: TypeAlias = AsyncGenerator[Message, None]
Handler: TypeAlias = Callable[[Call], Stream]
Gate: TypeAlias = Callable[[Call, Handler], Stream]


def chain(gates: Sequence[Gate], handler: Handler) -> Handler:
    """Wraps ``handler`` so that ``gates`` run in reading order, the first one outermost."""
    for gate in reversed(gates):
        handler = _bind(gate, handler)
    return handler


def _bind(gate: Gate, proceed: Handler) -> Handler:
    return lambda call: gate(call, proceed)
