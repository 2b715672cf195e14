"""``deploy/nginx/geminid.conf``: two servers on one PostgreSQL, of which one is killed under load."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import grpc.aio
import psycopg
import pytest

from geminid.doors.authority import Authority
from geminid.wire.content import Content, Part
from geminid.wire.generation import GenerateContentRequest
from geminid.wire.proto import ProtoCodec

ROOT = Path(__file__).parents[2]
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
MODEL = "projects/p/locations/l/publishers/google/models/gemini-2.5-flash"
BODY = {"contents": {"role": "user", "parts": {"text": "Hello"}}}
SERVICE = "/google.cloud.aiplatform.v1.PredictionService"
REQUEST = ProtoCodec("v1").encode(
    GenerateContentRequest(model=MODEL, contents=[Content(role="user", parts=[Part(text="Hello")])])
)

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


def _postgresql() -> Any:
    """The fixture of the tests of storage."""
    path = ROOT / "tests" / "storage" / "sql" / "conftest.py"
    spec = importlib.util.spec_from_file_location("postgresql_for_nginx", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.postgresql.__wrapped__


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of an empty one, on a server of PostgreSQL."""
    fixture = _postgresql()()
    server = next(fixture)
    yield server.new_database()
    next(fixture, None)


class Server:
    """One geminid, on ports that stay its own."""

    def __init__(self, config: Path, state: Path, port: int, grpc_port: int) -> None:
        self.port, self.grpc_port, self.state = port, grpc_port, state
        self._config = config
        self.process: subprocess.Popen[str]

    def start(self) -> None:
        ports = ["--port", str(self.port), "--grpc-port", str(self.grpc_port), "--tls-port", "0"]
        command = [sys.executable, "-m", "geminid", "serve", "--config", str(self._config), *ports]
        environment = os.environ | {"GEMINID_STATE": str(self.state), "NO_COLOR": "1"}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line == "ready\n":
                return
        raise AssertionError("it did not start")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def nginx(folder: Path, servers: list[Server], authority: Authority, port: int) -> Iterator[None]:
    """The configuration as it stands, but for addresses, ports and files; ``port`` is that of TLS."""
    certificate = authority.certificate()
    text = (ROOT / "deploy" / "nginx" / "geminid.conf").read_text()
    for number, server in enumerate(servers, 11):
        text = text.replace(f"10.0.0.{number}:8080", f"127.0.0.1:{server.port}")
        text = text.replace(f"10.0.0.{number}:8081", f"127.0.0.1:{server.grpc_port}")
    text = text.replace("listen 443", f"listen 127.0.0.1:{port}")
    text = text.replace("/etc/ssl/geminid.pem", str(certificate.chain))
    text = text.replace("/etc/ssl/geminid.key", str(certificate.key))
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    whole = (
        f"{user}daemon off;\npid {folder}/pid;\nerror_log {folder}/errors;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{text}\n}}\n"
    )
    config = folder / "nginx.conf"
    config.write_text(whole)
    assert NGINX is not None
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(config), "-e", str(folder / "errors")])
    try:
        deadline = time.monotonic() + 10
        while not _listens(port) and time.monotonic() < deadline:
            assert process.poll() is None, (folder / "errors").read_text()
        yield
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


@dataclass(slots=True)
class Seen:
    """What clients saw. A stream that broke off had begun; an RPC that was lost is UNAVAILABLE."""

    unary: int = 0
    streams: int = 0
    broken_streams: int = 0
    rpcs: int = 0
    lost_rpcs: int = 0
    wrong: list[str] = field(default_factory=list)


async def load(url: str, target: str, authority: Authority, seen: Seen, first: int, ended: asyncio.Event) -> None:
    """Calls of each kind in turn, from the ``first`` kind on: clients would go in step otherwise."""
    context = ssl.create_default_context(cafile=str(authority.ca))
    credentials = grpc.ssl_channel_credentials(authority.ca.read_bytes())
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
        grpc.aio.secure_channel(target, credentials) as channel,
    ):
        kinds = [
            lambda: _unary(session, url, seen),
            lambda: _stream(session, url, seen),
            lambda: _rpc(channel, seen),
        ]
        number = first
        while not ended.is_set():
            await kinds[number % 3]()
            number += 1


