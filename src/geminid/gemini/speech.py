"""One candidate as it is spoken: an engine's events -> what goes out, cut at stop sequences. Pure.

Called by ``service/generative.py``. Thoughts go out where they were asked for and are counted anyway; calls wait
for the end; log probabilities go with the text that they are of, and those of what was cut are dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from geminid.gemini.stops import StopFilter
from geminid.generation import Called, Delta, FunctionCall, Generation, TokenLogprobs, Usage


@dataclass(frozen=True, slots=True)
class Said:
    """A run of text that may go out now. ``logprobs`` are those of its tokens."""

    text: str
    thought: bool = False
    logprobs: tuple[TokenLogprobs, ...] = ()


class Speech:
    """Hears the events of one candidate. ``stopped``: a stop sequence was met, and nothing more is wanted."""

    def __init__(self, generation: Generation) -> None:
        self.stopped = False
        self.calls: list[FunctionCall] = []
        self.called: tuple[TokenLogprobs, ...] = ()
        """The log probabilities of the calls."""
        self._stops = StopFilter(generation.sampling.stop_sequences)
        self._logprobs = _Waiting()
        self._tells_thoughts = generation.thinking is not None and generation.thinking.include
        self._keeps = generation.constraint is not None
        self._passes = not self._keeps and not generation.sampling.stop_sequences
        """Nothing is done to the text, which is the common case."""
        self._kept: list[str] = []
        self._output = self._thoughts = self._places = 0
        self._sum = 0.0

    @property
    def text(self) -> str:
        """All that went out, where there is a constraint to hold it against."""
        return "".join(self._kept)

    @property
    def average(self) -> float | None:
        """The mean log probability of the tokens that went out, and of the thoughts."""
        return self._sum / self._places if self._places else None

    def hear(self, event: Delta | Called) -> Said | None:
        """What goes out because of this event."""
        if isinstance(event, Called):
            self._output += event.tokens
            self.calls.append(event.call)
            self.called += event.logprobs
            self._add_up(event.logprobs)
            return None
        if event.thought:
            self._thoughts += event.tokens
            self._add_up(event.logprobs)
            return Said(event.text, thought=True) if self._tells_thoughts and event.text else None
        self._output += event.tokens
        if self._passes and event.text and not event.logprobs:
            return Said(event.text)
        if event.logprobs:
            self._logprobs.add(event.logprobs)
        text, self.stopped = self._stops.feed(event.text)
        return self._said(text)

    def end(self) -> Said | None:
        """What was held back in case it was a stop sequence."""
        return self._said(self._stops.flush(), last=True)

    def usage(self, prompt: int) -> Usage:
        """What was heard, for engines that do not tell."""
        return Usage(prompt, self._output, thoughts=self._thoughts)

    def _said(self, text: str, *, last: bool = False) -> Said | None:
        logprobs = self._logprobs.of(text, last=last)
        if not text and not logprobs:
            return None
        if self._keeps:
            self._kept.append(text)
        self._add_up(logprobs)
        return Said(text, logprobs=logprobs)

    def _add_up(self, logprobs: Sequence[TokenLogprobs]) -> None:
        for place in logprobs:
            self._sum += place.chosen.logprob
        self._places += len(logprobs)


class _Waiting:
    """Log probabilities of tokens whose text is held back."""

    def __init__(self) -> None:
        self._places: deque[tuple[int, TokenLogprobs]] = deque()
        self._fed = self._out = 0

    def add(self, places: Sequence[TokenLogprobs]) -> None:
        for place in places:
            self._places.append((self._fed, place))
            self._fed += len(place.chosen.token)

    def of(self, text: str, *, last: bool) -> tuple[TokenLogprobs, ...]:
        """Those of the tokens that begin in this next piece of text, or are left when it is the last."""
        self._out += len(text)
        if not self._places:
            return ()
        taken = []
        while self._places and (last or self._places[0][0] < self._out):
            taken.append(self._places.popleft()[1])
        return tuple(taken)
