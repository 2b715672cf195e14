from __future__ import annotations

from pathlib import Path

import pytest

from geminid.settings import Llama, OpenAI, Scripted, Server, Settings, SettingsError, load

FILE = """
engine = "gpu"

[server]
port = 9000

[engines.gpu]
kind = "openai"
url = "http://10.0.0.5:8000/v1"
model = "Qwen/Qwen3-8B"

[models."gemini-1.5-pro"]
engine = "qwen2.5-0.5b"

[models.house-model]
like = "gemini-1.5-flash-002"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "geminid.toml"
    path.write_text(text)
    return path


def test_without_a_file_there_are_defaults() -> None:
    assert load(None) == Settings(engine="llama", server=Server(host="127.0.0.1", port=8080))


def test_a_file_overlays_the_defaults(tmp_path: Path) -> None:
    settings = load(written(tmp_path, FILE))

    assert settings.server == Server(port=9000)
    assert settings.engine_of(settings.engine) == OpenAI(url="http://10.0.0.5:8000/v1", model="Qwen/Qwen3-8B")
    assert settings.models["house-model"].like == "gemini-1.5-flash-002"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[server]\nprot = 1", "unknown field `prot` - at `$.server`"),
        ("[server]\nport = 70000", "`$.server.port`"),
        ("[engines.x]\nkind = 'magic'", "`$.engines[...].kind`"),
        ("engine = ", "Invalid value"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)

    with pytest.raises(SettingsError) as error:
        load(path)

    assert str(path) in str(error.value)
    assert words in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot read .*nowhere.toml: No such file"):
        load(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("expression", "engine"),
    [
        ("llama", Llama()),
        ("qwen2.5-0.5b", Llama(weights="qwen2.5-0.5b")),
        ("scripted", Scripted()),
        ("scripted:answers.toml", Scripted(script="answers.toml")),
        ("http://localhost:8000/v1", OpenAI(url="http://localhost:8000/v1")),
        ("https://host/v1#some/model", OpenAI(url="https://host/v1", model="some/model")),
    ],
)
def test_engine_expressions(expression: str, engine: object) -> None:
    assert Settings().engine_of(expression) == engine
