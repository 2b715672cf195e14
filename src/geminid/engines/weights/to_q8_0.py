"""Writes a GGUF file with Q8_0 in the place of Q4_1 to standard output. ``conversion.py`` runs it.

A process of its own, because the arithmetic is native code: llama.cpp's, by two functions that the library of the
engine exports. Each step of it is exact or one rounding of IEEE 754, so the same bytes come out on every machine.
The head of the file keeps its length, only numbers in it change; tensors of other types are copied.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path

from geminid.engines import gguf

_Q4_1, _Q8_0, _MOSTLY_Q8_0 = 3, 8, 7
"""Two of ``ggml_type``, and the ``llama_ftype`` for a file of the second."""
_BLOCK = 32
_Q4_1_BYTES, _Q8_0_BYTES = 20, 34
"""Of a block: two scales and 4 bits each; one scale and 8 bits each."""
_BLOCKS_AT_ONCE = 2048
_COPIED_AT_ONCE = 1 << 20


def main(path: Path) -> None:
    out = sys.stdout.buffer
    try:
        with gguf.opened(path) as content:
            for piece in _converted(content):
                out.write(piece)
        out.flush()
    except (gguf.BadModelFile, ImportError, AttributeError) as error:
        sys.exit(str(error))


@dataclass(frozen=True, slots=True)
class _Move:
    """A tensor's way: from where in the old file, of what length, to what place behind the head, of what length.

    Copied tensors take their padding along.
    """

    tensor: gguf.Tensor
    start: int
    length: int
    offset: int
    new_length: int

    @property
    def converts(self) -> bool:
        return self.tensor.kind == _Q4_1


def _converted(content: mmap) -> Iterator[bytes | memoryview]:
    """The new file in pieces, each of which is valid until the next."""
    layout = gguf.layout(content)
    moves = list(_moves(layout, len(content)))
    yield _head(content, layout, moves)
    arithmetic = _Arithmetic()
    for move in moves:
        if move.converts:
            yield from map(arithmetic.q8_0, _pieces(content, move, _BLOCKS_AT_ONCE * _Q4_1_BYTES))
        else:
            yield from _pieces(content, move, _COPIED_AT_ONCE)
        yield bytes(-move.new_length % layout.alignment)


def _moves(layout: gguf.Layout, size: int) -> Iterator[_Move]:
    offset = 0
    ends = [tensor.offset for tensor in layout.tensors[1:]] + [size - layout.data_at]
    for tensor, end in zip(layout.tensors, ends, strict=True):
        length = new_length = end - tensor.offset
        if tensor.kind == _Q4_1:
            blocks = tensor.elements // _BLOCK
            length, new_length = blocks * _Q4_1_BYTES, blocks * _Q8_0_BYTES
        yield _Move(tensor, layout.data_at + tensor.offset, length, offset, new_length)
        offset += new_length + -new_length % layout.alignment


def _head(content: mmap, layout: gguf.Layout, moves: list[_Move]) -> bytes:
    head = bytearray(content[: layout.data_at])
    struct.pack_into("<I", head, layout.file_type_at, _MOSTLY_Q8_0)
    for move in moves:
        struct.pack_into("<Q", head, move.tensor.offset_at, move.offset)
        if move.converts:
            struct.pack_into("<I", head, move.tensor.kind_at, _Q8_0)
    return bytes(head)


def _pieces(content: mmap, move: _Move, most: int) -> Iterator[bytes]:
    end = move.start + move.length
    for start in range(move.start, end, most):
        yield content[start : min(start + most, end)]


class _Arithmetic:
    """Raises ImportError, and AttributeError where the library does not export the functions."""

    def __init__(self) -> None:
        from xllamacpp import xllamacpp

        library = ctypes.CDLL(xllamacpp.__file__)
        self._widen, self._quantise = library.dequantize_row_q4_1, library.quantize_row_q8_0_ref
        for function in (self._widen, self._quantise):
            function.argtypes, function.restype = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64), None
        self._floats = (ctypes.c_float * (_BLOCKS_AT_ONCE * _BLOCK))()
        self._blocks = (ctypes.c_ubyte * (_BLOCKS_AT_ONCE * _Q8_0_BYTES))()

    def q8_0(self, q4_1: bytes) -> memoryview:
        """Of at most ``_BLOCKS_AT_ONCE`` blocks; overwritten by the next call."""
        blocks, rest = divmod(len(q4_1), _Q4_1_BYTES)
        if rest:
            raise ValueError("a tensor that ends behind the file")
        self._widen(q4_1, self._floats, blocks * _BLOCK)
        self._quantise(self._floats, self._blocks, blocks * _BLOCK)
        return memoryview(self._blocks).cast("B")[: blocks * _Q8_0_BYTES]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
