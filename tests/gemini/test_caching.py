from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest

from geminid.attachment import Kind, Media
from geminid.errors import ApiError, InvalidArgument, PromptTooLong, Unimplemented
from geminid.gemini.caching import (
    DEFAULT_TTL,
    Minimum,
    OtherModel,
    check_form,
    check_model,
    check_size,
    expiration,
    prefix_of,
    renewed,
    tokens_by_kind,
    usage_of,
    with_cache,
)
from geminid.gemini.profiles import Catalogue, Model
from geminid.generation import Generation, Text, Turn
from geminid.wire import json
from geminid.wire.caching import CachedContent
from geminid.wire.content import Content, Part
from geminid.wire.generation import GenerateContentRequest
from geminid.wire.message import Duration, FieldMask, Timestamp
from geminid.wire.tools import ToolConfig

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=dt.UTC)
FUNCTION = {"functionDeclarations": [{"name": "look_up", "parameters": {"type": "OBJECT", "properties": {}}}]}
CALL = {"role": "model", "parts": [{"functionCall": {"name": "look_up", "args": {}}}]}


def cached(**fields: Any) -> CachedContent:
    return json.decode(CachedContent, msgspec.json.encode({"model": "models/gemini-2.5-flash"} | fields))


def says(text: str, role: str = "user") -> dict[str, Any]:
    return {"role": role, "parts": [{"text": text}]}


def model(name: str = "gemini-2.5-flash") -> Model:
    found = Catalogue().find(name)
    assert found
    return found


BOOK = cached(contents=[says("A long book.")], systemInstruction=says("Be brief."))


# What may be cached.


@pytest.mark.parametrize(
    ("content", "field", "message"),
    [
        (CachedContent(contents=BOOK.contents), "model", "it has no model"),
        (cached(), "contents", "at least one contents field is required"),
        (cached(systemInstruction={}), "contents", "at least one contents field is required"),
        (cached(contents=[says("a")], displayName="x" * 129), "display_name", "129 characters"),
    ],
)
def test_form(content: CachedContent, field: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message) as error:
        check_form(content)

    (detail,) = error.value.details
    assert detail.fields()["fieldViolations"][0]["field"] == f"cached_content.{field}"  # type: ignore[index]


def test_encryption_is_refused_by_name() -> None:
    with pytest.raises(Unimplemented, match=r"`cached_content\.encryption_spec`"):
        check_form(cached(contents=[says("a")], encryptionSpec={"kmsKeyName": "k"}))


@pytest.mark.parametrize("fields", [{"systemInstruction": says("Be brief.")}, {"tools": [FUNCTION]}])
def test_a_cache_needs_no_contents_where_it_has_something_else(fields: dict[str, Any]) -> None:
    content = cached(**fields)

    check_form(content)

    assert prefix_of(content, model().profile).texts()


def test_a_prefix_counts_what_a_request_with_it_counts() -> None:
    content = cached(
        contents=[says("A book."), says("I read it.", "model")],
        systemInstruction=says("Be brief."),
        tools=[FUNCTION],
    )

    assert prefix_of(content, model().profile).texts()[:3] == ["Be brief.", "A book.", "I read it."]
    assert "look_up" in prefix_of(content, model().profile).texts()[3]


@pytest.mark.parametrize(
    "contents",
    [
        [says("A book.")],
        [says("A book.", "")],
        [says("A book."), says("I read it.", "model")],
        [says("Look."), CALL],
    ],
)
def test_a_prefix_may_end_wherever_a_request_can_go_on(contents: list[dict[str, Any]]) -> None:
    prefix = prefix_of(cached(contents=contents, tools=[FUNCTION]), model().profile)

    assert len(prefix.turns) == len(contents)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"contents": [says("a", "robot")]}, "Please use a valid role"),
        ({"contents": [{"role": "user"}]}, "at least one parts field"),
        (
            {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png"}}]}]},
            "empty inlineData",
        ),
        ({"contents": [CALL]}, "function call turn comes immediately after"),
        (
            {"contents": [says("a")], "systemInstruction": {"parts": [{"inlineData": {"data": "AA=="}}]}},
            "text par",
        ),
        (
            {"contents": [says("a")], "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}},
            "Function calling config is set without function_declarations.",
        ),
        ({"contents": [says("a")], "tools": [{"googleSearch": {}}]}, r"`tools\[0\]\.google_search`"),
    ],
)
def test_what_no_request_may_have_cannot_be_cached(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiError, match=message):
        prefix_of(cached(**fields), model().profile)


def test_a_prefix_that_is_too_small() -> None:
    with pytest.raises(InvalidArgument) as error:
        check_size(12, 32_768, 1_000_000)

    assert error.value.message == (
        "The cached content is of 12 tokens. The minimum token count to start caching is 32768."
    )


def test_a_prefix_that_is_too_large() -> None:
    with pytest.raises(PromptTooLong):
        check_size(101, 1, 100)


def test_minima_are_by_id_then_by_version() -> None:
    minimum = Minimum(5, {"gemini-1.5-flash-002": 32_768, "gemini-1.5-flash": 7})

    asked = ["gemini-1.5-flash", "gemini-1.5-flash-latest", "gemini-2.5-flash"]

    assert [minimum.of(model(name)) for name in asked] == [7, 32_768, 5]


def test_usage_tells_tokens_characters_and_pictures() -> None:
    picture = Media(Kind.IMAGE, (), 258)
    prefix = Generation(turns=(Turn("user", (picture, Text("Größe"), picture)),), system=(Text("Hi"),))

    usage = usage_of(prefix, 523)

    assert (usage.total_token_count, usage.text_count, usage.image_count) == (523, 7, 2)
    assert tokens_by_kind(prefix, 7) == {Kind.IMAGE: 516, Kind.TEXT: 7}


