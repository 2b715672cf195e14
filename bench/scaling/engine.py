"""A model of an engine on GPUs: what it does in a step, and how long the step takes. Pure, without a clock.

Driven in real time by ``fleet.py``, in its own time by ``model.py``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Timing:
    """A step in which ``n`` sequences get a token each takes ``step + n * each`` seconds, and longer by the tokens
    of prompts that are read in it, ``read`` a second.

    A step has at most ``batched`` tokens, ``running`` sequences, and in all of them ``held`` tokens.
    """

    step: float
    each: float
    read: float
    held: int
    batched: int
    running: int

    def per_token(self, running: float, prompt: int, words: int) -> float:
        """Seconds between two tokens where so many sequences always run, on the average."""
        return self.step + running * (self.each + prompt / self.read / words)


LLAMA_70B = Timing(step=0.0185, each=0.0001, read=12_300, held=467_500, batched=2_048, running=256)
"""Llama 3.3 70B, FP8, on two H100: the best fit to https://docs.nvidia.com/nim/benchmarking/llm/1.0.0/performance,
5,000 tokens in and 500 out. ``held`` are the 85 sequences that run there when more are asked for. The bounds of a
step are usual settings of vLLM, ``--max-num-batched-tokens`` and ``--max-num-seqs``."""


@dataclass(slots=True)
class Sequence:
    """``tell`` hears of each token."""

    prompt: int
    words: int
    tell: Callable[[Sequence], None]
    unread: int = 0
    written: int = 0
    left: bool = False

    def __post_init__(self) -> None:
        self.unread = self.prompt

    @property
    def over(self) -> bool:
        return self.left or self.written == self.words


@dataclass(slots=True)
class Engine:
    """Continuous batching with prompts read in pieces beside what is written, first come first served. It keeps no
    clock: ``plan`` says how long the next step takes, ``finish`` does what is done then."""

    timing: Timing
    waiting: deque[Sequence] = field(default_factory=deque)
    reading: deque[Sequence] = field(default_factory=deque)
    writing: list[Sequence] = field(default_factory=list)
    held: int = 0
    _planned: list[tuple[Sequence, int]] = field(default_factory=list)

    @property
    def idle(self) -> bool:
        return not (self.waiting or self.reading or self.writing)

    def plan(self) -> float:
        self._admit()
        timing, left, self._planned = self.timing, self.timing.batched - len(self.writing), []
        for sequence in self.reading:
            if left <= 0:
                break
            piece = min(sequence.unread, left)
            left -= piece
            self._planned.append((sequence, piece))
        read = sum(piece for _, piece in self._planned) / timing.read
        return read + (timing.step + timing.each * len(self.writing) if self.writing else 0.0)

    def _admit(self) -> None:
        while self.waiting and len(self.reading) + len(self.writing) < self.timing.running:
            first = self.waiting[0]
            if self.held + first.prompt + first.words > self.timing.held:
                break
            self.held += first.prompt + first.words
            self.reading.append(self.waiting.popleft())

    def finish(self) -> None:
        told = self.writing.copy()
        for sequence, piece in self._planned:
            sequence.unread -= piece
            if not sequence.unread:
                self.reading.popleft()
                told.append(sequence)
        for sequence in told:
            if not sequence.left:
                sequence.written += 1
                sequence.tell(sequence)
        self.writing = [sequence for sequence in told if not sequence.over]
        self.held -= sum(sequence.prompt + sequence.words for sequence in told if sequence.over)
