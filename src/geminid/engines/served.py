"""What a model server serves: the model's name, its window and its senses. Used by ``openai_http.py``.

What the settings leave open the server tells, when it is there; it is asked once.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from geminid import errors
from geminid.engines.base import Capabilities
from geminid.engines.dialects import Dialect
from geminid.engines.server_answers import Models
from geminid.engines.upstream import Upstream

ASSUMED_WINDOW = 32_768
"""The window of a server that does not tell its own, unless the settings do."""


class _Senses(msgspec.Struct, frozen=True):
    """The names are those of ``modalities`` in llama-server's ``GET /props``."""

    vision: bool = False
    audio: bool = False


class _Properties(msgspec.Struct):
    modalities: _Senses = _Senses()


class _Architecture(msgspec.Struct, frozen=True):
    input_modalities: tuple[str, ...] = ()


class _Row(msgspec.Struct):
    id: str
    architecture: _Architecture = _Architecture()


class _Rows(msgspec.Struct):
    data: list[_Row] = []


@dataclass(slots=True)
class Served:
    """``model`` is empty, the others are None, as long as they are not known."""

    model: str
    context_tokens: int | None = None
    sees: bool | None = None
    hears: bool | None = None

    def capabilities(self, dialect: Dialect) -> Capabilities:
        """Before anything is known, what is sure."""
        window = self.context_tokens or ASSUMED_WINDOW
        return dialect.capabilities(window, sees=bool(self.sees), hears=bool(self.hears))

    async def learn(self, upstream: Upstream, dialect: Dialect) -> None:
        """Asks for what is not known. Raises Unavailable."""
        if self.model and self.context_tokens and None not in (self.sees, self.hears):
            return
        status, body = await upstream.get(upstream.v1 + "/models")
        try:
            models = msgspec.json.decode(body, type=Models).data if status == 200 else []
        except msgspec.DecodeError:
            models = []
        found = next((model for model in models if self.model in ("", model.id)), None)
        if found is None and not self.model:
            raise errors.Unavailable(errors.UNAVAILABLE)
        if found is not None:
            self.model = found.id
        told = found.window if found else None
        self.context_tokens = self.context_tokens or told or ASSUMED_WINDOW
        if None in (self.sees, self.hears):
            senses = _listed(body, self.model) or await _of_properties(upstream, dialect.properties)
            self.sees = senses.vision if self.sees is None else self.sees
            self.hears = senses.audio if self.hears is None else self.hears


def _listed(models: bytes, model: str) -> _Senses | None:
    """As llama-server tells it in its list of models since 2026, and gateways such as OpenRouter."""
    try:
        rows = msgspec.json.decode(models, type=_Rows).data
    except msgspec.DecodeError:
        return None
    kinds = next((row.architecture.input_modalities for row in rows if row.id == model), ())
    return _Senses("image" in kinds, "audio" in kinds) if kinds else None


async def _of_properties(upstream: Upstream, path: str | None) -> _Senses:
    """Of a server that tells nothing, as vLLM, it is assumed that its model takes text alone."""
    if path is None:
        return _Senses()
    status, body = await upstream.get(upstream.root + path)
    try:
        return msgspec.json.decode(body, type=_Properties).modalities if status == 200 else _Senses()
    except msgspec.DecodeError:
        return _Senses()
