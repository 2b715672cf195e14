"""``geminid check`` finds what is wrong."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from geminid.cli import app


def check(*flags: str) -> Result:
    return CliRunner().invoke(
        app, ["check", "--grpc-port", "0", "--tls-port", "0", *flags], env={"COLUMNS": "200"}
    )


@pytest.mark.model
def test_a_good_installation_is_all_ok() -> None:
    result = check("--port", "0")

    assert result.exit_code == 0, result.output
    assert "wrong" not in result.output
    assert "weights smollm2-135m" in result.output
    assert "llama.cpp: loads" in result.output


def test_a_list_that_cannot_be_read_is_found(tmp_path: Path) -> None:
    config = tmp_path / "geminid.toml"
    config.write_text('engine = "scripted"\n[safety]\nblocklists = ["nowhere.txt"]\n')

    result = check("--port", "0", "--config", str(config))

    assert result.exit_code == 1
    assert "nowhere.txt" in result.output


def test_advice_keeps_its_brackets(tmp_path: Path) -> None:
    config = tmp_path / "geminid.toml"
    config.write_text('engine = "scripted"\n[media.buckets]\nshelf = "nowhere"\n')

    result = check("--port", "0", "--config", str(config))

    assert "[media] buckets.shelf is 'nowhere'" in result.output


def test_a_taken_port_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = check("--engine", "scripted", "--port", str(taken.getsockname()[1]))

    assert result.exit_code == 1
    assert "taken by another program" in result.output
    assert "--port" in result.output


def test_missing_weights_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINID_CACHE", str(tmp_path))

    result = check("--port", "0")

    assert result.exit_code == 1
    assert "not here yet" in result.output
    assert "geminid models pull smollm2-135m" in result.output


def test_damaged_weights_are_found(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"not a model")
    config = tmp_path / "geminid.toml"
    config.write_text(
        'engine = "mine"\n[weights.mine]\ncontext_tokens = 512\n'
        f'source = "file:{tmp_path / "model.gguf"}"\nsha256 = "{"0" * 64}"\n'
    )

    result = check("--port", "0", "--config", str(config))

    assert result.exit_code == 1
    assert "is damaged" in result.output


def test_an_engine_that_does_not_answer_is_found() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        result = check("--port", "0", "--engine", f"http://127.0.0.1:{closed.getsockname()[1]}/v1")

    assert result.exit_code == 1
    assert "Connection refused" in result.output


def test_a_mistake_in_the_configuration_is_found(tmp_path: Path) -> None:
    config = tmp_path / "geminid.toml"
    config.write_text("[server]\nprot = 1\n")

    result = check("--config", str(config))

    assert result.exit_code == 1
    assert "unknown field `prot`" in result.output
