"""Conversations that begin by chance, as those of many users do, and how well they were answered.

An open loop: requests come as a Poisson process, whether or not those before them have been answered. Half of them
go on with a conversation, as soon as there is one whose answer has ended. Used before a fleet of
``fleet.py``, whose chunks tell when they were sent.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from array import array
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import pairwise

import loadgen
from loadgen import Sample

_SENT = re.compile(rb"@(\d{20});")
_RECEIVED = re.compile(rb"#(\d{20});")
_STAMP_BYTES = 32
_SENTENCE = "The keeper of the lighthouse wrote down what the sea had brought. "


@dataclass(frozen=True, slots=True)
class Objective:
    """Seconds, at most: to the first token, and for each of the others."""

    first: float
    each: float


@dataclass(frozen=True, slots=True)
class Work:
    """Of one request, on the average: tokens of its prompt, words of its answer. Answers are longer and shorter by
    a fifth, first prompts by a half."""

    prompt: int = 1200
    words: int = 400


@dataclass(frozen=True, slots=True)
class Turn:
    talk: int
    words: int
    contents: list[dict[str, object]]

    def request(self, path: str) -> bytes:
        return loadgen.post(path, json.dumps({"contents": self.contents}).encode())


class Talks:
    """Has two turns of each conversation at most."""

    def __init__(self, work: Work, seed: int = 1) -> None:
        self.ended: deque[Turn] = deque()
        self._work = work
        self._chance = random.Random(seed)
        self._number = 0

    def next(self) -> Turn:
        later = self._chance.random() < 0.5 and self.ended
        before = self.ended.popleft() if later else None
        words = round(self._work.words * self._chance.uniform(0.8, 1.2))
        if before is None:
            self._number += 1
            characters = self._work.prompt * 4 * 0.72 * self._chance.uniform(0.5, 1.5)
            text = _SENTENCE * round(characters / len(_SENTENCE))
            return Turn(self._number, words, [_said("user", f"talk={self._number} words={words} {text}")])
        answer = _said("model", "word " * before.words)
        question = _said("user", f"And then? talk={before.talk} words={words}")
        return Turn(before.talk, words, [*before.contents, answer, question])


def _said(role: str, text: str) -> dict[str, object]:
    return {"role": role, "parts": [{"text": text}]}


@dataclass(slots=True)
class Answer:
    """Times in seconds. ``first`` and ``each`` as the client saw them, from when the request was due;
    ``engine_first`` and ``engine_each`` as the replica did, from when the request had come. ``late`` is from the
    sending of each chunk to its arrival."""

    due: float
    words: int
    first: float
    each: float
    engine_first: float
    engine_each: float
    gaps: array[float]
    late: array[float]

    @classmethod
    def of(cls, due: float, words: int, sample: Sample) -> Answer:
        """Raises RuntimeError where it is not what a replica said."""
        arrived, sent = _times(sample)
        received = _RECEIVED.search(b"".join(piece for _, piece in sample.pieces))
        if received is None or len(sent) < 2:
            raise RuntimeError("an answer without its words")
        between = max(1, words - 1) * 1e9
        return cls(
            due=due,
            words=words,
            first=arrived[0] / 1e9 - due,
            each=(arrived[-1] - arrived[0]) / between,
            engine_first=(sent[0] - int(received[1])) / 1e9,
            engine_each=(sent[-1] - sent[0]) / between,
            gaps=array("f", ((b - a) / 1e9 for a, b in pairwise(arrived))),
            late=array("f", ((a - s) / 1e9 for a, s in zip(arrived, sent, strict=True))),
        )

    def meets(self, objective: Objective) -> bool:
        return self.first <= objective.first and self.each <= objective.each

    def engine_meets(self, objective: Objective) -> bool:
        return self.engine_first <= objective.first and self.engine_each <= objective.each


def _times(sample: Sample) -> tuple[list[int], list[int]]:
    """When each chunk arrived, and when it was sent: nanoseconds."""
    arrived, sent, rest = list[int](), list[int](), b""
    for at, piece in sample.pieces:
        text, end = rest + piece, 0
        for stamp in _SENT.finditer(text):
            arrived.append(at)
            sent.append(int(stamp[1]))
            end = stamp.end()
        rest = text[max(end, len(text) - _STAMP_BYTES) :]
    return arrived, sent


@dataclass(slots=True)
class Arrivals:
    """What became of them. ``tardy`` are the seconds by which requests were sent after they were due, which is the
    generator's fault. ``open`` counts those under way."""

    answers: list[Answer] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    tardy: list[float] = field(default_factory=list)
    open: int = 0
    most: int = 0

    async def ask(self, port: int, path: str, turn: Turn, due: float, talks: Talks) -> None:
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            load = await loadgen.run(port, turn.request(path), requests=1, connections=1)
            self.answers.append(Answer.of(due, turn.words, load.samples[0]))
        except (RuntimeError, OSError) as error:
            self.failures[f"{type(error).__name__} {error}".split("\r\n")[0]] += 1
        else:
            if len(turn.contents) == 1:
                talks.ended.append(turn)
        finally:
            self.open -= 1


@dataclass(frozen=True, slots=True)
class Plan:
    """``rate`` requests a second, of which those that are due in ``window`` seconds after ``ramp`` count. Others
    go on coming until these have been answered."""

    rate: float
    ramp: float
    window: float

    async def run(self, port: int, path: str, talks: Talks) -> Arrivals:
        """With the answers that count."""
        arrivals, chance = Arrivals(), random.Random(2)
        start = due = time.monotonic()
        counted: set[asyncio.Task[None]] = set()
        others: set[asyncio.Task[None]] = set()
        while due - start < self.ramp + self.window or counted:
            due += chance.expovariate(self.rate)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            arrivals.tardy.append(time.monotonic() - due)
            task = asyncio.create_task(arrivals.ask(port, path, talks.next(), due, talks))
            group = counted if self.ramp <= due - start < self.ramp + self.window else others
            group.add(task)
            task.add_done_callback(group.discard)
        for task in list(others):
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        arrivals.answers = [
            answer for answer in arrivals.answers if self.ramp <= answer.due - start < self.ramp + self.window
        ]
        return arrivals
