"""Contents: roles, parts, and the order of calls and their responses."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from geminid.errors import InvalidArgument
from geminid.gemini.profiles import Catalogue
from geminid.gemini.turns import system_of, turns_of, turns_to_count
from geminid.generation import FunctionCall, FunctionResponse, Text, Turn
from geminid.wire import json
from geminid.wire.content import Content
from geminid.wire.generation import GenerateContentRequest

HELLO = {"role": "user", "parts": [{"text": "Hello"}]}
HI = {"role": "model", "parts": [{"text": "Hi!"}]}


def call(name: str, call_id: str = "", **args: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": args} | ({"id": call_id} if call_id else {})}


def response(name: str, call_id: str = "", **given: Any) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": given} | ({"id": call_id} if call_id else {})}


def user(*parts: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


def model(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "model", "parts": list(parts)}


def decoded(*contents: dict[str, Any]) -> list[Content]:
    return json.decode(GenerateContentRequest, msgspec.json.encode({"contents": contents})).contents


def turns(*contents: dict[str, Any], asked: str = "gemini-1.5-flash") -> tuple[Turn, ...]:
    found = Catalogue().find(asked)
    assert found
    return turns_of(decoded(*contents), found.profile)


def refused(*contents: dict[str, Any], asked: str = "gemini-1.5-flash") -> str:
    with pytest.raises(InvalidArgument) as error:
        turns(*contents, asked=asked)
    return error.value.message


def test_roles_and_parts_become_turns() -> None:
    assert turns(HELLO, HI, HELLO) == (
        Turn("user", (Text("Hello"),)),
        Turn("model", (Text("Hi!"),)),
        Turn("user", (Text("Hello"),)),
    )


def test_roles_compare_without_case() -> None:
    assert turns(HELLO | {"role": "USER"})[0].role == "user"


def test_a_single_turn_needs_no_role() -> None:
    assert turns({"parts": [{"text": "Hello"}]})[0].role == "user"


def test_the_chunks_of_a_streamed_answer_come_back_as_one_text() -> None:
    chunks = [model({"text": text}) for text in ("Hel", "lo", "")]

    assert turns(HELLO, *chunks, HELLO)[1] == Turn("model", (Text("Hello"),))


def test_a_call_and_its_response_are_pieces_of_their_turns() -> None:
    asked = turns(HELLO, model(call("clock", zone="UTC")), user(response("clock", output="noon")))

    assert asked[1] == Turn("model", (FunctionCall("clock", {"zone": "UTC"}),))
    assert asked[2] == Turn("user", (FunctionResponse("clock", {"output": "noon"}),))


def test_a_turn_of_the_model_is_its_text_and_then_its_calls() -> None:
    chunks = [model({"text": "Let me "}), model({"text": "look."}, call("a")), model(call("b"))]

    asked = turns(HELLO, *chunks, user(response("a"), response("b")))

    assert asked[1] == Turn("model", (Text("Let me look."), FunctionCall("a", {}), FunctionCall("b", {})))


@pytest.mark.parametrize("role", ["user", "function", "tool", "Function", ""])
def test_what_functions_gave_comes_in_the_role_of_any_era(role: str) -> None:
    assert turns(HELLO, model(call("a")), user(response("a"), role=role))[2].role == "user"


def test_a_content_may_say_something_besides_the_responses() -> None:
    asked = turns(HELLO, model(call("a")), user({"text": "Here:"}, response("a")), user({"text": "And?"}))

    assert asked[2].pieces == (FunctionResponse("a", {}), Text("Here:"), Text("And?"))


@pytest.mark.parametrize(
    ("calls", "responses"),
    [
        ([call("a", "1"), call("a", "2")], [response("a", "2", n=2), response("a", "1", n=1)]),
        ([call("a", "1"), call("a", "2")], [response("a", "2", n=2), response("a", n=1)]),
        ([call("a"), call("b")], [response("b", n=2), response("a", n=1)]),
        ([call("a"), call("a")], [response("a", n=1), response("a", n=2)]),
        ([call("a"), call("b")], [response("?", n=1), response("!", n=2)]),
        ([call("a"), call("b", "2")], [response("b", n=2), response("x", n=1)]),
    ],
    ids=["by id", "by id, then name", "by name", "by order", "by order only", "by name, then order"],
)
def test_responses_take_the_places_of_their_calls(calls: list[Any], responses: list[Any]) -> None:
    pieces = turns(HELLO, model(*calls), user(*responses))[2].pieces

    assert [piece.response for piece in pieces if isinstance(piece, FunctionResponse)] == [{"n": 1}, {"n": 2}]
    ids = [piece.id for piece in pieces if isinstance(piece, FunctionResponse)]
    assert ids == [one["functionCall"].get("id", "") for one in calls]


def test_many_calls_are_matched_in_no_time() -> None:
    calls = [call("a", str(number)) for number in range(20_000)]
    responses = [response("a", str(number), n=number) for number in reversed(range(20_000))]

    pieces = turns(HELLO, model(*calls), user(*responses))[2].pieces

    assert isinstance(pieces[0], FunctionResponse)
    assert pieces[0].response == {"n": 0}


@pytest.mark.parametrize(
    "said",
    [
        {"text": "Hm.", "thought": True},
        {"thought": True},
        {"thoughtSignature": "c2ln"},
        {"text": "", "thoughtSignature": "c2ln"},
    ],
)
def test_thoughts_are_not_told_to_the_model_again(said: dict[str, Any]) -> None:
    assert turns(HELLO, model(said, {"text": "Hi!"}), HELLO)[1] == Turn("model", (Text("Hi!"),))


def test_a_signed_call_is_a_call() -> None:
    signed = call("a") | {"thoughtSignature": "c2ln"}

    assert turns(HELLO, model(signed), user(response("a")))[1].pieces == (FunctionCall("a", {}),)


ALTERNATE = "Please ensure that multiturn requests alternate between user and model."
ENDS = "Please ensure that multiturn requests ends with a user role or a function response."
SINGLE = "Please ensure that single turn requests end with a user role or the role field is empty."
CALL = (
    "Please ensure that function call turn comes immediately after a user turn or after a function response turn."
)
RESPONSE = "Please ensure that function response turn comes immediately after a function call turn."
COUNT = (
    "Please ensure that the number of function response parts is equal to the number of function call parts of "
    "the function call turn."
)


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ([{"role": "user"}], "it must include at least one parts field"),
        ([user({})], "it must have a text parameter"),
        ([user({"thought": True})], "it must have a text parameter"),
        ([user({"text": ""})], "it has an empty text parameter"),
        ([HELLO, model({}), HELLO], "it must have a text parameter"),
        ([user({"text": "x"}, role="root")], "Please use a valid role: user, model.."),
        ([user({"text": "x"}, role="function")], "Please use a valid role: user, model.."),
        ([HELLO, {"parts": [{"text": "x"}]}], "Please use a valid role: user, model.."),
        ([HI], SINGLE),
        ([HELLO, HI], ENDS),
        ([HELLO, model(call("a"))], ENDS),
        ([model(call("a")), user(response("a"))], CALL),
        ([HELLO, HI, user(response("a"))], RESPONSE),
        ([user(response("a"))], RESPONSE),
        ([HELLO, model(call("a")), user(response("a")), user(response("a"))], RESPONSE),
        ([HELLO, model(call("a")), HELLO], COUNT),
        ([HELLO, model(call("a"), call("b")), user(response("a")), user(response("b"))], COUNT),
        ([HELLO, model(call("a")), user(response("a"), response("b"))], COUNT),
        ([HELLO, model(response("a")), HELLO], "a functionResponse is in a turn of the wrong role"),
        ([user(call("a"))], "a functionCall is in a turn of the wrong role"),
        ([HELLO, model(call("")), HELLO], "it has a functionCall without a name"),
        ([HELLO, model(call("a")), user(response(""))], "it has a functionResponse without a name"),
        (
            [HELLO, model(call("a")), user({"functionResponse": {"name": "a"}})],
            "it has a functionResponse without a response",
        ),
    ],
)
def test_contents_are_refused_in_googles_words(contents: list[Any], words: str) -> None:
    assert words in refused(*contents)


def test_old_models_want_turns_to_alternate() -> None:
    assert refused(HELLO, HELLO, asked="gemini-1.0-pro-002") == ALTERNATE


def test_anything_can_be_counted() -> None:
    half = turns_to_count(decoded(model(call("a"), {"text": "Hi"}), {"role": "robot"}, user({"text": ""})))

    assert half == (Turn("model", (Text("Hi"), FunctionCall("a", {}))), Turn("user", ()))


def test_system_instruction_is_paragraphs_whatever_its_role() -> None:
    found = Catalogue().find("gemini-1.5-flash")
    assert found
    (system,) = decoded(user({"text": "Be brief."}, {"text": "Be kind."}, role="anything"))

    assert system_of(system, found.profile) == (Text("Be brief."), Text("Be kind."))


@pytest.mark.parametrize("system", [None, Content(), Content(role="user")])
def test_an_empty_system_instruction_is_absent(system: Content | None) -> None:
    found = Catalogue().find("gemini-1.0-pro-001")
    assert found

    assert system_of(system, found.profile) == ()
