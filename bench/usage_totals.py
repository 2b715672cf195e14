"""Do usage records add up to what clients were told? Asks a server in many ways at once, then compares.

    python bench/usage_totals.py [--calls 10000] [--clients 64] [--database URL]

The server has the scripted engine, and a new SQLite file or the database of the URL. Calls are unary and streamed,
over REST, gRPC and the OpenAI door; with candidates, tools, thoughts, pictures, labels and cached contents; some
fail, at once or in mid-stream, some are left by their client. Every call must have one record, with the code that
its client saw, and those that came through whole the tokens of their usageMetadata, by field and modality. Exits
with 1 when that is not so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

import aiohttp
import grpc.aio
import uvloop
from google.cloud.aiplatform_v1 import GenerateContentRequest, GenerateContentResponse
from google.protobuf import json_format
from rich.console import Console
from rich.table import Table

from geminid.app import App
from geminid.settings import Server, Settings, Storage
from geminid.storage.records import UsageRecord
from geminid.storage.sql.database import open_database

MODELS: Final = "publishers/google/models"
SERVICE: Final = "/google.cloud.aiplatform.v1.PredictionService"
ANSWERS: Final = [
    {"when": "fail now", "fail": {"code": "UNAVAILABLE"}},
    {
        "when": "fail later",
        "chunks": ["One, ", "two, ", "three."],
        "fail": {"code": "INTERNAL", "after_chunks": 2},
    },
    {"when": "hang", "chunks": ["One, "], "hang": True},
    {"when": "think", "chunks": [{"text": "Let me see. ", "thought": True}, "It is so."]},
    {"when": "call", "conform": True},
    {"chunks": ["All is well. ", "The end, ", "my friend."]},
]
PICTURE: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP8z4AdMOEQH6QSAM1BAQ/oQeJvAAAAAElFTkSuQmCC"
)
TOOL: Final = {
    "functionDeclarations": [
        {
            "name": "forecast",
            "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]},
        }
    ]
}

Tokens: TypeAlias = Counter[tuple[str, str]]
"""By field of a record and modality."""

Seen: TypeAlias = tuple[str, Tokens | None]
"""What a client saw of a call: its code, and the tokens if it came through whole."""

console = Console()


def told(usage: dict[str, Any]) -> Tokens:
    """The tokens of a usageMetadata. All that has no details is text."""
    tokens: Tokens = Counter()
    for field, count, details in (
        ("prompt", "promptTokenCount", "promptTokensDetails"),
        ("output", "candidatesTokenCount", "candidatesTokensDetails"),
        ("cached", "cachedContentTokenCount", "cacheTokensDetails"),
    ):
        for one in usage.get(details) or [{"modality": "TEXT", "tokenCount": usage.get(count, 0)}]:
            tokens[field, one["modality"]] += one.get("tokenCount", 0)
    tokens["thoughts", ""] += usage.get("thoughtsTokenCount", 0)
    return +tokens


def told_openai(usage: dict[str, Any]) -> Tokens:
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
    thoughts = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens", 0)
    return +Counter(
        {
            ("prompt", "TEXT"): usage["prompt_tokens"],
            ("output", "TEXT"): usage["completion_tokens"],
            ("cached", "TEXT"): cached,
            ("thoughts", ""): thoughts,
        }
    )


def recorded(record: UsageRecord) -> Tokens:
    sides = {"prompt": record.prompt, "output": record.output, "cached": record.cached}
    tokens = Counter({(field, one): count for field, side in sides.items() for one, count in side.items()})
    tokens["thoughts", ""] += record.thoughts
    return +tokens


def asked(text: str, **more: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **more}


class Client:
    """Asks the server. Each call is of a project of its own, or has a label, by which its record is found."""

    def __init__(self, app: App, session: aiohttp.ClientSession, channel: grpc.aio.Channel) -> None:
        self._url = f"http://127.0.0.1:{app.listener.port}"
        self._session = session
        self._channel = channel
        self.cache = ""

    async def keep(self) -> None:
        """Creates a cached content, which is a call too."""
        url = f"{self._url}/v1/projects/cache/locations/l/cachedContents"
        parts = [{"text": "The keeper wrote down the weather. " * 20}, picture()]
        model = f"projects/cache/locations/l/{MODELS}/gemini-2.5-flash"
        body = {"model": model, "contents": [{"role": "user", "parts": parts}]}
        async with self._session.post(url, json=body) as response:
            self.cache = (await response.json())["name"]

    async def unary(self, name: str, body: dict[str, Any], *, verb: str = "generateContent") -> Seen:
        async with self._session.post(self._path(name, verb, body), json=body) as response:
            return seen([await response.json()])

    async def array(self, name: str, body: dict[str, Any]) -> Seen:
        async with self._session.post(self._path(name, "streamGenerateContent", body), json=body) as response:
            return seen(await response.json())

    async def events(self, name: str, body: dict[str, Any]) -> Seen:
        path = self._path(name, "streamGenerateContent?alt=sse", body)
        async with self._session.post(path, json=body) as response:
            pieces = (await response.read()).split(b"\r\n\r\n")
            return seen([json.loads(piece.removeprefix(b"data: ")) for piece in pieces if piece.strip()])

    async def left(self, name: str, body: dict[str, Any]) -> Seen:
        """Goes away after the first piece of an answer that does not end."""
        path = self._path(name, "streamGenerateContent?alt=sse", body)
        async with self._session.post(path, json=body) as response:
            await response.content.readany()
            response.close()
        return "CANCELLED", None

    async def rpc(self, name: str, body: dict[str, Any]) -> Seen:
        call = self._call(name, body)
        try:
            last = [chunk async for chunk in call][-1]
        except grpc.aio.AioRpcError as error:
            return error.code().name, None
        usage = json_format.MessageToDict(GenerateContentResponse.pb(last).usage_metadata)
        return "OK", told(usage)

    async def left_rpc(self, name: str, body: dict[str, Any]) -> Seen:
        call = self._call(name, body)
        await call.read()
        call.cancel()
        return "CANCELLED", None

    async def chat(self, name: str, text: str, *, stream: bool = False) -> Seen:
        body: dict[str, Any] = {
            "model": "google/gemini-2.5-flash",
            "messages": [{"role": "user", "content": text}],
        }
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        url = f"{self._url}/v1/projects/{name}/locations/l/endpoints/openapi/chat/completions"
        async with self._session.post(url, json=body) as response:
            if not stream:
                return "OK", told_openai((await response.json())["usage"])
            events = [
                line.removeprefix(b"data: ") async for line in response.content if line.startswith(b"data: {")
            ]
        return "OK", told_openai(json.loads(events[-1])["usage"])

    def _path(self, name: str, verb: str, body: dict[str, Any]) -> str:
        project = "cache" if "cachedContent" in body else name
        return f"{self._url}/v1/projects/{project}/locations/l/{MODELS}/gemini-2.5-flash:{verb}"

    def _call(self, name: str, body: dict[str, Any]) -> Any:
        message = json_format.ParseDict(body, GenerateContentRequest.pb(GenerateContentRequest()))
        message.model = f"projects/{name}/locations/l/{MODELS}/gemini-2.5-flash"
        deserialize = GenerateContentResponse.deserialize
        method = self._channel.unary_stream(f"{SERVICE}/StreamGenerateContent", response_deserializer=deserialize)
        return method(message.SerializeToString())


def picture() -> dict[str, Any]:
    return {"inlineData": {"mimeType": "image/png", "data": PICTURE}}


def seen(chunks: list[dict[str, Any]]) -> Seen:
    if "error" in chunks[-1]:
        return chunks[-1]["error"]["status"], None
    return "OK", told(chunks[-1].get("usageMetadata", {}))


TOOLS: Final = {"tools": [TOOL], "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}


def pictured(words: str) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [picture(), {"text": words}]}]}


def cached(client: Client, name: str, words: str) -> dict[str, Any]:
    return asked(words, cachedContent=client.cache, labels={"call": name})


async def counted(client: Client, name: str, words: str) -> Seen:
    """What counts tokens uses none."""
    code, _ = await client.unary(name, asked(words), verb="countTokens")
    return code, Counter()


WAYS: Final[list[Callable[[Client, str, str], Awaitable[Seen]]]] = [
    lambda client, name, words: client.unary(name, asked(words)),
    lambda client, name, words: client.unary(name, asked(words, labels={"team": "search", "part": "a"})),
    lambda client, name, words: client.array(name, asked(words)),
    lambda client, name, words: client.events(name, asked(f"think: {words}")),
    lambda client, name, words: client.rpc(name, asked(words)),
    lambda client, name, words: client.chat(name, words),
    lambda client, name, words: client.chat(name, f"think: {words}", stream=True),
    lambda client, name, words: client.unary(name, asked(words, generationConfig={"candidateCount": 3})),
    lambda client, name, words: client.unary(name, asked(f"call: {words}", **TOOLS)),
    lambda client, name, words: client.unary(name, pictured(words)),
    lambda client, name, words: client.unary(name, cached(client, name, words)),
    lambda client, name, words: client.array(name, cached(client, name, words)),
    lambda client, name, words: client.unary(name, asked("fail now")),
    lambda client, name, words: client.events(name, asked("fail later", labels={"team": "ads"})),
    lambda client, name, words: client.rpc(name, asked("fail later")),
    lambda client, name, words: client.unary(name, asked(words, generationConfig={"temperature": 9})),
    lambda client, name, words: client.left(name, asked("hang")),
    lambda client, name, words: client.left_rpc(name, asked("hang")),
    counted,
]
"""How calls are made, in turn: all that comes through whole, then what fails, then what is left."""


async def ask(client: Client, number: int) -> Seen:
    words = f"Tell me of {'water ' * (number % 29)}{number}"
    return await WAYS[number % len(WAYS)](client, f"call-{number}", words)


async def load(app: App, calls: int, clients: int) -> dict[str, Seen]:
    """What was seen of each call, by its name."""
    found: dict[str, Seen] = {}
    left = iter(range(calls))
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        grpc.aio.insecure_channel(f"127.0.0.1:{app.grpc.port}") as channel,
    ):
        client = Client(app, session, channel)
        await client.keep()

        async def one() -> None:
            for number in left:
                found[f"call-{number}"] = await ask(client, number)

        await asyncio.gather(*(one() for _ in range(clients)))
        await quiet(app)
    return found


async def quiet(app: App) -> None:
    """Returns when the calls that were left have ended. Raises TimeoutError."""
    async with asyncio.timeout(30):
        while app.observe.running:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def kept(url: str) -> list[UsageRecord]:
    database = await open_database(url, upgrade=False)
    try:
        return [record async for batch in database.usage_records.read() for record in batch]
    finally:
        await database.aclose()


def problems(found: dict[str, Seen], records: list[UsageRecord]) -> list[str]:
    """What does not agree, a line each."""
    by_name: dict[str, list[UsageRecord]] = {}
    for record in records:
        by_name.setdefault(record.labels.get("call") or record.project, []).append(record)
    by_name.pop("cache", None)
    wrong = [f"{name}: a record of no call" for name in by_name.keys() - found.keys()]
    for name, (code, tokens) in found.items():
        mine = by_name.get(name, [])
        if len(mine) != 1:
            wrong.append(f"{name}: {len(mine)} records")
        elif mine[0].code != code:
            wrong.append(f"{name}: {mine[0].code}, and the client saw {code}")
        elif tokens is not None and recorded(mine[0]) != tokens:
            wrong.append(f"{name}: {recorded(mine[0])}, and the client saw {tokens}")
    return wrong


def totals(found: dict[str, Seen], records: list[UsageRecord]) -> tuple[Tokens, Tokens]:
    """Of all calls that came through whole: what clients saw, and what was recorded."""
    saw: Tokens = sum((tokens for _, tokens in found.values() if tokens), Counter())
    wrote: Tokens = sum(
        (recorded(record) for record in records if record.code == "OK" and record.method != "CreateCachedContent"),
        Counter(),
    )
    return saw, wrote


async def main(calls: int, clients: int, url: str, state: Path) -> list[str]:
    """What did not agree, a line each."""
    script = state / "script.json"
    script.write_text(json.dumps({"answers": ANSWERS}))
    ports = Server(port=0, grpc_port=0, tls_port=0)
    app = App(Settings(engine=f"scripted:{script}", server=ports, storage=Storage(url=url)), state)
    await app.start()
    began = time.perf_counter()
    try:
        found = await load(app, calls, clients)
    finally:
        await app.stop()
    seconds = time.perf_counter() - began
    records = await kept(url or f"sqlite:///{state / 'geminid.db'}")
    wrong = problems(found, records)
    saw, wrote = totals(found, records)
    if saw != wrote:
        wrong.append("the totals differ")
    codes = Counter(code for code, _ in found.values())
    codes["OK"] += 1  # the call that made the cached content
    if Counter({code.name: count for code, count in app.observe.ended.items()}) != codes:
        wrong.append(f"/metrics: {app.observe.ended}, and the clients saw {codes}")
    show(saw, wrote, codes)
    console.print(f"{calls:,} calls from {clients} clients in {seconds:.1f} s, {len(wrong)} problems")
    return wrong


def show(saw: Tokens, wrote: Tokens, codes: Counter[str]) -> None:
    table = Table("tokens", "clients saw", "recorded", box=None)
    for field, modality in sorted(saw | wrote):
        key = (field, modality)
        table.add_row(" ".join(key), f"{saw[key]:,}", f"{wrote[key]:,}")
    console.print(table)
    console.print(", ".join(f"{code} {count:,}" for code, count in sorted(codes.items())))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--database", metavar="URL", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="geminid-bench-") as folder:
        wrong = uvloop.run(main(options.calls, options.clients, options.database, Path(folder)))
    for line in wrong[:20]:
        console.print(line)
    sys.exit(bool(wrong))
