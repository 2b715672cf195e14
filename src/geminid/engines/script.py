"""The file that a scripted engine plays: what to say, when, and how it fails. Read by ``scripted.py`` alone.

    [[answers]]                         # said when the last turn contains `when`
    when = "capital of France"
    chunks = ["Paris", {text = " it is.", delay_ms = 20}]

    [[answers]]                         # the others take turns, in order; the last one stays
    fail = {code = "UNAVAILABLE"}

    [[answers]]
    chunks = ["All is well."]

The same in JSON is ``{"answers": [...]}``. Unknown keys are refused: a typing error is no silent default.
"""

from __future__ import annotations

import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from geminid import errors

Milliseconds: TypeAlias = Annotated[float, Meta(ge=0)]
Count: TypeAlias = Annotated[int, Meta(ge=0)]
NaturalLog: TypeAlias = Annotated[float, Meta(le=0)]
FinishName: TypeAlias = Literal[
    "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
    "MALFORMED_FUNCTION_CALL", "MODEL_ARMOR", "OTHER",
]  # fmt: skip


class ScriptError(Exception):
    """A script that cannot be played; the message names the file and the key."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Call(_Table, frozen=True):
    """A function call. Without an ``id`` the server gives it one where its API has them."""

    name: str
    args: dict[str, Any] = {}
    id: str = ""


class Chunk(_Table, frozen=True):
    """One event of the stream: a text, a thought, or a call. ``tokens`` overrides the engine's own count, and such
    a chunk is never cut.

    ``top`` maps tokens to log probabilities; ``logprob`` may be left out when the chunk's text is one of them.
    """

    text: str | None = None
    thought: bool = False
    call: Call | None = None
    delay_ms: Milliseconds = 0
    tokens: Count | None = None
    logprob: NaturalLog | None = None
    top: dict[str, NaturalLog] = {}

    def __post_init__(self) -> None:
        if (self.text is None) == (self.call is None):
            raise ValueError("a chunk has either a `text` or a `call`")
        if self.call and (self.thought or self.top or self.logprob is not None):
            raise ValueError("`thought`, `logprob` and `top` are for texts, not for a `call`")
        if self.top and self.logprob is None and self.text not in self.top:
            raise ValueError(f"`top` lacks {self.text!r}, so the chunk needs a `logprob`")


_ORDER = ("thought", "text", "call")


def _kind(chunk: str | Chunk) -> int:
    if isinstance(chunk, str):
        return _ORDER.index("text")
    return _ORDER.index("call" if chunk.call else "thought" if chunk.thought else "text")


class UsageCounts(_Table, frozen=True):
    """What the answer reports; what is left out is counted."""

    prompt: Count | None = None
    output: Count | None = None
    cached: Count = 0
    thoughts: Count | None = None


class Failure(_Table, frozen=True):
    """An error after so many chunks. ``code`` is a name of google.rpc.Code."""

    code: str
    message: str | None = None
    after_chunks: Count = 0

    def __post_init__(self) -> None:
        if self.code == "OK" or self.code not in errors.Code.__members__:
            names = ", ".join(name for name in errors.Code.__members__ if name != "OK")
            raise ValueError(f"`code` is {self.code!r}, which is none of {names}")


class Answer(_Table, frozen=True):
    """One answer. ``repeat`` says its chunks so many times; ``hang`` never ends after them.

    ``conform`` has no chunks: it says what the request asks for.
    """

    when: str | None = None
    chunks: list[str | Chunk] = []
    conform: bool = False
    finish: FinishName = "STOP"
    finish_message: str | None = None
    usage: UsageCounts = UsageCounts()
    first_delay_ms: Milliseconds = 0
    fail: Failure | None = None
    hang: bool = False
    repeat: Annotated[int, Meta(ge=1, le=1_000_000)] = 1

    def __post_init__(self) -> None:
        if self.conform and (self.chunks or self.repeat > 1):
            raise ValueError("`conform` says what the request asks for: it has no `chunks` and no `repeat`")
        kinds = [_kind(chunk) for chunk in self.chunks] * min(self.repeat, 2)
        for before, after in pairwise(kinds):
            if after < before:
                wrong = f"a {_ORDER[after]} comes after a {_ORDER[before]}"
                raise ValueError(f"{wrong}: thoughts come first, then text, then calls, also with `repeat`")


class Script(_Table, frozen=True):
    """The whole file. ``context_tokens`` is the window that the engine claims and keeps to.

    ``sees`` and ``hears``: whether it is given pictures and sound, or words about them.
    """

    answers: list[Answer] = []
    context_tokens: Annotated[int, Meta(ge=1)] = 1_048_576
    sees: bool = True
    hears: bool = True

    @classmethod
    def load(cls, path: Path) -> Script:
        """Reads TOML from ``*.toml``, JSON from anything else. Raises ScriptError."""
        try:
            content = path.read_bytes()
            if path.suffix == ".toml":
                return msgspec.convert(tomllib.loads(content.decode()), cls)
            return msgspec.json.decode(content, type=cls)
        except OSError as error:
            raise ScriptError(f"cannot read {path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ScriptError(f"{path}: {error}") from error
