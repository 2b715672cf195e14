"""What media counts: figures of Google's documentation and of recorded answers."""

from __future__ import annotations

import pytest

from geminid.attachment import Resolution, Window
from geminid.gemini.profiles import Catalogue
from geminid.media import counting


def rules(model_id: str) -> counting.Counting:
    model = Catalogue().find(model_id)
    assert model
    return model.profile.media.counting


@pytest.mark.parametrize(
    ("model_id", "resolution", "size", "tokens"),
    [
        ("gemini-1.5-flash", None, (4000, 3000), 258),
        ("gemini-1.5-pro", Resolution.LOW, (4000, 3000), 64),
        ("gemini-2.0-flash", None, (384, 384), 258),
        ("gemini-2.0-flash", None, (1024, 1024), 1290),
        ("gemini-2.5-flash", None, (960, 540), 1806),
        ("gemini-2.5-flash", None, (3000, 2000), 258 * 13),
        ("gemini-2.5-flash", Resolution.MEDIUM, (3000, 2000), 256),
        ("gemini-2.5-flash", None, (4000, 100), 258 * 17),
        ("gemini-3-pro-preview", None, (4000, 3000), 1120),
        ("gemini-3-pro-preview", Resolution.ULTRA_HIGH, (4000, 3000), 2240),
    ],
)
def test_images(model_id: str, resolution: Resolution | None, size: tuple[int, int], tokens: int) -> None:
    assert counting.image_tokens(rules(model_id), resolution, *size) == tokens


def test_pages_count_alike() -> None:
    assert counting.document_tokens(rules("gemini-1.5-pro"), None, 77) == 19_866


def test_a_minute_of_sound() -> None:
    assert counting.sound_tokens(rules("gemini-1.5-pro"), 59) == 1475


@pytest.mark.parametrize(("fps", "sound", "tokens"), [(1, False, 15_222), (1, True, 16_697), (0.5, False, 7740)])
def test_a_minute_of_video(fps: float, sound: bool, tokens: int) -> None:
    assert counting.video_tokens(rules("gemini-1.5-pro"), None, 59, fps, sound=sound) == tokens


@pytest.mark.parametrize(
    ("window", "seconds"),
    [(Window(), 60), (Window(start=50), 10), (Window(10, 20), 10), (Window(50, 90), 10), (Window(70), 0)],
)
def test_a_stretch_is_what_there_is_of_it(window: Window, seconds: float) -> None:
    assert counting.stretch(window, 60) == seconds
