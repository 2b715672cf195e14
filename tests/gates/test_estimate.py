from __future__ import annotations

import pytest

from geminid.gates.estimate import estimated_tokens
from geminid.wire.content import Blob, Content, FunctionCall, Part
from geminid.wire.generation import GenerateContentRequest
from geminid.wire.message import Bytes, Message
from geminid.wire.tokens import CountTokensRequest


def asking(*parts: Part, instruction: str = "") -> GenerateContentRequest:
    system = Content(parts=[Part(text=instruction)]) if instruction else None
    return GenerateContentRequest(contents=[Content(parts=[part]) for part in parts], system_instruction=system)


@pytest.mark.parametrize(
    ("request_", "tokens"),
    [
        (asking(), 1),
        (asking(Part(text="x" * 40), Part(text="x" * 40)), 20),
        (asking(Part(text="é" * 40)), 20),
        (asking(Part(text="x" * 40), instruction="x" * 400), 110),
        (asking(Part(inline_data=Blob(mime_type="image/png", data=Bytes(b"x" * 99_999)))), 258),
        (asking(Part(function_call=FunctionCall(name="f", args={"text": "x" * 4000}))), 1010),
        (CountTokensRequest(), 1),
    ],
)  # fmt: skip
def test_a_prompt_is_estimated_by_its_bytes_and_its_media(request_: Message, tokens: int) -> None:
    assert estimated_tokens(request_) == pytest.approx(tokens, rel=0.02)
