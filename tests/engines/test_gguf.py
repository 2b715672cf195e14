from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geminid.engines import gguf


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def value(what: Any) -> bytes:
    match what:
        case str():
            return struct.pack("<I", 8) + string(what)
        case int():
            return struct.pack("<II", 4, what)
        case [str(), *_]:
            return struct.pack("<IIQ", 9, 8, len(what)) + b"".join(map(string, what))
        case [*numbers]:
            return struct.pack(f"<IIQ{len(numbers)}i", 9, 5, len(numbers), *numbers)
    raise TypeError(what)


def model(**changes: Any) -> bytes:
    tokens = ["<|end|>", "hello", "<unused7>", "<s>"] * 300
    entries = {
        "general.architecture": "llama",
        "llama.context_length": 8192,
        "llama.block_count": 30,
        "llama.embedding_length": 576,
        "llama.attention.head_count": 9,
        "llama.attention.head_count_kv": 3,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3, 1, 3, 1] * 300,
    }
    entries |= {key.replace("__", "."): change for key, change in changes.items()}
    body = b"".join(string(key) + value(what) for key, what in entries.items())
    tensors = [string("embedding") + struct.pack("<IQQIQ", 2, 576, 49_152, 3, 0)]
    tensors += [string("norm") + struct.pack("<IQIQ", 1, 576, 0, 99)]
    return struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(entries)) + body + b"".join(tensors)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


@pytest.fixture
def read(path: Path) -> Any:
    def read(content: bytes) -> gguf.Header:
        path.write_bytes(content)
        return gguf.read(path)

    return read


def test_sizes_and_control_tokens(read: Any) -> None:
    header = read(model())

    assert header.context_tokens == 8192
    assert header.kv_heads == 90
    assert header.head_sizes == (64, 64)
    assert set(header.control_tokens) == {"<|end|>"}
    assert not header.k_quants
    assert read(model(general__file_type=15)).k_quants


def test_layers_may_differ(read: Any) -> None:
    header = read(model(llama__attention__head_count_kv=[1, 2, 1], llama__attention__key_length=128))

    assert header.kv_heads == 4
    assert header.head_sizes == (128, 64)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GGUF",
        b"PK" + model()[2:],
        model()[:-100],
        model(llama__attention__head_count=0),
        model(llama__block_count="many"),
        model()[:24] + struct.pack("<Q", 2**62) + model()[32:],
    ],
)
def test_what_is_no_model_is_refused(read: Any, content: bytes) -> None:
    with pytest.raises(gguf.BadModelFile, match=r"^model\.gguf is not a whole GGUF model file$"):
        read(content)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 400), junk=st.binary(min_size=1, max_size=16))
def test_junk_never_does_worse_than_that(read: Any, place: int, junk: bytes) -> None:
    content = model()

    with suppress(gguf.BadModelFile):
        read(content[:place] + junk + content[place + len(junk) :])


def test_where_the_tensors_are(path: Path) -> None:
    content = model(general__file_type=3)
    path.write_bytes(content)

    with gguf.opened(path) as opened:
        layout = gguf.layout(opened)

    embedding, norm = layout.tensors
    assert (embedding.elements, embedding.kind, embedding.offset) == (576 * 49_152, 3, 0)
    assert (norm.elements, norm.kind, norm.offset) == (576, 0, 99)
    assert struct.unpack_from("<IQ", content, norm.kind_at) == (0, 99)
    assert norm.offset_at == norm.kind_at + 4
    assert struct.unpack_from("<I", content, layout.file_type_at) == (3,)
    assert layout.alignment == 32
    assert layout.data_at == len(content) + -len(content) % 32


def test_data_begin_where_the_file_says(path: Path) -> None:
    path.write_bytes(model(general__file_type=3, general__alignment=512))

    with gguf.opened(path) as opened:
        assert gguf.layout(opened).data_at % 512 == 0


@pytest.mark.parametrize("content", [model(), model(general__file_type=3, general__alignment=0)])
def test_where_tensors_are_must_be_known(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(gguf.BadModelFile), gguf.opened(path) as opened:
        gguf.layout(opened)


@pytest.mark.model
def test_the_default_model(smollm2: Path) -> None:
    header = gguf.read(smollm2)

    assert (header.context_tokens, header.kv_heads, header.head_sizes) == (8192, 90, (64, 64))
    assert {"<|im_start|>", "<|im_end|>", "<|endoftext|>"} <= set(header.control_tokens)
