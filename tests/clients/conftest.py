"""geminid as users run it, a process of its own on free ports, and programs that ask it by Google's libraries."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

PROMPT = "Why is the sky blue?"
TEXT = "This is a scripted answer."
SQUARE = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP8z4AdMOEQH6QSAM1BAQ/oQeJvAAAAAElFTkSuQmCC"
"""A picture, red, of 8 x 8 pixels."""
PAGE = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj\ntrailer<</Root 1 0 R>>\n"
)
"""A document of one empty page."""
PAPERS = ("2312.11805v3.pdf", "2403.05530.pdf")
"""What Google's pages on context caching keep, below ``gs://cloud-samples-data/generative-ai/pdf/``."""

LICENCE = (
    "Whoever holds a copy of this drawing may build from it, sell what was built, and change the drawing, as long "
    "as every changed copy says what was changed and by whom. The name of the first author stays on the drawing, "
    "and is not used to praise what others have built from it. Nobody promises that what is built will stand, "
    "float or fly, and whoever builds it answers for it alone."
)
BOOK = [
    f"On day {day} of the voyage the captain of the {ship} had {day + 7} barrels of fresh water counted, wrote it "
    f"into the log with a steady hand, and told the crew that land was less than {day * 3} days away."
    for day, ship in enumerate(["Albatross", "Bittern", "Curlew", "Dunlin", "Egret"] * 4, 1)
]
WORKS = {
    "licence.txt": (LICENCE, "--uri=https://a.test/licence --title=Licence --license=MIT-0 --date=2019-03-01"),
    "book.txt": (" ".join(BOOK), "--uri=https://a.test/book --title=Log --license=CC0-1.0 --date=1899-05"),
}
"""What the judged server recognises, and how `geminid citations add` is told of it."""
CATEGORIES = ("HATE_SPEECH", "DANGEROUS_CONTENT", "HARASSMENT", "SEXUALLY_EXPLICIT")
ANSWERS = {
    "mild": "It may be HARASSMENT:0.5/0.3 to some.",
    "harsh": "It may be HARASSMENT:0.9/0.3 to most.",
    "far": "Nothing here is harmful,| and this is long enough to be let out on its own, whatever comes after it "
    "in the rest of the answer.|HARASSMENT:HIGH",
    "quote": f"Voilà 🗻: {LICENCE}| As the log has it: {BOOK[8]}| So much for that.",
    "recite": "|".join(f"{word} " for word in " ".join(BOOK).split()[:400]),
}
"""What the judged server says where a question has this word, with its chunks parted."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running geminid. ``state`` is the folder where it keeps its certificates."""

    port: int
    grpc_port: int
    tls_port: int
    state: Path
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def grpc(self) -> str:
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def tls(self) -> str:
        return f"localhost:{self.tls_port}"

    @property
    def ca(self) -> Path:
        return self.state / "tls" / "ca.pem"


def _serve(state: Path, *flags: str) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-m", "geminid", "serve", "--port", "0", "--grpc-port", "0", "--tls-port", "0", *flags],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"NO_COLOR": "1", "GEMINID_STATE": str(state)},
    )
    assert process.stderr is not None
    try:
        ports: list[str] = []
        for line in process.stderr:
            ports += re.findall(r"127\.0\.0\.1:(\d+)", line)
            if line.startswith("ready"):
                break
        else:
            pytest.fail(f"geminid did not start, exit code {process.wait()}")
        port, grpc_port, tls_port = map(int, ports)
        yield Server(port, grpc_port, tls_port, state, process)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The default server: the embedded model."""
    yield from _serve(tmp_path_factory.mktemp("embedded"))


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that answers as `tools.toml` says."""
    script = Path(__file__).with_name("tools.toml")
    yield from _serve(tmp_path_factory.mktemp("tools"), "--engine", f"scripted:{script}")


