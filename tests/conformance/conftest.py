"""Servers to ask, each a process of its own, and what a schema means, worked out apart from geminid's own code."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators

MODEL = "gemini-2.5-flash"
ADDRESS = "GEMINID_CONFORMANCE_URL"
HERE = Path(__file__).parent
PATIENCE = 60.0
"""Seconds for one answer."""
SAMPLE = 8
"""One in so many."""


@dataclass(frozen=True, slots=True)
class Server:
    """One model of one server."""

    http: httpx.Client
    model: str = MODEL

    def ask(self, contents: Any, **request: Any) -> dict[str, Any]:
        """The answer of generateContent; ``contents`` may be a text. Keywords are fields of the request."""
        answer = self.http.post(f"{self._path}:generateContent", json=_request(contents, request))
        assert answer.status_code == 200, answer.text
        whole: dict[str, Any] = answer.json()
        return whole

    def stream(self, contents: Any, **request: Any) -> list[dict[str, Any]]:
        """The chunks of streamGenerateContent."""
        path = f"{self._path}:streamGenerateContent?alt=sse"
        with self.http.stream("POST", path, json=_request(contents, request)) as answer:
            body = answer.read().decode("utf-8")
        assert answer.status_code == 200, body
        return [json.loads(line.removeprefix("data: ")) for line in body.splitlines() if line]

    @property
    def _path(self) -> str:
        return f"/v1/projects/p/locations/us-central1/publishers/google/models/{self.model}"


def _request(contents: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(contents, str):
        contents = {"role": "user", "parts": [{"text": contents}]}
    return {"contents": contents, **request}


@contextmanager
def _serve(state: Path, *flags: str) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-m", "geminid", "serve", "--port", "0", "--grpc-port", "0", "--tls-port", "0", *flags],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"NO_COLOR": "1", "GEMINID_STATE": str(state)},
    )
    assert process.stderr is not None
    try:
        banner = ""
        for line in process.stderr:
            banner += line
            if line.startswith("ready"):
                break
        else:
            pytest.fail(f"geminid did not start, exit code {process.wait()}: {banner}")
        found = re.search(r"http://127\.0\.0\.1:\d+", banner)
        assert found, banner
        with httpx.Client(base_url=found[0], timeout=PATIENCE) as http:
            yield Server(http)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


Start: TypeAlias = Callable[[str], Server]


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """The server of such a name, started when it is first asked for."""
    running: dict[str, Server] = {}
    with ExitStack() as stack:

        def started(name: str) -> Server:
            if name not in running:
                state = tmp_path_factory.mktemp("state")
                serving = _addressed() if name == "address" else _serve(state, *_flags(name))
                running[name] = stack.enter_context(serving)
            return running[name]

        yield started


def _flags(name: str) -> list[str]:
    match name:
        case "embedded":
            return []
        case "scripted":
            return ["--engine", name]
        case "pool":
            return ["--config", str(HERE / "pool.toml")]
    return ["--config", name]


@contextmanager
def _addressed() -> Iterator[Server]:
    with httpx.Client(base_url=os.environ[ADDRESS], timeout=PATIENCE) as http:
        yield Server(http, os.environ.get("GEMINID_CONFORMANCE_MODEL", MODEL))


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, started: Start) -> Server:
    """Each of the servers in turn."""
    return started(request.param)


@pytest.fixture(scope="session")
def llama(request: pytest.FixtureRequest, started: Start) -> Server:
    """Each of those that have llama.cpp and the default weights behind them."""
    return started(request.param)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine",
        action="append",
        help="what to ask all of it: embedded, pool, scripted, address, or a configuration file of a server that "
        "has the default weights behind it, by llama.cpp",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``address`` is any server: GEMINID_CONFORMANCE_URL is where, GEMINID_CONFORMANCE_MODEL which model of it."""
    usual = ["embedded", "pool", "scripted", *(["address"] if ADDRESS in os.environ else [])]
    names = metafunc.config.getoption("--engine", None) or usual
    of_llama = [name for name in names if name not in ("scripted", "address")]
    for fixture, asked in (("server", names), ("llama", of_llama)):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, [*map(_param, asked)], indirect=True, scope="session")


def _param(name: str) -> Any:
    match name:
        case "scripted":
            return pytest.param(name)
        case "address":
            return pytest.param(name, marks=pytest.mark.address)
    return pytest.param(name, id=Path(name).stem, marks=pytest.mark.model)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where nobody says whom to ask, the pool is asked a sample: it has the model of the embedded engine."""
    if config.getoption("--engine", None):
        return
    of_pool = [item for item in items if item.path.parent == HERE and "pool" in _params(item).values()]
    left_out = {item for number, item in enumerate(of_pool) if number % SAMPLE}
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


def _params(item: pytest.Item) -> Mapping[str, Any]:
    return item.callspec.params if hasattr(item, "callspec") else {}


class Validate(Protocol):
    def __call__(
        self, value: Any, *, schema: Any = None, json_schema: Any = None, ordered: bool = False
    ) -> None: ...


@pytest.fixture(scope="session")
def validate() -> Validate:
    """Raises for a value that is not what a schema asks for, in Google's form or in JSON Schema's.

    ``ordered`` also wants its properties in the order in which the schema has them.
    """

    def validate(value: Any, *, schema: Any = None, json_schema: Any = None, ordered: bool = False) -> None:
        meant = json_schema if schema is None else _meaning(schema)
        judge = _InOrder if ordered else Draft202012Validator
        judge.check_schema(meant)
        judge(meant, format_checker=_FORMATS).validate(value)

    return validate


def _in_order(
    validator: Any, properties: Mapping[str, Any], instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if validator.is_type(instance, "object"):
        come = [name for name in instance if name in properties]
        asked = [name for name in properties if name in instance]
        if come != asked:
            yield ValidationError(f"the order of properties is {come}, not {asked}")
    yield from Draft202012Validator.VALIDATORS["properties"](validator, properties, instance, schema)


_InOrder = validators.extend(Draft202012Validator, {"properties": _in_order})

_SAME_IN_BOTH = ("enum", "pattern", "minimum", "maximum", "required")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_NO_FORMATS = ("enum", "int32", "int64", "float", "double")


def _meaning(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Google's Schema as JSON Schema, with its properties in the order asked for."""
    meant = {key: schema[key] for key in _SAME_IN_BOTH if key in schema}
    meant |= {key: int(schema[key]) for key in _COUNTS if key in schema}
    if "type" in schema:
        meant["type"] = schema["type"].lower()
    if schema.get("format", "enum") not in _NO_FORMATS:
        meant["format"] = schema["format"]
    if "properties" in schema:
        names = schema.get("propertyOrdering", schema["properties"])
        meant["properties"] = {name: _meaning(schema["properties"][name]) for name in names}
        meant["additionalProperties"] = False
    if "items" in schema:
        meant["items"] = _meaning(schema["items"])
    if "anyOf" in schema:
        meant["anyOf"] = [_meaning(branch) for branch in schema["anyOf"]]
    return {"anyOf": [meant, {"type": "null"}]} if schema.get("nullable") else meant


_FORMATS = FormatChecker()
"""jsonschema checks times only with packages that it does not bring along."""


@_FORMATS.checks("date-time", ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(_for_python(value)).tzinfo is not None


@_FORMATS.checks("time", ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or time.fromisoformat(_for_python(value)).tzinfo is not None


@_FORMATS.checks("date", ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or bool(date.fromisoformat(value))


def _for_python(value: str) -> str:
    """RFC 3339 knows second 60 and small letters, Python does not."""
    return re.sub(r":60(?=\D|$)", ":59", value.upper())
