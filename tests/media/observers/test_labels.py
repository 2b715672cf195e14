"""Photographs get the names that the published network gives them, drawings and noise get none."""

from __future__ import annotations

import io
import pickle
import zlib
from pathlib import Path

import pytest

from geminid.media.observers import checkpoint
from geminid.media.observers.base import Picture
from geminid.media.observers.labels import EfficientNet


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("size", [(1, 1), (300, 200), (20, 2000)])
async def test_a_plain_picture_has_no_name(labeller: EfficientNet, size: tuple[int, int]) -> None:
    found = await labeller.label(Picture(*size, b"\x80\x80\x80" * (size[0] * size[1])))

    assert all(0.3 <= label.probability <= 1 for label in found)
    assert len(found) <= 3


@pytest.mark.asyncio(loop_scope="module")
async def test_a_cup_of_coffee_is_an_espresso(labeller: EfficientNet, photograph: Path) -> None:
    image = pytest.importorskip("PIL.Image").open(photograph).convert("RGB")

    (label,) = await labeller.label(Picture(*image.size, image.tobytes()))

    assert label.name == "espresso"
    assert label.probability > 0.9


def test_a_checkpoint_that_would_run_something_is_not_read() -> None:
    evil = io.BytesIO(
        pickle.dumps(0x1950A86A20F9469CFC6C) + pickle.dumps(1001) + pickle.dumps({}) + pickle.dumps(print)
    )

    with pytest.raises(ValueError, match=r"builtins\.print"):
        checkpoint.read(evil)


def test_another_file_is_no_checkpoint() -> None:
    with pytest.raises((ValueError, pickle.UnpicklingError)):
        checkpoint.read(io.BytesIO(zlib.compress(b"something else")))