@pytest.fixture(scope="session")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose answer is fixed; it has ``gs://bucket/a.png``, and ``PAPERS`` where Google has them."""
    folder = tmp_path_factory.mktemp("scripted")
    (folder / "bucket").mkdir()
    (folder / "bucket" / "a.png").write_bytes(base64.b64decode(SQUARE))
    papers = folder / "samples" / "generative-ai" / "pdf"
    papers.mkdir(parents=True)
    for name in PAPERS:
        (papers / name).write_bytes(PAGE)
    buckets = {"bucket": folder / "bucket", "cloud-samples-data": folder / "samples"}
    config = folder / "geminid.toml"
    lines = [f'{name} = "{path}"' for name, path in buckets.items()]
    config.write_text("\n".join(['engine = "scripted"', "[media.buckets]", *lines]))
    yield from _serve(folder, "--config", str(config))


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that rates texts as their marks say, and recognises a licence and a book."""
    folder = tmp_path_factory.mktemp("judged")
    for name, (text, details) in WORKS.items():
        (folder / name).write_text(text)
        command = [sys.executable, "-m", "geminid", "citations", "add", str(folder / name), *details.split()]
        subprocess.run(command, check=True, capture_output=True, env=os.environ | {"GEMINID_STATE": str(folder)})
    answers = [{"when": when, "chunks": said.split("|")} for when, said in ANSWERS.items()]
    (folder / "script.json").write_text(json.dumps({"answers": [*answers, {"chunks": [TEXT]}]}))
    config = folder / "geminid.toml"
    config.write_text(f'engine = "scripted:{folder / "script.json"}"\n[safety]\nrater = "scripted"\n')
    yield from _serve(folder, "--config", str(config))


Ask: TypeAlias = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(scripted: Server, tmp_path: Path) -> Ask:
    """Runs a program that asks the scripted server; gives back its report, the last line that it prints, in JSON.

    Its environment says where the server is and whom to trust, and has default credentials from the server's
    metadata endpoint. Keywords are more variables, or another server. Of a report, streams are joined.
    """

    def ask(*command: str | Path, server: Server = scripted, **variables: str) -> dict[str, Any]:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=tmp_path,
            env=_environment(server, tmp_path) | variables,
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert done.returncode == 0, done.stderr
        report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        for name in report.keys() & {"stream", "async_stream"}:
            assert len(report[name]) > 1, "a stream came as one piece"
            report[name] = "".join(report[name])
        if "models" in report:
            report["models"] = "gemini-2.5-flash" in report["models"]
        return report

    return ask


def _environment(server: Server, home: Path) -> dict[str, str]:
    metadata = server.url.removeprefix("http://")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PROMPT": PROMPT,
        "GEMINID_URL": server.url,
        "GEMINID_TLS": server.tls,
        "GCE_METADATA_HOST": metadata,
        "GCE_METADATA_IP": metadata,
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(server.ca),
        "NODE_EXTRA_CA_CERTS": str(server.ca),
        "SSL_CERT_FILE": str(server.ca),
    }


@pytest.fixture
def genai_variables(scripted: Server) -> dict[str, str]:
    """What `geminid env` prints for google-genai and @google/genai; the program's code then says nothing of it."""
    return {
        "GOOGLE_GENAI_USE_VERTEXAI": "true",
        "GOOGLE_CLOUD_PROJECT": "p",
        "GOOGLE_CLOUD_LOCATION": "us-central1",
        "GOOGLE_GEMINI_BASE_URL": f"{scripted.url}/#.googleapis.com",
        "GOOGLE_VERTEX_BASE_URL": scripted.url,
    }


@pytest.fixture(scope="session")
def expected() -> dict[str, Any]:
    """What programs report: each of them reports a part of this."""
    return {
        "text": TEXT,
        "finish": "STOP",
        "usage": [6, 6, 12],
        "stream": TEXT,
        "stream_finish": "STOP",
        "async": TEXT,
        "async_stream": TEXT,
        "chat": TEXT,
        "counted": 6,
        "computed": 6,
        "model": True,
        "models": True,
        "object": {"title": "1", "kind": "bread"},
        "called": ["get_time", {"zone": "1"}],
    }