# Expiration.


@pytest.mark.parametrize(
    ("ttl", "after"),
    [
        (Duration(3600), dt.timedelta(hours=1)),
        (Duration(3, 500_000_000), dt.timedelta(seconds=3.5)),
        (Duration(0, 1_000), dt.timedelta(microseconds=1)),
    ],
)
def test_a_ttl_is_from_now(ttl: Duration, after: dt.timedelta) -> None:
    assert expiration(CachedContent(ttl=ttl), NOW) == NOW + after


def test_an_expire_time_is_taken_as_it_is() -> None:
    tomorrow = NOW + dt.timedelta(days=1)
    given = Timestamp(int(tomorrow.timestamp()), 678_901_000)

    assert expiration(CachedContent(expire_time=given), NOW) == tomorrow


def test_without_either_the_server_decides() -> None:
    assert expiration(CachedContent(), NOW) is None
    assert dt.timedelta(seconds=3600) == DEFAULT_TTL


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CachedContent(ttl=Duration(0)), "not positive"),
        (CachedContent(ttl=Duration(-1)), "not positive"),
        (CachedContent(ttl=Duration(315_576_000_000)), "after the year 9999"),
        (CachedContent(expire_time=Timestamp(0)), "in the past"),
        (CachedContent(expire_time=Timestamp(int(NOW.timestamp()))), "in the past"),
    ],
)
def test_times_that_cannot_be(content: CachedContent, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        expiration(content, NOW)


@pytest.mark.parametrize("mask", [None, FieldMask(), FieldMask(["ttl"]), FieldMask(["*"])])
def test_an_update_needs_no_mask(mask: FieldMask | None) -> None:
    assert renewed(CachedContent(ttl=Duration(60)), mask, BOOK, NOW) == NOW + dt.timedelta(minutes=1)


def test_a_cache_may_be_sent_back_whole() -> None:
    whole = cached(contents=[says("A long book.")], systemInstruction=says("Be brief."), ttl="60s")

    assert renewed(whole, None, BOOK, NOW) == NOW + dt.timedelta(minutes=1)


@pytest.mark.parametrize(
    ("update", "mask"),
    [
        (cached(contents=[says("Another book.")], ttl="60s"), None),
        (CachedContent(display_name="new", ttl=Duration(60)), None),
        (CachedContent(model="models/other", ttl=Duration(60)), FieldMask(["*"])),
        (CachedContent(ttl=Duration(60)), FieldMask(["ttl", "display_name"])),
    ],
)
def test_nothing_else_can_be_changed(update: CachedContent, mask: FieldMask | None) -> None:
    with pytest.raises(InvalidArgument, match="cannot be changed"):
        renewed(update, mask, BOOK, NOW)


def test_what_the_mask_leaves_out_is_not_looked_at() -> None:
    update = CachedContent(display_name="new", ttl=Duration(60))

    assert renewed(update, FieldMask(["ttl"]), BOOK, NOW)


def test_an_update_that_asks_for_nothing() -> None:
    assert renewed(CachedContent(), None, BOOK, NOW) is None


def test_an_update_whose_mask_names_a_time_that_it_does_not_have() -> None:
    with pytest.raises(InvalidArgument, match="neither a ttl nor an expireTime"):
        renewed(CachedContent(), FieldMask(["ttl"]), BOOK, NOW)


# Use.


def question(**fields: Any) -> GenerateContentRequest:
    return GenerateContentRequest(
        model="m", cached_content="c", contents=[Content(role="user", parts=[Part(text="Who?")])], **fields
    )


def test_what_is_cached_stands_before_what_is_asked() -> None:
    request = question(labels={"team": "a"})

    whole = with_cache(request, BOOK)

    assert [content.parts[0].text for content in whole.contents] == ["A long book.", "Who?"]
    assert whole.system_instruction == BOOK.system_instruction
    assert (whole.cached_content, whole.labels, whole.model) == ("", {"team": "a"}, "m")
    assert request.cached_content == "c"


def test_a_role_may_be_left_out_of_either_half() -> None:
    alone = CachedContent(contents=[Content(parts=[Part(text="A book.")])])
    request = GenerateContentRequest(contents=[Content(parts=[Part(text="Who?")])])

    assert [content.role for content in with_cache(request, alone).contents] == ["user", "user"]
    assert alone.contents[0].role == ""


@pytest.mark.parametrize(
    "fields",
    [
        {"system_instruction": Content(parts=[Part(text="Be long.")])},
        {"tools": cached(tools=[FUNCTION]).tools},
        {"tool_config": cached(toolConfig={"functionCallingConfig": {"mode": "AUTO"}}).tool_config},
    ],
)
def test_a_request_with_a_cache_has_no_instruction_and_tools_of_its_own(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument) as error:
        with_cache(question(**fields), BOOK)

    assert error.value.message == (
        "Tool config, tools and system instruction should not be set in the request when using cached content."
    )


def test_empty_messages_are_no_instruction_and_no_tools() -> None:
    assert with_cache(question(system_instruction=Content(role="user"), tool_config=ToolConfig()), BOOK)


def test_a_request_with_a_cache_asks_something() -> None:
    with pytest.raises(InvalidArgument, match="at least one contents field is required"):
        with_cache(GenerateContentRequest(cached_content="c"), BOOK)


def test_an_alias_is_the_model_it_stands_for() -> None:
    check_model(model("gemini-1.5-flash"), model("gemini-1.5-flash-002"))


def test_another_model() -> None:
    with pytest.raises(OtherModel, match=r"Cached content model does not match the model in the request\."):
        check_model(model("gemini-1.5-pro"), model("gemini-1.5-flash"))
