"""What servers answer when they are asked for their models and for the tokens of a text. Declarations only.

Read by ``openai_http.py``; the routes are in ``dialects.py``.
"""

from __future__ import annotations

from typing import Any

import msgspec


class _Meta(msgspec.Struct):
    n_ctx: int | None = None


class Model(msgspec.Struct):
    """A row of ``GET /v1/models``; vLLM tells the window on top, llama-server in ``meta``."""

    id: str
    max_model_len: int | None = None
    meta: _Meta | None = None

    @property
    def window(self) -> int | None:
        return self.max_model_len or (self.meta.n_ctx if self.meta else None)


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