@pytest.fixture(scope="session")
def expected_of_vertexai() -> dict[str, Any]:
    """What `tools_vertexai.py` reports."""
    paris, rome = ["get_weather", {"city": "Paris"}], ["get_weather", {"city": "Rome"}]
    texts = ["It is sunny in Paris.", "It is warmer in Paris."]
    return {
        "by_hand": [[paris], [paris, rome], texts, ["user", "model"] * 4],
        "by_itself": [*texts, TEXT],
        "any": [["get_weather", {"city": "1"}]],
        "allowed": [["get_time", {"zone": "Europe/Rome", "hours": 1}]],
        "auto": TEXT,
        "none": TEXT,
        "object": '{"grams": [1, 1], "title": "1", "kind": "bread"}',
        "enum": "bread",
        "candidates": [[0, TEXT], [1, TEXT], [2, TEXT]],
        "usage": [1, 18],
        "average": -0.375,
        "chosen": [["Blue", -0.25], [".", -0.5]],
    }


@pytest.fixture(scope="session")
def expected_of_judged() -> dict[str, Any]:
    """What programs report of the judged server: each of them reports a part of this."""
    said = {when: answer.replace("|", "") for when, answer in ANSWERS.items()}
    return {
        "text": said["mild"],
        "ratings": [[name, "LOW" if name == "HARASSMENT" else "NEGLIGIBLE"] for name in CATEGORIES],
        "scores": [0.5, "LOW", 0.3],
        "blocked_prompt": ["SAFETY", ["HARASSMENT"]],
        "blocked_answer": ["SAFETY", ["HARASSMENT"]],
        "tolerated": said["harsh"],
        "by_severity": said["harsh"],
        "let_out": said["far"].removesuffix("HARASSMENT:HIGH"),
        "ended": "SAFETY",
        "cited": [
            [LICENCE.rstrip("."), "https://a.test/licence", "MIT-0"],
            [BOOK[8].rstrip("."), "https://a.test/book", "CC0-1.0"],
        ],
        "told": [["Licence", 2019, 3, 1], ["Log", 1899, 5, 0]],
        "cited_in_stream": 2,
        "recited": "RECITATION",
        "candidates_of_blocked": [0, 0],
        "raised": [["ValueError", True]] * 2 + [["ResponseValidationError", True]] * 3,
        "history": 0,
        "thrown": [
            "Text not available. Response was blocked due to SAFETY",
            "Candidate was blocked due to SAFETY",
        ],
    }


@pytest.fixture
def caches_variables() -> dict[str, str]:
    """What the programs that keep contents are told: a project of their own, and what they put into caches."""
    return {
        "PROJECT": f"project-{uuid.uuid4().hex[:8]}",
        "SYSTEM": "You read closely.",
        "PAPERS": " ".join(f"gs://cloud-samples-data/generative-ai/pdf/{name}" for name in PAPERS),
        "PAGE": base64.b64encode(PAGE).decode(),
        "PICTURE": SQUARE,
    }


@pytest.fixture(scope="session")
def expected_of_caches() -> dict[str, Any]:
    """What programs that keep contents report: each of them reports a part of this.

    ``usage`` is of the prompt, what is cached of it, and all; ``lives`` are seconds; ``gone`` is what a cache that
    was deleted gives when it is used and when it is looked for.
    """
    return {
        "made": ["papers", 520],
        "named": True,
        "text": TEXT,
        "stream": TEXT,
        "usage": [526, 520, 532],
        "usage_in_stream": [526, 520, 532],
        "details": [["DOCUMENT", 516], ["TEXT", 4]],
        "listed": True,
        "got": ["papers", True],
        "lives": [3600, 7200],
        "until": True,
        "gone": [404, 404],
        "called": ["get_time", {"zone": "1"}],
        "of_all": True,
        "pictured": ["IMAGE", 258],
        "async": [TEXT, TEXT],
        "async_usage": [526, 520, 532],
        "async_lives": [3600, 7200],
        "async_listed": True,
        "async_gone": [404],
    }