async def _unary(session: aiohttp.ClientSession, url: str, seen: Seen) -> None:
    async with session.post(f"{url}:generateContent", json=BODY) as answer:
        seen.unary += answer.status == 200
        if answer.status != 200:
            seen.wrong.append(f"unary {answer.status}")


async def _stream(session: aiohttp.ClientSession, url: str, seen: Seen) -> None:
    async with session.post(f"{url}:streamGenerateContent?alt=sse", json=BODY) as answer:
        if answer.status != 200:
            seen.wrong.append(f"stream {answer.status}")
            return
        try:
            whole = await answer.read()
        except aiohttp.ClientPayloadError:
            seen.broken_streams += 1
            return
        if b'"finishReason"' in whole:
            seen.streams += 1
        else:
            seen.wrong.append(f"a stream that seemed complete: {whole!r}")


async def _rpc(channel: grpc.aio.Channel, seen: Seen) -> None:
    try:
        await channel.unary_unary(f"{SERVICE}/GenerateContent")(REQUEST)
        seen.rpcs += 1
    except grpc.aio.AioRpcError as error:
        seen.lost_rpcs += error.code() is grpc.StatusCode.UNAVAILABLE
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            seen.wrong.append(f"rpc {error.code()} {error.details()}")


@pytest.mark.timeout(120)
async def test_a_server_dies_and_comes_back_under_load(
    tmp_path: Path, database: str, free_port: Callable[[], int]
) -> None:
    script = tmp_path / "script.json"
    chunks = ["one", {"text": " two", "delay_ms": 150}, {"text": " three", "delay_ms": 150}]
    script.write_text(json.dumps({"answers": [{"first_delay_ms": 50, "chunks": chunks}]}))
    config = tmp_path / "geminid.toml"
    config.write_text(f'engine = "scripted:{script}"\n[safety]\nrater = "none"\n[storage]\nurl = "{database}"\n')
    servers = [Server(config, tmp_path / name, free_port(), free_port()) for name in ("one", "two")]
    authority = Authority(tmp_path / "tls", names=["localhost"])
    seen, ended = Seen(), asyncio.Event()
    with ExitStack() as stack:
        for server in servers:
            await asyncio.to_thread(server.start)
            stack.callback(lambda server=server: server.kill())
        folder = tmp_path / "nginx"
        folder.mkdir()
        port = free_port()
        stack.enter_context(nginx(folder, servers, authority, port))
        url, target = f"https://localhost:{port}/v1/{MODEL}", f"localhost:{port}"
        clients = [asyncio.create_task(load(url, target, authority, seen, number, ended)) for number in range(12)]

        await _reaches(seen, 30)
        servers[0].kill()
        await _reaches(seen, 100)
        await asyncio.to_thread(servers[0].start)
        before = answered_by(servers[0])
        await _reaches(seen, 300)
        ended.set()
        await asyncio.gather(*clients)
        assert seen.wrong == []
        assert seen.broken_streams + seen.lost_rpcs <= len(clients)
        assert answered_by(servers[0]) > before
        for server in servers:
            await asyncio.to_thread(server.stop)
    assert recorded(database) >= seen.unary + seen.streams + seen.rpcs


async def _reaches(seen: Seen, count: int) -> None:
    async with asyncio.timeout(60):
        while seen.unary < count:  # noqa: ASYNC110 - clients are counted, they tell no event
            await asyncio.sleep(0.02)


def answered_by(server: Server) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics") as response:
        found = re.search(r'geminid_calls_total\{code="OK"\} (\d+)', response.read().decode())
    return int(found[1]) if found else 0


def recorded(database: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT count(*) FROM usage_records").fetchone()
    return int(row[0]) if row else 0
