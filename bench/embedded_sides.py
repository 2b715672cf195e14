"""A model in a process of its own, to be asked in several streams: llama.cpp's child, or openvino-genai.

Used by ``embedded.py``. Answers are greedy, go on past their end, and read their prompt anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import statistics
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import loadgen
from geminid.engines.llama_process import Job, LlamaProcess, StartFailed

HERE = Path(__file__).parent
START_SECONDS = 120.0
OTHERS = 7
STORY = "Tell me a long story about a river."
OTHER_STORY = "Write a poem about the wind."
STORY_TOKENS = 64
_WRITTEN = re.compile(rb'"completion_tokens":\s*(\d+)')
_CONTENT = re.compile(rb'"content":\s*"((?:[^"\\]|\\.)*)"')
_READ = re.compile(rb'"prompt_tokens":\s*(\d+)')


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one question, asked in several streams: tokens a second in all, seconds to the first, tokens read."""

    rate: float
    first: float
    prompt_tokens: int


class Side(Protocol):
    @property
    def pid(self) -> int: ...

    async def ask(self, prompt: str, tokens: int, streams: int) -> Figures: ...

    async def alike(self) -> bool:
        """Whether a greedy answer is the same alone and beside seven others."""
        ...


@dataclass(frozen=True, slots=True)
class LlamaSide:
    pid: int
    port: int
    key: str

    async def ask(self, prompt: str, tokens: int, streams: int) -> Figures:
        load = await self._load(prompt, tokens, streams)
        written = sum(int(_WRITTEN.findall(sample.body)[-1]) for sample in load.samples)
        return Figures(
            written / load.seconds,
            statistics.median(sample.first for sample in load.samples),
            int(_READ.findall(load.samples[0].body)[-1]),
        )

    async def alike(self) -> bool:
        alone = await self._load(STORY, STORY_TOKENS, 1)
        beside, _ = await asyncio.gather(
            self._load(STORY, STORY_TOKENS, 1), self._load(OTHER_STORY, STORY_TOKENS, OTHERS)
        )
        return _text(alone) == _text(beside)

    async def _load(self, prompt: str, tokens: int, streams: int) -> loadgen.Load:
        body = {
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": tokens,
            "temperature": 0,
            "ignore_eos": True,
            "cache_prompt": False,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        request = loadgen.post(
            "/v1/chat/completions", json.dumps(body).encode(), f"Authorization: Bearer {self.key}"
        )
        return await loadgen.run(self.port, request, requests=streams, connections=streams)


def _text(load: loadgen.Load) -> list[bytes]:
    return _CONTENT.findall(load.samples[0].body)


@contextlib.asynccontextmanager
async def llama(weights: Path, settings: Mapping[str, object]) -> AsyncIterator[LlamaSide]:
    """Raises StartFailed."""
    command = (sys.executable, str(HERE / "embedded_child.py"), json.dumps(settings))
    child, told = await LlamaProcess.start(Job(weights), lambda line: None, START_SECONDS, command)
    try:
        yield LlamaSide(child.pid, told.port, child.key)
    finally:
        await child.stop(5)


@dataclass(frozen=True, slots=True)
class OpenVinoSide:
    process: asyncio.subprocess.Process

    @property
    def pid(self) -> int:
        return self.process.pid

    async def ask(self, prompt: str, tokens: int, streams: int) -> Figures:
        told = await _said(self.process, {"prompt": prompt, "tokens": tokens, "streams": streams})
        return Figures(told["written"] / told["seconds"], told["first"], int(told["prompt_tokens"]))

    async def alike(self) -> bool:
        return bool((await _said(self.process, {"alike": True}))["alike"])


@contextlib.asynccontextmanager
async def openvino(weights: Path, interpreter: str) -> AsyncIterator[OpenVinoSide]:
    """Raises StartFailed."""
    pipe = asyncio.subprocess.PIPE
    command = (interpreter, str(HERE / "openvino_side.py"), str(weights))
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        await _said(process)
        yield OpenVinoSide(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _said(
    process: asyncio.subprocess.Process, asked: Mapping[str, object] | None = None
) -> dict[str, float]:
    """The next line of ``openvino_side.py``. Raises StartFailed where it has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    if asked is not None:
        process.stdin.write(json.dumps(asked).encode() + b"\n")
    async for line in process.stdout:
        told: dict[str, float] = json.loads(line)
        return told
    raise StartFailed("openvino_side.py has ended")
