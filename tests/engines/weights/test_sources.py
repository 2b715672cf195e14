"""Source strings: what they mean, and what is shown of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from geminid.engines.weights import WeightsError
from geminid.engines.weights.sources import Disk, Hub, Index, Source, Web, parse, shown


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("hf:ggml-org/tiny-GGUF/tiny.gguf", Hub("ggml-org/tiny-GGUF", "main", "tiny.gguf")),
        ("hf:a/b@0f1e/sub/tiny.gguf", Hub("a/b", "0f1e", "sub/tiny.gguf")),
        ("pypi:llm-x==0.1.2/llm_x/m.gguf", Index("llm-x", "0.1.2", "llm_x/m.gguf")),
        ("pypi:llm-x==0.1.2", Index("llm-x", "0.1.2", "")),
        ("https://example.com/a/m.gguf?x=1", Web("https://example.com/a/m.gguf?x=1")),
        ("file:/models/50%20.gguf", Disk(Path("/models/50%20.gguf"))),
        ("file:///models/my%20model.gguf", Disk(Path("/models/my model.gguf"))),
    ],
)
def test_every_form_is_understood(text: str, source: Source) -> None:
    assert parse(text) == source


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tiny.gguf",
        "hf:tiny.gguf",
        "hf:a/b/../c.gguf",
        "hf:a/b",
        "pypi:llm-x/m.gguf",
        "pypi:llm-x>=1/m.gguf",
        "https://example.com",
        "https://example.com:port/m.gguf",
        "https://[::1/m.gguf",
        "ftp://example.com/m.gguf",
        "file:models/m.gguf",
    ],
)
def test_anything_else_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(WeightsError, match=r"is not a source of a model file\. Give hf:OWNER/REPO"):
        parse(text)


def test_a_refusal_does_not_show_credentials() -> None:
    with pytest.raises(WeightsError) as caught:
        parse("ftp://ann:secret@example.com/m.gguf")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("https://ann:p@w@example.com:8443/m.gguf?key=1#x", "https://example.com:8443/m.gguf"),
        ("https://example.com/a@b.gguf", "https://example.com/a@b.gguf"),
    ],
)
def test_what_is_shown_holds_no_secrets(url: str, what: str) -> None:
    assert shown(url) == what


def test_a_file_name_is_fit_for_every_disk() -> None:
    source = parse("https://example.com/models/m%2F..%5C%3Ax.gguf")

    assert isinstance(source, Web)
    assert source.file_name == "..__x.gguf"
