"""``geminid models``, as a person or a script calls it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from geminid.cli.models import app
from geminid.engines.weights import CATALOGUE

DATA = b"GGUF" + bytes(range(256)) * 40


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def folder_url(tmp_path: Path) -> Iterator[str]:
    """An address that serves ``tmp_path/site``, with ``m.gguf`` in it."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "m.gguf").write_bytes(DATA)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("GEMINID_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GEMINID_CONFIG", raising=False)
    return tmp_path / "cache" / "weights"


@pytest.fixture
def config(tmp_path: Path, folder_url: str) -> str:
    """A geminid.toml with weights of its own, ``mine``."""
    path = tmp_path / "geminid.toml"
    path.write_text(
        f"""
        [weights.mine]
        source = "{folder_url}/m.gguf"
        sha256 = "{hashlib.sha256(DATA).hexdigest()}"
        context_tokens = 2048
        """
    )
    return str(path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_without_a_command_the_known_models_are_listed() -> None:
    done = run()

    assert done.exit_code == 0
    for name in CATALOGUE:
        assert f"\n{name} " in done.stdout
    row = next(line for line in done.stdout.splitlines() if line.startswith("gemma3-4b"))
    assert row.split() == [
        "gemma3-4b", "4B", "3.3", "GB", "Gemma", "Terms", "of", "Use*", "yes", "hf:ggml-org/gemma-3-4b-it-GGUF",
    ]  # fmt: skip


def test_the_list_says_which_terms_bind() -> None:
    assert "Whoever fetches these agrees to their terms" in run().stdout
    assert "Gemma Terms of Use: https://ai.google.dev/gemma/terms" in run().stdout


def test_the_list_says_what_is_made_of_a_model() -> None:
    assert (
        "\nsmollm2-135m is served as SmolLM2-135M-Instruct.Q8_0.gguf, made of what is fetched: 144.8 MB more.\n"
    ) in run().stdout


def test_pull_fetches_and_prints_the_path_alone(config: str, cache: Path) -> None:
    done = run("--config", config, "pull", "mine")

    assert done.exit_code == 0
    path = Path(done.stdout.strip())
    assert path.parent == cache
    assert path.read_bytes() == DATA
    assert done.stderr.startswith("m.gguf: 0.0 MB\n")


def test_pull_says_nothing_more_the_second_time(config: str) -> None:
    first = run("--config", config, "pull", "mine")

    again = run("--config", config, "pull", "mine")

    assert (again.stdout, again.stderr) == (first.stdout, "")


def test_path_is_the_file_once_it_is_here(config: str) -> None:
    before = run("--config", config, "path", "mine")
    pulled = run("--config", config, "pull", "mine")
    after = run("--config", config, "path", "mine")

    assert before.exit_code == 1
    assert before.stderr == "geminid: mine is not here yet. Fetch it: geminid models pull mine\n"
    assert after.stdout == pulled.stdout
    assert "mine" in run("--config", config).stdout


def test_what_is_here_is_marked_in_the_list(config: str) -> None:
    run("--config", config, "pull", "mine")

    row = next(line for line in run("--config", config).stdout.splitlines() if line.startswith("mine"))
    assert " yes " in row


def test_only_a_model_that_sees_has_a_second_file(config: str) -> None:
    done = run("--config", config, "path", "--projector", "mine")

    assert done.stderr == "geminid: mine does not see images: it has no second file.\n"


def test_terms_are_shown_and_not_agreed_to_by_silence() -> None:
    done = run("pull", "gemma3-1b")

    assert done.exit_code == 1
    assert "is under the Gemma Terms of Use: https://ai.google.dev/gemma/terms" in done.stderr
    assert "geminid models pull --accept-licence gemma3-1b" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="has no pseudo-terminals")
def test_a_person_is_asked_to_agree() -> None:
    keyboard, terminal = os.openpty()
    command = [sys.executable, "-c", "from geminid.cli.models import app; app()", "pull", "gemma3-1b"]
    os.write(keyboard, b"n\n")

    done = subprocess.run(command, stdin=terminal, capture_output=True, text=True, timeout=60, check=False)

    os.close(keyboard)
    os.close(terminal)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Do you agree to these terms? [y/N] " in done.stderr


def test_a_failure_is_one_line_and_a_status(config: str, tmp_path: Path) -> None:
    (tmp_path / "site" / "m.gguf").unlink()

    done = run("--config", config, "pull", "mine")

    assert done.exit_code == 1
    assert done.stderr.startswith("geminid: http://127.0.0.1:")
    assert done.stderr.endswith("/m.gguf does not exist (404).\n")


def test_an_unknown_name_brings_the_known_ones() -> None:
    done = run("pull", "gpt5")

    assert done.exit_code == 1
    assert done.stderr.startswith("geminid: 'gpt5' is not a known model. Known are smollm2-135m, ")


def test_a_pin_that_is_wrong_is_told(tmp_path: Path) -> None:
    path = tmp_path / "geminid.toml"
    path.write_text('[weights.mine]\nsource = "file:/m.gguf"\nsha256 = "x"\ncontext_tokens = 1\n')

    assert run("--config", str(path)).stderr == (
        "geminid: sha256 must be 64 lower-case hexadecimal digits, not 'x'.\n"
    )


def test_importing_it_loads_no_network_library() -> None:
    code = "import sys, geminid.cli.models; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"huggingface_hub", "aiohttp", "urllib.request"} & set(done.stdout.split())
