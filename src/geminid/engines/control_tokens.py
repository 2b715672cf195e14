"""Keeps users from speaking for the model: servers read control tokens also inside of what users wrote.

``<|im_end|>`` in a prompt would end the user's turn. A zero-width space is put into each such token before it is
sent. Called by ``chat_request.py`` for all that comes with a request, and for nothing that geminid itself says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, assert_never

from geminid.attachment import Attachment, Media, Shown
from geminid.generation import Function, FunctionCall, FunctionResponse, Piece, Text, Tools

_BREAK = "\u200b"


class Defuser:
    """``tokens`` are the control tokens of the model; without any, everything passes as it is."""

    def __init__(self, tokens: Sequence[str]) -> None:
        longest_first = sorted(tokens, key=len, reverse=True)
        self._tokens = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, text: str) -> str:
        return self._tokens.sub(_broken, text) if self._tokens else text

    def json(self, value: Any) -> Any:
        """The same JSON with its texts defused, names included."""
        if self._tokens is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(name): self.json(element) for name, element in value.items()}
        if isinstance(value, list | tuple):
            return [self.json(element) for element in value]
        return value

    def piece(self, piece: Piece) -> Piece:
        if self._tokens is None:
            return piece
        match piece:
            case Text(text):
                return Text(self.text(text))
            case FunctionCall(name, args, id_):
                return FunctionCall(self.text(name), self.json(args), id_)
            case FunctionResponse(name, response, id_):
                return FunctionResponse(self.text(name), self.json(response), id_)
            case Media():
                return replace(piece, shown=tuple(map(self._shown, piece.shown)))
            case Attachment():
                raise AssertionError("engines are given media that are understood")
            case _:
                assert_never(piece)

    def tools(self, tools: Tools) -> Tools:
        if self._tokens is None:
            return tools
        return replace(tools, functions=tuple(map(self._function, tools.functions)))

    def _shown(self, shown: Shown) -> Shown:
        return self.text(shown) if isinstance(shown, str) else shown

    def _function(self, function: Function) -> Function:
        description, parameters = self.text(function.description), self.json(function.parameters)
        return replace(function, description=description, parameters=parameters)


def _broken(token: re.Match[str]) -> str:
    return f"{token[0][0]}{_BREAK}{token[0][1:]}"
