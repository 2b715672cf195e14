"""Cuts a stream of text before the first stop sequence, also when it is split over chunks.

Engines get the stop sequences too, to save work; this is what makes it hold on every engine. Case-sensitive,
the sequence itself is dropped, nothing is trimmed.
"""

from __future__ import annotations

from geminid import marks


class StopFilter:
    """Holds back what may be the beginning of a stop sequence until it is certain.

    The sequence that is complete first wins; of two that end at the same character, the longer one. The result
    is therefore the same wherever the chunks are cut.
    """

    def __init__(self, sequences: tuple[str, ...]) -> None:
        self._sequences = sequences
        self._held = ""

    def feed(self, text: str) -> tuple[str, bool]:
        """The text that may go out now, and whether a stop sequence was met: then nothing more may follow."""
        if not self._sequences:
            return text, False
        text = self._held + text
        end = marks.first(text, self._sequences)
        if end is not None:
            self._held = ""
            return text[:end], True
        keep = marks.begun(text, self._sequences)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep], False

    def flush(self) -> str:
        """What was held back, once the engine has finished: it was no stop sequence after all."""
        held, self._held = self._held, ""
        return held
