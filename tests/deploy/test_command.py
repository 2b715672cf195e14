"""``geminid deploy``, where Ray is not installed and nothing runs. With Ray: ``ray/``."""

from __future__ import annotations

import importlib.util
import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from geminid.cli.deploy import app
from geminid.deploy.ray_head import Heads
from geminid.deploy.serve_config import ENVIRONMENT


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GEMINID_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("GEMINID_CONFIG", raising=False)
    return tmp_path / "state"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_it_says_what_to_install() -> None:
    done = run("ray")

    assert done.exit_code == 1
    assert "pip install 'geminid[ray]'" in done.output


def test_what_cannot_be_deployed_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "geminid.toml").write_text('[deploy.ray]\nengine = "scripted"\n')

    done = run("ray", "--config", tmp_path / "geminid.toml")

    assert done.exit_code == 1
    assert done.output.startswith("geminid: [deploy.ray] `engine`")


def test_the_files_for_a_cluster_are_written_without_ray(tmp_path: Path) -> None:
    done = run("ray", "--write-only", tmp_path / "here")

    assert done.exit_code == 0
    (application,) = json.loads((tmp_path / "here" / "serve.json").read_text())["applications"]
    assert application["name"] == "geminid"
    written = dict(line.split("=", 1) for line in shlex.split((tmp_path / "here" / "ray.env").read_text()))
    assert written == dict(ENVIRONMENT)


@pytest.mark.parametrize(("command", "code"), [("status", 1), ("down", 0)])
def test_where_nothing_runs_it_says_so(command: str, code: int) -> None:
    done = run(command)

    assert (done.exit_code, done.output) == (code, "nothing runs\n")


def test_a_process_that_took_the_number_of_a_node_is_not_the_node(state: Path) -> None:
    state.mkdir()
    (state / "head.json").write_text(json.dumps({"pid": 1, "began": "0", "address": "a", "folder": "/tmp/none"}))

    assert Heads(state).find() is None
    assert Heads(state).stop() is None


def test_the_token_is_made_once_and_for_the_owner_alone(state: Path) -> None:
    heads = Heads(state)
    heads.make_token()
    first = heads.token.read_text()
    heads.make_token()

    assert heads.token.read_text() == first
    assert heads.token.stat().st_mode & 0o777 == 0o600
