"""What servers tell of a model beside OpenAI's list of models: window, senses, whether it calls and thinks.

One function for each server that tells anything. Called by ``served.py``. What is not told, or not in the form
that is known, stays None.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from geminid.engines.dialects import LLAMA, LMSTUDIO, OLLAMA, SGLANG, TGI, Dialect
from geminid.engines.server_answers import Model
from geminid.engines.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Details:
    """None is what is not known. ``window`` is in tokens; ``calls``: the server has a format for its functions."""

    window: int | None = None
    sees: bool | None = None
    hears: bool | None = None
    calls: bool | None = None
    thinks: bool | None = None

    @classmethod
    def of_row(cls, row: Model) -> Details:
        kinds = row.input_modalities
        return cls(row.window, *(("image" in kinds, "audio" in kinds) if kinds else (None, None)))

    @property
    def says_all(self) -> bool:
        """Whether a window and senses are known; servers that tell more tell no senses in their lists."""
        return None not in (self.window, self.sees, self.hears)

    def completed_by(self, more: Details) -> Details:
        return Details(
            self.window if self.window is not None else more.window,
            self.sees if self.sees is not None else bool(more.sees),
            self.hears if self.hears is not None else bool(more.hears),
            more.calls,
            more.thinks,
        )


async def details(upstream: Upstream, dialect: Dialect, model: str) -> Details:
    """Of a server that tells nothing, as vLLM, nothing is known. Raises Unavailable."""
    ask = _ASK.get(dialect.name)
    return await ask(upstream, model) if ask else Details()


async def _llama(upstream: Upstream, _model: str) -> Details:
    """``GET /props``."""
    told = await _object(upstream, "/props")
    senses = _table(told, "modalities")
    return Details(sees=_flag(senses, "vision"), hears=_flag(senses, "audio"))


async def _sglang(upstream: Upstream, _model: str) -> Details:
    """``GET /model_info``, which was ``/get_model_info`` before 2026."""
    told = await _object(upstream, "/model_info") or await _object(upstream, "/get_model_info")
    return Details(sees=_flag(told, "has_image_understanding"), hears=_flag(told, "has_audio_understanding"))


async def _tgi(upstream: Upstream, _model: str) -> Details:
    """``GET /info``."""
    return Details(window=_count(await _object(upstream, "/info"), "max_total_tokens"))


async def _lmstudio(upstream: Upstream, model: str) -> Details:
    """``GET /api/v0/models``: the window that was chosen when the model was loaded, else its own."""
    told = _row(await _object(upstream, "/api/v0/models"), "data", "id", model)
    window = _count(told, "loaded_context_length") or _count(told, "max_context_length")
    return Details(window, sees=told.get("type") == "vlm")


async def _ollama(upstream: Upstream, model: str) -> Details:
    """``POST /api/show`` tells what the model can, ``GET /api/ps`` the window of one that is loaded."""
    able = (await _object(upstream, "/api/show", {"model": model})).get("capabilities")
    if not isinstance(able, list):
        able = None
    loaded = await _object(upstream, "/api/ps")
    row = _row(loaded, "models", "name", model) or _row(loaded, "models", "name", f"{model}:latest")
    window = _count(row, "context_length")
    if able is None:
        return Details(window)
    return Details(window, "vision" in able, "audio" in able, "tools" in able, "thinking" in able)


_ASK: Mapping[str, Callable[[Upstream, str], Awaitable[Details]]] = {
    LLAMA.name: _llama,
    SGLANG.name: _sglang,
    TGI.name: _tgi,
    LMSTUDIO.name: _lmstudio,
    OLLAMA.name: _ollama,
}


async def _object(upstream: Upstream, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
    """The JSON object that a route answers with; empty where there is no such route."""
    status, answer = await upstream.get(upstream.root + path, body)
    try:
        told = msgspec.json.decode(answer) if status == 200 else {}
    except msgspec.DecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def _table(told: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = told.get(key)
    return found if isinstance(found, dict) else {}


def _row(told: Mapping[str, Any], key: str, name: str, value: str) -> Mapping[str, Any]:
    """The object in the list ``key`` whose ``name`` is ``value``."""
    rows = told.get(key)
    rows = rows if isinstance(rows, list) else []
    return next((row for row in rows if isinstance(row, dict) and row.get(name) == value), {})


def _flag(told: Mapping[str, Any], key: str) -> bool | None:
    found = told.get(key)
    return found if isinstance(found, bool) else None


def _count(told: Mapping[str, Any], key: str) -> int | None:
    found = told.get(key)
    return found if isinstance(found, int) and found > 0 else None
