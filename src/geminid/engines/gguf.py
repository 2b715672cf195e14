"""The head of a GGUF model file: sizes that memory is planned with, control tokens, and where its tensors are.

Not a model loader: the tensors are not read. Runs in child processes only, because the file may be hostile:
``llama_child.py`` and ``weights/to_q8_0.py``. The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import mmap
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_CONTROL = 3
_TOKENS, _TYPES = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
_FILE_TYPE, _ALIGNMENT = "general.file_type", "general.alignment"
_USUAL_ALIGNMENT = 32
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


@dataclass(frozen=True, slots=True)
class Tensor:
    """A row of the table of tensors. ``kind`` is a ``ggml_type``, ``offset`` counts from where the data begin.

    ``kind_at`` and ``offset_at`` are where in the file these two numbers stand, 4 and 8 bytes long.
    """

    elements: int
    kind: int
    offset: int
    kind_at: int
    offset_at: int


@dataclass(frozen=True, slots=True)
class Layout:
    """``data_at`` is where the data begin, ``file_type_at`` where the 4 bytes of ``general.file_type`` stand.

    ``tensors`` are in the order of their data, each of which begins at a multiple of ``alignment``.
    """

    data_at: int
    alignment: int
    file_type_at: int
    tensors: tuple[Tensor, ...]


def read(path: Path) -> Header:
    """Takes 12 ms for a vocabulary of 50,000. Raises BadModelFile, OSError."""
    with opened(path) as content:
        reader = _Reader(content)
        entries = reader.pairs()
        return _header(entries, reader.control_tokens(entries.get(_TOKENS), entries.get(_TYPES)))


@contextmanager
def opened(path: Path) -> Iterator[mmap.mmap]:
    """All bytes of the file. Raises BadModelFile, also for what is found to be wrong while it is open; OSError."""
    with path.open("rb") as file:
        try:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                yield content
        except (struct.error, ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
            raise BadModelFile(f"{path.name} is not a whole GGUF model file") from error


def layout(content: mmap.mmap) -> Layout:
    """To be called while the file is ``opened``, which puts errors into words."""
    reader = _Reader(content)
    entries = reader.pairs()
    tensors = reader.tensors()
    alignment = int(entries.get(_ALIGNMENT, _USUAL_ALIGNMENT))
    return Layout(
        data_at=reader.at + -reader.at % alignment,
        alignment=alignment,
        file_type_at=reader.places[_FILE_TYPE],
        tensors=tuple(sorted(tensors, key=lambda tensor: tensor.offset)),
    )


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
        k_quants=entries.get(_FILE_TYPE) in _K_QUANTS,
    )


class _Reader:
    """Walks over the key-value pairs, then over the table of tensors. ``at`` is where it has come to.

    Long arrays are skipped: their place is kept instead. ``places`` are those of the values.
    """

    def __init__(self, content: mmap.mmap) -> None:
        self._content = content
        self._tensors = 0
        self.at = 0
        self.places: dict[str, int] = {}

    def pairs(self) -> dict[str, Any]:
        magic, _version, self._tensors, count = self._take("4sIQQ")
        if magic != b"GGUF":
            raise ValueError("magic")
        found: dict[str, Any] = {}
        for _ in range(count):
            key, kind = self._string(), self._scalar("I")
            self.places[key] = self.at
            found[key] = self._value(kind)
        return found

    def tensors(self) -> list[Tensor]:
        """After the pairs."""
        return [self._tensor() for _ in range(self._tensors)]

    def _tensor(self) -> Tensor:
        self._skip_string()
        sizes = self._take(f"{self._scalar('I')}Q")
        kind_at = self.at
        kind, offset = self._take("IQ")
        return Tensor(math.prod(sizes), kind, offset, kind_at, kind_at + 4)

    def control_tokens(self, tokens: _Place | None, types: _Place | None) -> tuple[str, ...]:
        if not (isinstance(tokens, _Place) and isinstance(types, _Place)):
            return ()
        kinds = struct.unpack_from(f"<{types.count}i", self._content, types.start)
        names = []
        self.at = tokens.start
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
        place = _Place(self.at, count)
        if kind == _STRING:
            for _ in range(count):
                self._skip_string()
        else:
            self.at += count * struct.calcsize(_SCALARS[kind])
        return place

    def _string(self) -> str:
        length = self._scalar("Q")
        start, self.at = self.at, self.at + length
        if self.at > len(self._content):
            raise ValueError("a string that ends behind the file")
        return self._content[start : self.at].decode(errors="replace")

    def _skip_string(self) -> None:
        self.at += 8 + struct.unpack_from("<Q", self._content, self.at)[0]

    def _scalar(self, form: str) -> Any:
        return self._take(form)[0]

    def _take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + form, self._content, self.at)
        self.at += struct.calcsize("<" + form)
        return values


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the elements of a long array begin, and how many there are."""

    start: int
    count: int
