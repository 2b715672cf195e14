"""Reads a PyTorch checkpoint without PyTorch, and without running what a pickle could: tensors of numbers only.

The form is the one before 1.6, a row of pickles and then the numbers; ``torch/serialization.py`` of that version
describes it (https://github.com/pytorch/pytorch/blob/v1.5.1/torch/serialization.py). Used by ``efficientnet.py``.
"""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

if TYPE_CHECKING:
    import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_COUNT = struct.Struct("<q")


class _Type(NamedTuple):
    """A class of storage, as the type of its numbers."""

    code: str


@dataclass(frozen=True, slots=True)
class _Tensor:
    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _tensor(
    storage: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_unused: object
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch", "FloatStorage"): _Type("<f4"),
    ("torch", "LongStorage"): _Type("<i8"),
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.types: dict[str, str] = {}

    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) not in _KNOWN:
            raise ValueError(f"a checkpoint of tensors has no {module}.{name}")
        return _KNOWN[module, name]

    def persistent_load(self, pid: Any, /) -> str:
        _, kind, key, *_ = pid
        self.types[key] = kind.code
        return str(key)


def read(file: BinaryIO) -> dict[str, np.ndarray]:
    """The tensors by their names. Raises ValueError or UnpicklingError for what is no such checkpoint."""
    import numpy as np

    if (_Unpickler(file).load(), _Unpickler(file).load()) != (_MAGIC, _PROTOCOL):
        raise ValueError("not a PyTorch checkpoint of the old form")
    _Unpickler(file).load()
    unpickler = _Unpickler(file)
    tensors: dict[str, _Tensor] = unpickler.load()
    numbers = {}
    for key in _Unpickler(file).load():
        (count,) = _COUNT.unpack(file.read(_COUNT.size))
        kind = np.dtype(unpickler.types[key])
        numbers[key] = np.frombuffer(file.read(count * kind.itemsize), kind)
    return {name: _array(tensor, numbers[tensor.storage]) for name, tensor in tensors.items()}


def _array(tensor: _Tensor, numbers: np.ndarray) -> np.ndarray:
    import numpy as np

    last = tensor.offset + sum((side - 1) * step for side, step in zip(tensor.shape, tensor.strides, strict=True))
    if not (tensor.offset >= 0 and last < len(numbers) and min(tensor.strides, default=0) >= 0):
        raise ValueError("a tensor of the checkpoint is larger than its numbers")
    strides = [step * numbers.itemsize for step in tensor.strides]
    return np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, strides, writeable=False)
