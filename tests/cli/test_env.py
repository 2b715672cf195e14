"""``geminid env``: what it prints, and that clients which are given it reach the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from geminid.cli.ecosystems import Client

GEMINID = [sys.executable, "-m", "geminid"]


@pytest.fixture
def state(tmp_path: Path) -> dict[str, str]:
    """An environment in which geminid keeps its state in the test's folder."""
    return {"PATH": os.environ["PATH"], "GEMINID_STATE": str(tmp_path / "it's state"), "NO_COLOR": "1"}


def env(state: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*GEMINID, "env", *arguments], capture_output=True, text=True, timeout=60, env=state)


def table(state: dict[str, str], *arguments: str) -> Any:
    return json.loads(env(state, "--format", "json", *arguments).stdout)


def test_every_client_has_its_entry(state: dict[str, str]) -> None:
    assert list(table(state)) == [client.value for client in Client]


def test_no_two_clients_give_a_variable_different_values(state: dict[str, str]) -> None:
    values: dict[str, set[str]] = {}
    for entry in table(state).values():
        for name, value in entry["variables"].items():
            values.setdefault(name, set()).add(value)

    assert {name for name, meant in values.items() if len(meant) > 1} == set()


def test_a_posix_shell_can_evaluate_it(state: dict[str, str]) -> None:
    script = env(state).stdout + "\nenv"

    printed = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, env=state).stdout

    ca = Path(state["GEMINID_STATE"]) / "tls" / "ca.pem"
    assert f"NODE_EXTRA_CA_CERTS={ca}\n" in printed
    assert "GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:8080/#.googleapis.com\n" in printed


def test_the_files_that_it_names_are_there(state: dict[str, str]) -> None:
    entries = table(state)

    assert "BEGIN CERTIFICATE" in Path(entries["go"]["variables"]["SSL_CERT_FILE"]).read_text()
    assert "BEGIN CERTIFICATE" in Path(entries["node"]["variables"]["NODE_EXTRA_CA_CERTS"]).read_text()
    assert (Path(state["GEMINID_STATE"]) / "tls" / "truststore.p12").is_file()


def test_a_variable_is_printed_once(state: dict[str, str]) -> None:
    lines = [line for line in env(state).stdout.splitlines() if line.startswith("export ")]

    assert len({line.split("=")[0] for line in lines}) == len(lines)


def test_other_shells(state: dict[str, str]) -> None:
    assert "set -gx OPENAI_API_KEY 'local'" in env(state, "--format", "fish", "--client", "openai").stdout
    assert "$env:OPENAI_API_KEY = 'local'" in env(state, "--format", "powershell", "--client", "openai").stdout


def test_the_address_is_the_servers(state: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "geminid.toml"
    config.write_text("[server]\nport = 9000\ngrpc_port = 9001\ntls_port = 9443\n")

    dotnet = table(state, "--client", "dotnet", "--config", str(config))["dotnet"]

    assert '    new PredictionServiceClientBuilder { Endpoint = "localhost:9443" }.Build()' in dotnet["notes"]
    assert '        Endpoint = "127.0.0.1:9001",' in dotnet["notes"]
    assert dotnet["variables"]["GCE_METADATA_HOST"] == "127.0.0.1:9000"


def test_server_names_another_one(state: dict[str, str]) -> None:
    openai = table(state, "--client", "openai", "--server", "http://[::1]:9000", "--project", "mine")["openai"]

    base = "http://[::1]:9000/v1beta1/projects/mine/locations/us-central1/endpoints/openapi"
    assert openai["variables"]["OPENAI_BASE_URL"] == base


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--server", "localhost:8080"], "http://HOST:PORT"),
        (["--project", "a\nrm -rf x"], "is not a name"),
        (["--client", "cobol"], "cobol"),
        (["--tls-port", "0"], "a port of 0"),
    ],
)
def test_what_cannot_be_printed_says_why(state: dict[str, str], arguments: list[str], words: str) -> None:
    result = env(state, *arguments)

    assert result.returncode == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr
