"""Writes COVERAGE.md from the tables in the code: ``make docs``. A test fails when the file is stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geminid.gemini.profiles import Catalogue
from geminid.gemini.support import FILLED, Support, support_of
from geminid.wire import routes
from geminid.wire.generation import GenerateContentRequest, GenerateContentResponse
from geminid.wire.message import FieldSpec, Kind, Message, describe
from geminid.wire.tools import Schema

TARGET = Path(__file__).parent.parent / "COVERAGE.md"

INTRODUCTION = """\
# Coverage

What works, field by field. This page is generated from the tables that the server itself obeys (`make docs`).

- **works**: has the effect that Google documents.
- **accepted**: its form is checked; it has no effect yet.
- **refused**: answered with UNIMPLEMENTED and the field's path.

A name that is not a field at all is answered with INVALID_ARGUMENT, as Google does.
"""

_TOLD_BY_THEIR_NOTE = {(GenerateContentRequest, "system_instruction")}
"""Fields whose message is told elsewhere, and of which not all of that works."""


def coverage() -> str:
    """The text of COVERAGE.md."""
    lines = [INTRODUCTION]
    lines += [
        "## Methods",
        "",
        "Each over REST and gRPC, `v1` and `v1beta1`.",
        "",
        "| method | REST |",
        "|---|---|",
        *_methods(),
        "",
    ]
    lines += ["## Request", "", "| field | status | note |", "|---|---|---|"]
    lines += [*_request(GenerateContentRequest, ""), ""]
    lines += ["## Schema", "", "| field | status | note |", "|---|---|---|", *_request(Schema, ""), ""]
    lines += ["## Answer", "", "| field | filled |", "|---|---|", *_answer(GenerateContentResponse, ""), ""]
    lines += [
        "## Models",
        "",
        "| id | answered as | input tokens | output tokens |",
        "|---|---|--:|--:|",
        *_models(),
    ]
    return "\n".join(lines) + "\n"


def _methods() -> Iterator[str]:
    for method in routes.METHODS:
        url = f"POST …/models/{{model}}:{method.verb}" if method.verb else method.url.replace(" ", " …/")
        yield f"| {method.service}.{method.name} | `{url}` |"


def _request(message: type[Message], path: str) -> Iterator[str]:
    for spec in describe(message).fields:
        state, note = support_of(message, spec)
        name = f"{path}{_name(spec)}"
        inside = _of(spec) if state is Support.WORKS and spec.kind is Kind.MESSAGE else None
        if inside is Schema and message is not Schema:
            note = "[as below](#schema)"
        yield f"| `{name}` | {state.value} | {note} |"
        if inside not in (None, Schema) and (message, spec.name) not in _TOLD_BY_THEIR_NOTE:
            yield from _request(inside, f"{name}.")


def _answer(message: type[Message], path: str) -> Iterator[str]:
    for spec in describe(message).fields:
        filled = spec.name in FILLED.get(message, ())
        name = f"{path}{_name(spec)}"
        yield f"| `{name}` | {'yes' if filled else 'no'} |"
        if filled and spec.kind is Kind.MESSAGE:
            yield from _answer(_of(spec), f"{name}.")


def _models() -> Iterator[str]:
    for model in Catalogue():
        profile = model.profile
        yield f"| {model.id} | {model.stable} | {profile.input_tokens:,} | {profile.max_output_tokens:,} |"


def _name(spec: FieldSpec) -> str:
    return spec.json_name + ("[]" if spec.repeated else "")


def _of(spec: FieldSpec) -> type[Message]:
    assert spec.type is not None
    assert issubclass(spec.type, Message)
    return spec.type


if __name__ == "__main__":
    TARGET.write_text(coverage(), encoding="utf-8")
