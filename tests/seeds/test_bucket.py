from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from seed_samples import buckets, clip

from geminid.settings import load

FILM = "cloud-samples-data/video/animals.mp4"
PICTURES = [name for name in buckets.NAMES if name.endswith(".jpg")]

SAMPLE = """\
Python

import vertexai
from vertexai.generative_models import GenerativeModel, Part

vertexai.init(project=PROJECT_ID, location="us-central1")

model = GenerativeModel("gemini-1.5-flash-002")
response = model.generate_content(
    [Part.from_uri("{uri}", mime_type="{mime_type}"), "What is shown?"]
)
print(response.text)
"""

SCRIPT = """\
sees = false
hears = false

[[answers]]
when = "{words}"
chunks = ["It is on [/it]."]

[[answers]]
fail = {{ code = "NOT_FOUND", message = "It is not on it." }}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("buckets")
    buckets.make(folder)
    return folder


def test_all_objects_are_there(made: Path) -> None:
    files = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}

    assert files == set(buckets.NAMES)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_of_a_size_to_look_at(made: Path, name: str) -> None:
    with Image.open(made / name) as picture:
        picture.load()

    assert (picture.format, picture.size) == ("JPEG", (960, 640))


def test_the_film_has_pictures_and_a_soft_sound(made: Path) -> None:
    with av.open(str(made / FILM)) as film:
        names = [stream.codec_context.name for stream in film.streams]
    with av.open(str(made / FILM)) as film:
        sound = np.concatenate([frame.to_ndarray().ravel() for frame in film.decode(audio=0)])

    assert names == ["h264", "aac"]
    assert 0.02 < np.abs(sound).max() < 0.2


def test_each_scene_of_the_film_shows_another_animal(made: Path) -> None:
    frames = decoded(made / FILM)

    tiger, elephant, panda, again = (frames[number] for number in range(0, len(frames), len(frames) // 4))
    assert len(frames) == len(clip.SCENES) * clip.SCENE_SECONDS * clip.RATE
    assert difference(tiger, elephant) > 10
    assert difference(elephant, panda) > 10
    assert difference(tiger, again) < 3


def test_they_are_the_same_each_time(made: Path, tmp_path: Path) -> None:
    """Of the film what it shows: x264 does not always decide alike."""
    buckets.make(tmp_path)

    assert all((tmp_path / name).read_bytes() == (made / name).read_bytes() for name in PICTURES)
    pairs = zip(decoded(tmp_path / FILM), decoded(made / FILM), strict=True)
    assert all(difference(one, other) < 1 for one, other in pairs)


def decoded(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Of two pictures, on average, out of 255."""
    return float(np.abs(one.astype(int) - other).mean())


def test_a_server_is_told_where_they_are(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "geminid.toml"
    path.write_text(buckets.settings(made), encoding="utf-8")

    folders = load(path).media.buckets

    assert set(buckets.NAMES) == {
        f"{bucket}/{file.relative_to(folder).as_posix()}"
        for bucket, folder in folders.items()
        for file in Path(folder).rglob("*.*")
    }


@pytest.mark.parametrize(
    ("uri", "mime_type", "words"),
    [
        ("gs://generativeai-downloads/images/scones.jpg", "image/jpeg", "SCONES AND COFFEE"),
        (f"gs://{FILM}", "video/mp4", 'text \\"ELEPHANT\\"'),
    ],
)
def test_a_sample_is_told_what_is_written_in_its_media(
    tmp_path: Path, uri: str, mime_type: str, words: str
) -> None:
    (tmp_path / "page.txt").write_text(SAMPLE.format(uri=uri, mime_type=mime_type), encoding="utf-8")
    script = tmp_path / "answers.toml"
    script.write_text(SCRIPT.format(words=words), encoding="utf-8")

    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("run_samples.py"), tmp_path, "--engine", f"scripted:{script}"],
        capture_output=True, text=True, timeout=90,
    )  # fmt: skip

    assert done.stdout.splitlines()[-1] == "1 passed, 0 failed, 0 skipped", done.stdout + done.stderr
    assert "It is on [/it]." in done.stdout
