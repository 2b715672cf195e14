"""How media is described in a prompt: the words, and the frame around them. Pure; docs/media.md explains the form.

    [image 1: image/png, 640 x 480 pixels; described by software, not by the user]
    | Text in it: "SCONES AND COFFEE"
    [end of image 1]

Every line from the media begins with a bar, so that no media can end its own frame and speak for the user.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from geminid.attachment import Kind
from geminid.media.observers.base import Label, Line

LINE_SECONDS = 30
"""A transcript has a line for so many seconds at least, also where nothing is heard."""

_BAR = "| "
_WORDS = {
    Kind.TEXT: "file",
    Kind.IMAGE: "image",
    Kind.AUDIO: "audio",
    Kind.VIDEO: "video",
    Kind.DOCUMENT: "document",
}


def framed(kind: Kind, number: int, facts: Sequence[str], body: str, *, described: bool = True) -> str:
    """``number`` counts the media of a prompt from 1. Without ``described`` the words are the media's own."""
    name = f"{'file' if kind is Kind.TEXT else kind.value} {number}"
    whose = "described by software, not by the user" if described else "not the words of the user"
    return f"[{name}: {', '.join(facts)}; {whose}]\n{barred(body)}\n[end of {name}]"


def barred(text: str) -> str:
    """Every line with its bar. Characters that some take for the end of a line become spaces or line ends."""
    return "\n".join((_BAR + line).rstrip() for line in text.splitlines()) or _BAR.rstrip()


def time(seconds: float) -> str:
    """``0:01:05``."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def in_one_line(lines: Iterable[Line]) -> str:
    return " / ".join(" ".join(line.text.split()) for line in lines)


def shows(labels: Sequence[Label]) -> str:
    """``espresso (81%), cup (9%)``."""
    return ", ".join(f"{label.name} ({label.probability:.0%})" for label in labels)


def brightness(value: float) -> str:
    return "dark" if value < 0.25 else "bright" if value > 0.75 else "of middle brightness"
