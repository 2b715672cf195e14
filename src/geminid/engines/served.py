"""What a model server serves: the model's name, its window, its senses and its size. Used by ``model_server.py``.

What the settings leave open the server tells, when it is there; it is asked until it has told.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import msgspec

from geminid import errors
from geminid.engines.base import Capabilities
from geminid.engines.bounds import Bounds, bounds_of
from geminid.engines.dialects import Dialect, Reasoning
from geminid.engines.server_answers import Models
from geminid.engines.server_details import Details, answer, details, tells
from geminid.engines.upstream import Upstream


@dataclass(slots=True)
class Served:
    """``model`` is empty, the others are None, as long as they are not known.

    ``parameters`` are how many the model has, ``control_tokens`` texts that it reads as such. ``complete``: the
    server has told what it tells, and need not be asked again.
    """

    model: str
    context_tokens: int | None = None
    sees: bool | None = None
    hears: bool | None = None
    parameters: int | None = None
    control_tokens: tuple[str, ...] = ()
    complete: bool = field(default=False, compare=False)
    _told: bool = field(default=False, init=False, compare=False)

    @property
    def bounds(self) -> Bounds | None:
        """What the model has to be held to."""
        return bounds_of(self.parameters)

    def capabilities(self, dialect: Dialect) -> Capabilities:
        """Before anything is known, what is sure."""
        window = self.context_tokens or dialect.assumed_window
        return dialect.capabilities(window, sees=bool(self.sees), hears=bool(self.hears))

    def known(self, dialect: Dialect) -> bool:
        """Whether the model can be asked: it has a name, and what it has to be kept from is known."""
        return bool(self.model) and (self._told or not tells(dialect))

    async def learn(self, upstream: Upstream, dialect: Dialect) -> Dialect:
        """Asks for what is not known, and says how this model of the server is spoken to. Raises Unavailable."""
        if self.model and self.context_tokens and None not in (self.sees, self.hears) and not tells(dialect):
            self.complete = True
            return dialect
        try:
            models = msgspec.json.decode(await answer(upstream, upstream.v1 + "/models"), type=Models).data
        except msgspec.DecodeError:
            models = []
        found = next((model for model in models if self.model in ("", model.id)), None)
        if found is None and not self.model:
            raise errors.Unavailable(errors.UNAVAILABLE)
        if found is not None:
            self.model = found.id
        listed = Details.of_row(found) if found is not None else Details()
        told = listed.completed_by(await details(upstream, dialect, self.model))
        self._take(told)
        # Ollama tells the window of a model when it has loaded it.
        self.complete = self.context_tokens is not None or not dialect.window_later
        return _spoken_to(dialect, told)

    def _take(self, told: Details) -> None:
        self.context_tokens = self.context_tokens or told.window
        self.sees = told.sees if self.sees is None else self.sees
        self.hears = told.hears if self.hears is None else self.hears
        self.parameters = self.parameters or told.parameters
        self.control_tokens = told.control_tokens
        self._told = True


def _spoken_to(dialect: Dialect, told: Details) -> Dialect:
    """Functions are told in the prompt where a model has no form for them; who cannot think is not told to."""
    if told.calls is False and dialect.native_tools:
        dialect = replace(dialect, native_tools=False)
    if told.thinks is False:
        dialect = replace(dialect, reasoning=Reasoning.UNTOLD)
    return dialect
