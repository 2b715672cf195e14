"""Gathers the calls of an answer from OpenAI's ``tool_calls``, which come in pieces. Used by ``chat_reply.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from geminid.engines.chat_chunks import ToolCall
from geminid.generation import FunctionCall


@dataclass(slots=True)
class _Begun:
    index: int
    id: str
    name: str
    arguments: str | dict[str, Any]


class NativeCalls:
    """The calls of one answer."""

    def __init__(self) -> None:
        self._begun: list[_Begun] = []
        """The newest first."""

    def feed(self, pieces: list[ToolCall]) -> None:
        for piece in pieces:
            function, index = piece.function, piece.index or 0
            name, arguments = (function.name, function.arguments) if function else (None, None)
            call = next((call for call in self._begun if call.index == index), None)
            # Servers that send whole calls have been seen to give all of them the same index.
            if call is None or (piece.id and call.id and piece.id != call.id):
                self._begun.insert(0, _Begun(index, piece.id or "", name or "", arguments or ""))
                continue
            call.id = call.id or piece.id or ""
            call.name = call.name or name or ""
            if isinstance(call.arguments, str) and isinstance(arguments, str):
                call.arguments += arguments
            elif isinstance(arguments, dict):
                call.arguments = arguments

    def calls(self, complete: bool) -> tuple[list[FunctionCall], str | None]:
        """As ``tool_calls.CallReader.calls``: those that can be read, and the text of the first that cannot."""
        calls = list[FunctionCall]()
        for begun in reversed(self._begun):
            args = _arguments(begun.arguments)
            if args is None or not begun.name:
                return calls, f"{begun.name}({begun.arguments})" if complete else None
            calls.append(FunctionCall(begun.name, args, begun.id))
        return calls, None


def _arguments(told: str | dict[str, Any]) -> dict[str, Any] | None:
    if isinstance(told, dict):
        return told
    try:
        return msgspec.json.decode(told or "{}", type=dict[str, Any])
    except msgspec.DecodeError:
        return None
