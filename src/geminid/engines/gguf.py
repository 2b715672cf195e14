"""The head of a GGUF model file: sizes that memory is planned with, and the names of its control tokens.

Not a model loader: the tensors are not read. Runs in the child process only, because the file
may be hostile. The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import mmap
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_CONTROL = 3
_TOKENS, _TYPES = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
_SHORT_ARRAY = 1024
_K_QUANTS = range(10, 19)
"""``llama_ftype`` of https://github.com/ggml-org/llama.cpp/blob/master/include/llama.h"""
_PLACEHOLDER = re.compile(r"unused|reserved", re.IGNORECASE)
"""Vocabularies are filled up with thousands of such, which no template uses."""


class BadModelFile(Exception):
    """Not a GGUF file, or one that lacks what every model has."""


@dataclass(frozen=True, slots=True)
class Header:
    """``kv_heads`` is the sum over the layers; ``head_sizes`` are those of keys and of values.

    ``k_quants``: most weights are of the types Q2_K to Q6_K.
    """

    context_tokens: int
    kv_heads: int
    head_sizes: tuple[int, int]
    control_tokens: tuple[str, ...]
    k_quants: bool = False


def read(path: Path) -> Header:
    """Takes 12 ms for a vocabulary of 50,000. Raises BadModelFile, OSError."""
    with path.open("rb") as file:
        try:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return _header(*_Reader(content).read())
        except (struct.error, ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
            raise BadModelFile(f"{path.name} is not a whole GGUF model file") from error


def _header(entries: dict[str, Any], control_tokens: tuple[str, ...]) -> Header:
    kind = entries["general.architecture"]
    layers, heads = entries[f"{kind}.block_count"], entries[f"{kind}.attention.head_count"]
    kv_heads = entries.get(f"{kind}.attention.head_count_kv", heads)
    usual = entries[f"{kind}.embedding_length"] // (max(heads) if isinstance(heads, list) else heads)
    return Header(
        context_tokens=entries[f"{kind}.context_length"],
        kv_heads=sum(kv_heads) if isinstance(kv_heads, list) else int(kv_heads) * int(layers),
        head_sizes=(
            entries.get(f"{kind}.attention.key_length", usual),
            entries.get(f"{kind}.attention.value_length", usual),
        ),
        control_tokens=control_tokens,
        k_quants=entries.get("general.file_type") in _K_QUANTS,
    )


class _Reader:
    """Walks over the key-value pairs. Long arrays are skipped: their place is kept instead."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content = content
        self._at = 0

    def read(self) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The pairs and the control tokens."""
        magic, _version, _tensors, count = self._take("4sIQQ")
        if magic != b"GGUF":
            raise ValueError("magic")
        found: dict[str, Any] = {}
        for _ in range(count):
            key = self._string()
            found[key] = self._value(self._scalar("I"))
        return found, self._control_tokens(found.get(_TOKENS), found.get(_TYPES))

    def _control_tokens(self, tokens: _Place | None, types: _Place | None) -> tuple[str, ...]:
        if not (isinstance(tokens, _Place) and isinstance(types, _Place)):
            return ()
        kinds = struct.unpack_from(f"<{types.count}i", self._content, types.start)
        names = []
        self._at = tokens.start
        for kind in kinds:
            if kind == _CONTROL:
                names.append(self._string())
            else:
                self._skip_string()
        return tuple(name for name in names if len(name) > 1 and not _PLACEHOLDER.search(name))

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            return self._scalar(_SCALARS[kind])
        kind, count = self._scalar("I"), self._scalar("Q")
        if count <= _SHORT_ARRAY:
            return [self._value(kind) for _ in range(count)]
        place = _Place(self._at, count)
        if kind == _STRING:
            for _ in range(count):
                self._skip_string()
        else:
            self._at += count * struct.calcsize(_SCALARS[kind])
        return place

    def _string(self) -> str:
        length = self._scalar("Q")
        start, self._at = self._at, self._at + length
        if self._at > len(self._content):
            raise ValueError("a string that ends behind the file")
        return self._content[start : self._at].decode(errors="replace")

    def _skip_string(self) -> None:
        self._at += 8 + struct.unpack_from("<Q", self._content, self._at)[0]

    def _scalar(self, form: str) -> Any:
        return self._take(form)[0]

    def _take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + form, self._content, self._at)
        self._at += struct.calcsize("<" + form)
        return values


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the elements of a long array begin, and how many there are."""

    start: int
    count: int
