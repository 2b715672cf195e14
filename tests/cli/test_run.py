"""``geminid run``: programs that know nothing of geminid, as its children. Needs no network."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

GEMINID = [sys.executable, "-m", "geminid"]
HOST = "https://us-central1-aiplatform.googleapis.com"
PARENT = "projects/p/locations/us-central1"
URL = f"{HOST}/v1/{PARENT}/publishers/google/models/gemini-1.5-flash-002"
ANSWER = "This is a scripted answer."

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
needs_node = pytest.mark.skipif(not shutil.which("node"), reason="needs node")


def run(*command: str, flags: tuple[str, ...] = (), **options: object) -> subprocess.CompletedProcess[str]:
    line = [*GEMINID, "run", "--engine", "scripted", *flags, "--", *command]
    return subprocess.run(line, **{"capture_output": True, "text": True, "timeout": 60, **options})  # type: ignore[call-overload, no-any-return]


def shell(script: str, *flags: str, **options: object) -> subprocess.CompletedProcess[str]:
    return run("sh", "-c", script, flags=flags, **options)


def python(script: str) -> str:
    """What a Python program prints that must succeed."""
    done = run(sys.executable, "-W", "ignore", "-c", textwrap.dedent(script))
    assert done.returncode == 0, done.stderr
    return done.stdout


# Clients, unchanged.


@needs_curl
def test_curl_with_a_token_of_gclouds() -> None:
    done = shell(
        'curl -sS -X POST -H "Authorization: Bearer $(gcloud auth print-access-token)" '
        '-H "Content-Type: application/json; charset=utf-8" '
        f"""-d '{{"contents": [{{"role": "user", "parts": [{{"text": "Hi"}}]}}]}}' {URL}:generateContent"""
    )

    assert done.returncode == 0, done.stderr
    assert ANSWER in done.stdout
    assert done.stderr == ""


def test_requests_and_httpx() -> None:
    printed = python(f"""
        import httpx, requests
        body = {{"contents": {{"parts": {{"text": "Hi"}}}}}}
        for client in (httpx, requests):
            print(client.post("{URL}:generateContent", json=body).status_code)
    """)

    assert printed == "200\n200\n"


def test_google_genai_with_default_credentials() -> None:
    printed = python("""
        import asyncio
        from google import genai
        for place in ("us-central1", "global", "us", "eu"):
            client = genai.Client(vertexai=True, location=place)
            print(client.models.generate_content(model="gemini-1.5-flash", contents="Hi").text)
        answer = client.aio.models.generate_content(model="gemini-1.5-flash", contents="Hi")
        print(asyncio.run(answer).text)
        client = genai.Client(api_key="any")
        print(client.models.generate_content(model="gemini-1.5-flash", contents="Hi").text)
    """)

    assert printed == f"{ANSWER}\n" * 6


def test_vertexai_with_default_credentials() -> None:
    printed = python("""
        import vertexai
        from vertexai.generative_models import GenerativeModel
        for transport in ("grpc", "rest"):
            vertexai.init(location="us-central1", api_transport=transport)
            model = GenerativeModel("gemini-1.5-flash-002")
            print(model.generate_content("Hi").text)
            print("".join(chunk.text for chunk in model.generate_content("Hi", stream=True)))
    """)

    assert printed == f"{ANSWER}\n" * 4


def test_openai_with_a_token_that_is_refreshed() -> None:
    printed = python(f"""
        import openai
        import google.auth.transport.requests
        from google.auth import default, transport
        credentials, project = default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
        credentials.refresh(transport.requests.Request())
        client = openai.OpenAI(base_url="{HOST}/v1beta1/{PARENT}/endpoints/openapi", api_key=credentials.token)
        message = {{"role": "user", "content": "Hi"}}
        model = "google/gemini-1.5-flash-002"
        chunks = client.chat.completions.create(model=model, messages=[message], stream=True)
        print(project, "".join(chunk.choices[0].delta.content for chunk in chunks))
    """)

    assert printed == f"local-project {ANSWER}\n"


NODE_CLIENTS = {
    "fetch": "const answer = await fetch(url, {method: 'POST', body, headers}); console.log(await answer.text());",
    "fetch that streams its body": """
        const stream = new Blob([body]).stream();
        const answer = await fetch(url, {method: 'POST', body: stream, duplex: 'half', headers});
        for await (const chunk of answer.body) console.log(Buffer.from(chunk).toString());
    """,
    "https.request": """
        const request = https.request(url, {method: 'POST', headers}, (answer) => answer.pipe(process.stdout));
        request.end(body);
    """,
    "https.request with an agent": """
        const agent = new https.Agent({keepAlive: false});
        const options = {method: 'POST', headers, agent};
        https.request(url, options, (answer) => answer.pipe(process.stdout)).end(body);
    """,
}


@needs_node
@pytest.mark.parametrize("client", NODE_CLIENTS.values(), ids=NODE_CLIENTS)
def test_node(client: str, tmp_path: Path) -> None:
    program = tmp_path / "program.mjs"
    program.write_text(f"""
        import https from 'node:https';
        const url = '{URL}:streamGenerateContent?alt=sse';
        const body = '{{"contents": {{"parts": {{"text": "Hi"}}}}}}';
        const headers = {{'content-type': 'application/json'}};
        {client}
    """)

    done = run("node", str(program))

    assert done.returncode == 0, done.stderr
    assert '"text": "This"' in done.stdout


# What is kept from the program.


@needs_curl
def test_other_hosts_are_refused_and_named_once() -> None:
    done = shell("curl -s https://example.com; curl -s https://example.com; curl -s http://example.org; true")

    assert done.stderr == (
        "geminid: refused a call to example.com; --allow-net lets such calls pass.\n"
        "geminid: refused a call to example.org; --allow-net lets such calls pass.\n"
    )


@needs_node
def test_nodes_fetch_is_refused_too() -> None:
    done = run("node", "-e", "fetch('https://example.com').catch(() => console.log('refused'))")

    assert done.stdout == "refused\n"


@needs_curl
def test_this_machine_is_reached_directly() -> None:
    script = f"{sys.executable} -m http.server --bind 127.0.0.1 0"
    with subprocess.Popen(
        script.split(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={"PYTHONUNBUFFERED": "1"}
    ) as server:
        assert server.stdout is not None
        found = re.search(r"port (\d+)", server.stdout.readline())
        assert found
        done = shell(f"curl -sS -o /dev/null -w '%{{http_code}}' http://localhost:{found[1]}/")
        server.kill()

    assert done.stdout == "200"


# How it ends.


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143)])
def test_the_exit_code_is_the_programs(script: str, code: int) -> None:
    done = shell(script)

    assert done.returncode == code
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("flags", "program", "code", "words"),
    [
        ((), "no-such-program", 127, "there is no program 'no-such-program'"),
        ((), "/etc/passwd", 126, "/etc/passwd cannot be executed"),
        (("--engine", "magic"), "true", 125, "'magic'"),
        (("--project", "a b"), "true", 125, "'a b' is not a name"),
        (("--server", "http://localhost:8080"), "true", 125, "https://HOST:PORT"),
        (("--server", "https://localhost:8443", "--ca", "/nowhere.pem"), "true", 125, "/nowhere.pem"),
    ],
)
def test_what_cannot_be_run_says_why(flags: tuple[str, ...], program: str, code: int, words: str) -> None:
    done = run(program, flags=flags)

    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_are_passed_on(number: signal.Signals, tmp_path: Path) -> None:
    name = number.name.removeprefix("SIG")
    script = f"trap 'echo got {name}; exit 3' {name}; echo ready; while :; do sleep 0.02; done"
    line = [*GEMINID, "run", "--engine", "scripted", "--", "sh", "-c", script]
    # In a session of its own there is no terminal, which would send the signal to both.
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, text=True, start_new_session=True, env=os.environ | {"TMPDIR": str(tmp_path)}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)

        assert process.stdout.read() == f"got {name}\n"
        assert process.wait(10) == 3
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    state, temporary = tmp_path / "state", tmp_path / "temporary"
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary), "GEMINID_STATE": str(state)}

    done = shell('stat -c %a "$(dirname "$GOOGLE_APPLICATION_CREDENTIALS")"', env=environment)

    assert done.stdout == "700\n"
    assert list(temporary.iterdir()) == []
    assert not state.exists()


# What the program finds.


def test_input_and_output_are_the_programs() -> None:
    assert run("cat", input="through\n").stdout == "through\n"


def test_gcloud_knows_tokens_and_the_project() -> None:
    done = shell(
        "gcloud config get-value project; gcloud config get project; gcloud auth print-access-token;"
        "gcloud auth application-default print-access-token; gcloud projects list",
        "--project",
        "mine",
    )

    assert re.fullmatch(r"mine\nmine\n(ya29\.[\w-]+\n)\1", done.stdout)
    assert done.returncode == 1
    assert "It was called as: gcloud projects list" in done.stderr


def test_what_is_the_programs_own_stays() -> None:
    environment = os.environ | {
        "MINE": "kept",
        "GOOGLE_CLOUD_LOCATION": "europe-west4",
        "OPENAI_API_KEY": "own",
        "NODE_OPTIONS": "--no-warnings",
        "no_grpc_proxy": "googleapis.com",
    }

    done = shell(
        'echo "$MINE $GOOGLE_CLOUD_LOCATION $OPENAI_API_KEY $NODE_OPTIONS $no_grpc_proxy"', env=environment
    )

    assert re.fullmatch(r'kept europe-west4 own --no-warnings --require ".*\.cjs" \n', done.stdout)


@needs_curl
def test_verbose_lists_the_calls() -> None:
    script = """curl -s -H 'Content-Type: application/json' -d '{"contents": {"parts": {"text": "Hi"}}}'"""

    done = shell(f"{script} {URL}:generateContent", "--verbose")

    assert "geminid: us-central1-aiplatform.googleapis.com:443 opened\n" in done.stderr
    assert re.search(r"geminid: GenerateContent gemini-1\.5-flash-002 OK .* ms\n", done.stderr)


# A server that runs already.


@contextmanager
def serving(state: Path) -> Iterator[str]:
    """A server's TLS address."""
    ports = ["--port", "0", "--grpc-port", "0", "--tls-port", "0"]
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "200", "GEMINID_STATE": str(state)}
    process = subprocess.Popen(
        [*GEMINID, "serve", "--engine", "scripted", *ports], stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stderr is not None
    try:
        said = ""
        for line in process.stderr:
            said += line
            if line == "ready\n":
                break
        found = re.search(r"TLS on 127\.0\.0\.1:(\d+)", said)
        assert found, said
        yield f"https://127.0.0.1:{found[1]}"
    finally:
        process.kill()
        process.communicate()


@needs_curl
def test_a_running_server_can_be_used(tmp_path: Path) -> None:
    script = """curl -sS -H 'Content-Type: application/json' -d '{"contents": {"parts": {"text": "Hi"}}}'"""
    with serving(tmp_path) as address:
        by_state = shell(
            f"{script} {URL}:generateContent",
            "--server",
            address,
            env=os.environ | {"GEMINID_STATE": str(tmp_path)},
        )
        by_file = shell(f"{script} {URL}:generateContent", "--server", address, "--ca", f"{tmp_path}/tls/ca.pem")

    assert ANSWER in by_state.stdout, by_state.stderr
    assert ANSWER in by_file.stdout, by_file.stderr
