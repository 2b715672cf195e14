"""What servers tell of a model beside OpenAI's list of models: window, senses, size, how it calls and thinks.

One function for each server that tells anything. Called by ``served.py``. What is not told, or not in the form
that is known, stays None.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from geminid import errors
from geminid.engines.dialects import LLAMA, LMSTUDIO, OLLAMA, SGLANG, TGI, Dialect
from geminid.engines.server_answers import Model, TokenPiece, Tokens
from geminid.engines.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Details:
    """None is what is not known. ``window`` is in tokens; ``calls``: the server has a format for its functions;
    ``parameters`` are how many the model has; ``control_tokens`` are texts that it reads as such."""

    window: int | None = None
    sees: bool | None = None
    hears: bool | None = None
    calls: bool | None = None
    thinks: bool | None = None
    parameters: int | None = None
    control_tokens: tuple[str, ...] = ()

    @classmethod
    def of_row(cls, row: Model) -> Details:
        kinds = row.input_modalities
        sees, hears = ("image" in kinds, "audio" in kinds) if kinds else (None, None)
        return cls(row.window, sees, hears, parameters=row.parameters)

    def completed_by(self, more: Details) -> Details:
        return Details(
            self.window if self.window is not None else more.window,
            self.sees if self.sees is not None else bool(more.sees),
            self.hears if self.hears is not None else bool(more.hears),
            more.calls,
            more.thinks,
            self.parameters if self.parameters is not None else more.parameters,
            more.control_tokens,
        )


def tells(dialect: Dialect) -> bool:
    """Whether such a server tells anything of its model beside the list."""
    return dialect.name in _ASK


async def details(upstream: Upstream, dialect: Dialect, model: str) -> Details:
    """Of a server that tells nothing, as vLLM, nothing is known. Raises Unavailable."""
    ask = _ASK.get(dialect.name)
    return await ask(upstream, model) if ask else Details()


async def _llama(upstream: Upstream, _model: str) -> Details:
    """``GET /props``, and what its tokenizer makes of the chat template in there."""
    told = await _object(upstream, "/props")
    senses = _table(told, "modalities")
    control_tokens = await _control_tokens(upstream, told)
    return Details(sees=_flag(senses, "vision"), hears=_flag(senses, "audio"), control_tokens=control_tokens)


_WRITTEN = ("chat_template", "bos_token", "eos_token")
"""Of the properties, those with control tokens in them."""


async def _control_tokens(upstream: Upstream, told: Mapping[str, Any]) -> tuple[str, ...]:
    """Those that the chat template writes, and those that begin and end a text.

    Of each piece of them by itself: what is another token where control tokens are read than where they are not.
    """
    written = [text for key in _WRITTEN if isinstance(text := told.get(key), str)]
    pieces = list(await _tokens(upstream, written, read=True)) if written else []
    if not pieces:
        return ()
    found = await _tokens(upstream, pieces, read=True)
    ordinary = set((await _tokens(upstream, pieces, read=False)).values())
    return tuple(piece for piece, token in found.items() if token not in ordinary and len(piece) > 1)


async def _tokens(upstream: Upstream, texts: Sequence[str], *, read: bool) -> dict[str, int]:
    """The tokens of the texts, each taken by itself, by what they spell; without those that are part of a letter.

    ``read``: control tokens are read as such.
    """
    asked = {"content": texts, "add_special": False, "parse_special": read, "with_pieces": True}
    try:
        told = msgspec.json.decode(await answer(upstream, upstream.root + "/tokenize", asked), type=Tokens)
        tokens = msgspec.convert(told.tokens, list[TokenPiece])
    except msgspec.DecodeError:
        return {}
    return {token.piece: token.id for token in tokens if isinstance(token.piece, str)}


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


_BUSY = frozenset({429, 503})
"""The statuses of a server that will tell later."""


async def answer(upstream: Upstream, url: str, body: Mapping[str, object] | None = None) -> bytes:
    """What a route answers with; nothing where there is none. Raises Unavailable, also where it is busy."""
    status, told = await upstream.get(url, body)
    if status in _BUSY:
        raise errors.Unavailable(errors.UNAVAILABLE)
    return told if status == 200 else b""


async def _object(upstream: Upstream, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
    """The JSON object that a route answers with; empty where there is no such route. Raises Unavailable."""
    try:
        told = msgspec.json.decode(await answer(upstream, upstream.root + path, body))
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
