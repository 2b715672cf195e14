from __future__ import annotations

import pytest

from geminid.engines.gguf import Header
from geminid.engines.llama_sizing import Sizes, memory_bytes, sizes, threads

GB = 10**9
SMALL = Header(context_tokens=8192, kv_heads=90, head_sizes=(64, 64), control_tokens=())
LARGE = Header(context_tokens=131_072, kv_heads=136, head_sizes=(256, 256), control_tokens=())
ODD = Header(context_tokens=2048, kv_heads=96, head_sizes=(80, 80), control_tokens=())


@pytest.mark.parametrize(
    ("header", "slots", "context", "memory", "expected"),
    [
        pytest.param(SMALL, None, None, 24 * GB, Sizes(8, 8192, True), id="all fits"),
        pytest.param(SMALL, 2, 1024, 24 * GB, Sizes(2, 1024, True), id="as asked"),
        pytest.param(SMALL, None, 32_768, 24 * GB, Sizes(8, 8192, True), id="not beyond the model"),
        pytest.param(SMALL, None, None, 3 * GB, Sizes(3, 8192, True), id="fewer slots, not below 8192 tokens"),
        pytest.param(LARGE, None, None, 64 * GB, Sizes(8, 13_312, True), id="shorter slots"),
        pytest.param(LARGE, None, None, 8 * GB, Sizes(1, 8192, True), id="little memory"),
        pytest.param(LARGE, 2, None, 24 * GB, Sizes(2, 20_224, True), id="slots are kept"),
        pytest.param(ODD, None, None, 24 * GB, Sizes(8, 2048, False), id="heads that q8_0 does not take"),
    ],
)
def test_sizes(header: Header, slots: int | None, context: int | None, memory: int, expected: Sizes) -> None:
    assert sizes(header, slots, context, memory) == expected


def test_this_machine() -> None:
    assert threads() >= 1
    assert memory_bytes() > GB / 10
