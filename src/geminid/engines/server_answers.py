"""What servers answer when they are asked for their models and for the tokens of a text. Declarations only.

Read by ``served.py``, ``server_details.py`` and ``server_tokens.py``; the routes are in ``dialects.py``.
"""

from __future__ import annotations

from typing import Any

import msgspec


class _Meta(msgspec.Struct):
    n_ctx: int | None = None
    n_params: int | None = None


class Model(msgspec.Struct):
    """A row of ``GET /v1/models``. vLLM and SGLang tell the window on top, llama-server in ``meta``.

    ``architecture`` is an object in llama-server since 2026 and in gateways such as OpenRouter, a name elsewhere.
    """

    id: str
    owned_by: str | None = None
    max_model_len: int | None = None
    context_length: int | None = None
    meta: _Meta | None = None
    architecture: Any = None

    @property
    def window(self) -> int | None:
        return self.max_model_len or self.context_length or (self.meta.n_ctx if self.meta else None)

    @property
    def parameters(self) -> int | None:
        return self.meta.n_params if self.meta else None

    @property
    def input_modalities(self) -> list[str]:
        """``text``, ``image``, ``audio``; empty where it is not told."""
        told = self.architecture.get("input_modalities") if isinstance(self.architecture, dict) else None
        return told if isinstance(told, list) else []


class Models(msgspec.Struct):
    data: list[Model] = []


class Tokens(msgspec.Struct):
    """The answer of a tokenize route. ``tokens`` are ids, or pieces where those were asked for."""

    count: int | None = None
    tokens: list[Any] = []


class TokenPiece(msgspec.Struct):
    """A token with its text; as a list of bytes where they are no text by themselves."""

    id: int
    piece: str | list[int]

    @property
    def bytes(self) -> bytes:
        return self.piece.encode() if isinstance(self.piece, str) else bytes(self.piece)
