"""Eyes for SmolLM2-135M: a projector with random weights. What it sees means nothing, how it gets there is real.

The form is llama.cpp's ``clip`` with an ``mlp`` projector (LLaVA's):
https://github.com/ggml-org/llama.cpp/blob/master/tools/mtmd/clip-impl.h names the keys and the tensors. A picture
of any size becomes 64 x 64 pixels, which are 16 patches: 16 tokens.
"""

from __future__ import annotations

import random
import struct
import zlib
from array import array
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import TypeAlias

import pytest

from geminid.attachment import Picture

Value: TypeAlias = str | bool | int | float | list[float]
Shape: TypeAlias = tuple[int, ...]

_TEXT, _WIDTH, _INNER, _LAYERS = 576, 64, 128, 2
_PIXELS, _PATCH = 64, 16
_ALIGNMENT = 32
_F32 = 0


@pytest.fixture(scope="session")
def projector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("projector") / "mmproj.gguf"
    path.write_bytes(_projector())
    return path


@pytest.fixture(scope="session")
def red() -> Picture:
    return _picture(b"\xf0\x10\x10")


@pytest.fixture(scope="session")
def blue() -> Picture:
    return _picture(b"\x10\x10\xf0")


def _picture(colour: bytes, width: int = 40, height: int = 30) -> Picture:
    """A PNG of one colour: https://www.w3.org/TR/png-3/"""
    rows = (b"\0" + colour * width) * height
    head = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    packed = [struct.pack(">I", len(data)) + kind + data + _crc(kind + data) for kind, data in chunks]
    return Picture(b"\x89PNG\r\n\x1a\n" + b"".join(packed), "image/png")


def _crc(data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data))


def _projector() -> bytes:
    """The same 1.9 MB every time, in a tenth of a second."""
    shapes, offset, infos = _shapes(), 0, []
    for name, shape in shapes.items():
        infos.append(_string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, _F32, offset))
        offset += _aligned(4 * prod(shape))
    pairs = [_string(key) + _value(value) for key, value in _PAIRS.items()]
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(shapes), len(pairs)) + b"".join(pairs) + b"".join(infos)
    numbers = random.Random(0)
    tensors = [_weights(name, shape, numbers) for name, shape in shapes.items()]
    return b"".join(map(_padded, [head, *tensors]))


_PAIRS: Mapping[str, Value] = {
    "general.architecture": "clip",
    "general.file_type": 0,
    "clip.has_vision_encoder": True,
    "clip.has_audio_encoder": False,
    "clip.projector_type": "mlp",
    "clip.use_gelu": True,
    "clip.vision.image_size": _PIXELS,
    "clip.vision.patch_size": _PATCH,
    "clip.vision.embedding_length": _WIDTH,
    "clip.vision.feed_forward_length": _INNER,
    "clip.vision.projection_dim": _TEXT,
    "clip.vision.block_count": _LAYERS,
    "clip.vision.attention.head_count": 2,
    "clip.vision.attention.layer_norm_epsilon": 1e-5,
    "clip.vision.image_mean": [0.5, 0.5, 0.5],
    "clip.vision.image_std": [0.5, 0.5, 0.5],
}


def _shapes() -> dict[str, Shape]:
    """Tensors by name, the innermost dimension first."""
    shapes: dict[str, Shape] = {
        "v.patch_embd.weight": (_PATCH, _PATCH, 3, _WIDTH),
        "v.position_embd.weight": (_WIDTH, (_PIXELS // _PATCH) ** 2),
        **_linear("mm.0", _WIDTH, _TEXT),
        **_linear("mm.2", _TEXT, _TEXT),
    }
    for layer in range(_LAYERS):
        block = f"v.blk.{layer}"
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            shapes |= _linear(f"{block}.{name}", _WIDTH, _WIDTH)
        shapes |= _linear(f"{block}.ffn_up", _WIDTH, _INNER) | _linear(f"{block}.ffn_down", _INNER, _WIDTH)
        for name in ("ln1", "ln2"):
            shapes |= {f"{block}.{name}.weight": (_WIDTH,), f"{block}.{name}.bias": (_WIDTH,)}
    return shapes


def _linear(name: str, inner: int, outer: int) -> dict[str, Shape]:
    return {f"{name}.weight": (inner, outer), f"{name}.bias": (outer,)}


def _weights(name: str, shape: Shape, numbers: random.Random) -> bytes:
    """Small numbers around 0; those that scale are around 1."""
    centre = 1.0 if ".ln" in name and name.endswith("weight") else 0.0
    return array("f", [centre + (byte - 127.5) / 1024 for byte in numbers.randbytes(prod(shape))]).tobytes()


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _value(value: Value) -> bytes:
    match value:
        case str():
            return struct.pack("<I", 8) + _string(value)
        case bool():
            return struct.pack("<I?", 7, value)
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
        case list():
            return struct.pack(f"<IIQ{len(value)}f", 9, 6, len(value), *value)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _padded(content: bytes) -> bytes:
    return content.ljust(_aligned(len(content)), b"\0")
