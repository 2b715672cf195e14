"""Turns as OpenAI's chat messages, with calls in the server's own format or written into the text.

Pure; called by ``chat_request.py``. Forms as in https://platform.openai.com/docs/guides/function-calling. The
content of a message is a text, and a list of parts where pictures or sound are in it (``chat_media.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias, assert_never

import msgspec

from geminid.attachment import Attachment, Media, Shown
from geminid.engines import chat_media
from geminid.engines.control_tokens import Defuser
from geminid.engines.tool_calls import answered, written
from geminid.generation import FunctionCall, FunctionResponse, Piece, Text, Tools, Turn

Body: TypeAlias = dict[str, object]
Content: TypeAlias = str | list[Body]

_SAID = frozenset({Text, Media})
_EXCHANGED = (FunctionCall, FunctionResponse)


def in_prose(turns: Sequence[Turn], defuser: Defuser, *, audio_url: bool = False) -> list[Body]:
    """Calls and responses are text. The pieces of a turn are parted by line ends, as servers join them."""
    return [
        {"role": _role(turn), "content": _content([defuser.piece(piece) for piece in turn.pieces], audio_url)}
        for turn in turns
    ]


def in_native_format(turns: Sequence[Turn], defuser: Defuser, *, audio_url: bool = False) -> list[Body]:
    """Messages with ``tool_calls``, and a message of its own for each response."""
    calls = _Calls()
    return [
        message
        for turn in turns
        for message in _native(
            _role(turn), [defuser.piece(piece) for piece in turn.pieces], calls, audio_url=audio_url
        )
    ]


def functions(tools: Tools, *, strict: bool = False) -> list[Body]:
    """What may be called, as ``tools``. ``strict``: only with arguments that validate."""
    return [
        {
            "type": "function",
            "function": {
                "name": function.name,
                "description": function.description,
                "parameters": function.parameters,
                **({"strict": True} if strict else {}),
            },
        }
        for function in tools.callable
    ]


def _role(turn: Turn) -> str:
    return "assistant" if turn.role == "model" else "user"


def _content(pieces: Sequence[Piece], audio_url: bool) -> Content:
    """A text, unless there is more to it: not every server takes a list."""
    if Media not in map(type, pieces):
        return "\n".join(map(_prose, pieces))
    shown: list[Shown] = []
    for piece in pieces:
        shown += piece.shown if isinstance(piece, Media) else (_prose(piece),)
    texts = [each for each in shown if isinstance(each, str)]
    return "\n".join(texts) if len(texts) == len(shown) else chat_media.parts(shown, audio_url=audio_url)


def _prose(piece: Piece) -> str:
    match piece:
        case Text():
            return piece.text
        case FunctionCall():
            return written(piece)
        case FunctionResponse():
            return answered(piece)
        case Media():
            return piece.text
        case Attachment():
            raise AssertionError("engines are given media that are understood")
        case _:
            assert_never(piece)


def _native(role: str, pieces: Sequence[Piece], calls: _Calls, *, audio_url: bool) -> Iterator[Body]:
    """The responses of a turn stand before the rest of it: servers want them right after the calls."""
    if _SAID.issuperset(map(type, pieces)):
        yield {"role": role, "content": _content(pieces, audio_url)}
        return
    made = [piece for piece in pieces if isinstance(piece, FunctionCall)]
    content = _content([piece for piece in pieces if not isinstance(piece, _EXCHANGED)], audio_url)
    for piece in pieces:
        if isinstance(piece, FunctionResponse):
            yield {"role": "tool", "tool_call_id": calls.answered_by(piece), "content": _json(piece.response)}
    if made:
        yield {"role": role, "content": content or None, "tool_calls": list(calls.made(made))}
    elif content:
        yield {"role": role, "content": content}


class _Calls:
    """Gives the calls of a conversation ids, and pairs them with their responses."""

    def __init__(self) -> None:
        self._count = 0
        self._open: list[tuple[str, str]] = []

    def made(self, calls: Iterable[FunctionCall]) -> Iterator[Body]:
        """The calls of one turn. Those of the turn before are closed."""
        self._open = []
        for call in calls:
            id_ = call.id or self._next()
            self._open.append((id_, call.name))
            yield {"id": id_, "type": "function", "function": {"name": call.name, "arguments": _json(call.args)}}

    def answered_by(self, response: FunctionResponse) -> str:
        """The id of the call: the one with the response's id, else the first of its name, else the first."""
        own = [call for call in self._open if call[0] == response.id]
        named = [call for call in self._open if call[1] == response.name]
        call = next(iter(own or named or self._open), None)
        if call is None:
            return response.id or self._next()
        self._open.remove(call)
        return call[0]

    def _next(self) -> str:
        self._count += 1
        return f"call_{self._count - 1}"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
