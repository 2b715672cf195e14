"""Cached contents by bare gRPC: stubs as one writes them by hand, and what the trailers say of an error."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import grpc
import pytest
from google.cloud import aiplatform_v1, aiplatform_v1beta1
from google.protobuf.empty_pb2 import Empty
from google.rpc import error_details_pb2, status_pb2

HOME = "projects/by-hand/locations/us-central1"
MODEL = f"{HOME}/publishers/google/models/gemini-2.5-flash"
BOOK = {"model": MODEL, "contents": [{"role": "user", "parts": [{"text": "A book."}]}]}
NOBODY = f"{HOME}/cachedContents/1"

ANSWERS = {"ListCachedContents": "ListCachedContentsResponse", "GenerateContent": "GenerateContentResponse"}
"""What a method answers with that does not answer with a CachedContent."""


class Server(Protocol):
    grpc: str
    tls: str
    ca: Path


@dataclass(frozen=True, slots=True)
class Stub:
    """The methods of one version over one channel."""

    channel: Any
    version: Any

    def __call__(self, method: str, **fields: Any) -> Any:
        request = getattr(self.version, f"{method}Request")
        package = request.pb().DESCRIPTOR.file.package
        service = "PredictionService" if method == "GenerateContent" else "GenAiCacheService"
        answer = getattr(self.version, ANSWERS.get(method, "CachedContent")).deserialize
        call = self.channel.unary_unary(
            f"/{package}.{service}/{method}",
            request_serializer=request.serialize,
            response_deserializer=Empty.FromString if method.startswith("Delete") else answer,
        )
        return call(request(fields), timeout=10)

    def create(self, **fields: Any) -> Any:
        return self("CreateCachedContent", parent=HOME, cached_content=BOOK | fields)

    def use(self, name: str, **fields: Any) -> Any:
        question = [{"role": "user", "parts": [{"text": "Why?"}]}]
        return self("GenerateContent", **{"model": MODEL, "contents": question, "cached_content": name} | fields)


@pytest.fixture(params=["plaintext", "TLS"])
def channel(request: pytest.FixtureRequest, scripted: Server) -> Iterator[grpc.Channel]:
    if request.param == "plaintext":
        channel = grpc.insecure_channel(scripted.grpc)
    else:
        channel = grpc.secure_channel(scripted.tls, grpc.ssl_channel_credentials(scripted.ca.read_bytes()))
    with channel:
        yield channel


@pytest.fixture(params=[aiplatform_v1, aiplatform_v1beta1], ids=["v1", "v1beta1"])
def stub(request: pytest.FixtureRequest, channel: grpc.Channel) -> Stub:
    return Stub(channel, request.param)


@pytest.fixture
def plain(scripted: Server) -> Iterator[Stub]:
    with grpc.insecure_channel(scripted.grpc) as channel:
        yield Stub(channel, aiplatform_v1)


def test_a_cache_from_its_making_to_its_end(stub: Stub) -> None:
    made = stub.create(ttl={"seconds": 60})
    answer = stub.use(made.name)
    listed = stub("ListCachedContents", parent=HOME, page_size=1)
    found = stub("GetCachedContent", name=made.name)
    changed = stub("UpdateCachedContent", cached_content={"name": made.name, "ttl": {"seconds": 90}})
    deleted = stub("DeleteCachedContent", name=made.name)

    assert answer.usage_metadata.cached_content_token_count == made.usage_metadata.total_token_count == 3
    assert [each.name for each in listed.cached_contents] == [made.name]
    assert found == made
    assert (changed.expire_time - changed.update_time).seconds == 90
    assert deleted == Empty()
    with pytest.raises(grpc.RpcError) as error:
        stub.use(made.name)
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_cache_is_sent_back_whole_with_another_lifetime_and_no_mask(plain: Stub) -> None:
    """As Google's sample for C# does it."""
    found = plain("GetCachedContent", name=plain.create(display_name="book").name)
    before = found.expire_time
    found.ttl = dt.timedelta(hours=2)

    changed = plain("UpdateCachedContent", cached_content=found)

    assert changed.expire_time - changed.update_time == dt.timedelta(hours=2)
    assert changed.expire_time > before
    assert changed.display_name == "book"


# What is refused: the request, the code and the text, and the field that the details name.

CODE = grpc.StatusCode
REFUSED = {
    "a name of no cache": (
        "GetCachedContent", {"name": NOBODY},
        CODE.NOT_FOUND, "Not found: cached content metadata for 1.", None,
    ),
    "no name": ("GetCachedContent", {}, CODE.INVALID_ARGUMENT, "Invalid CachedContent name: .", None),
    "an id alone": (
        "DeleteCachedContent", {"name": "1234567890"},
        CODE.INVALID_ARGUMENT, "Invalid CachedContent name: 1234567890.", None,
    ),
    "a deletion of nothing": (
        "DeleteCachedContent", {"name": NOBODY}, CODE.NOT_FOUND, "Cached content 1 is not found.", None,
    ),
    "an update of nothing": (
        "UpdateCachedContent", {"cached_content": {"name": NOBODY, "ttl": {"seconds": 60}}},
        CODE.NOT_FOUND, "Cached content 1 is not found.", None,
    ),
    "a page of another list": (
        "ListCachedContents", {"parent": HOME, "page_token": "?"}, CODE.INVALID_ARGUMENT, "The page token", None,
    ),
    "a parent without a location": (
        "CreateCachedContent", {"parent": "projects/p", "cached_content": BOOK},
        CODE.INVALID_ARGUMENT, "Invalid parent: projects/p.", None,
    ),
    "an unknown model": (
        "CreateCachedContent", {"parent": HOME, "cached_content": BOOK | {"model": "gemini-9"}},
        CODE.NOT_FOUND, "Publisher Model", None,
    ),
    "no model": (
        "CreateCachedContent", {"parent": HOME, "cached_content": BOOK | {"model": ""}},
        CODE.INVALID_ARGUMENT, "Unable to submit request because it has no model", "cached_content.model",
    ),
    "nothing to keep": (
        "CreateCachedContent", {"parent": HOME, "cached_content": {"model": MODEL}},
        CODE.INVALID_ARGUMENT, "Unable to submit request because at least one", "cached_content.contents",
    ),
    "a time that is over": (
        "CreateCachedContent", {"parent": HOME, "cached_content": BOOK | {"expire_time": {"seconds": 1}}},
        CODE.INVALID_ARGUMENT, "Unable to submit request because it has an expireTime in the past",
        "cached_content.expire_time",
    ),
    "a key of one's own": (
        "CreateCachedContent",
        {"parent": HOME, "cached_content": BOOK | {"encryption_spec": {"kms_key_name": "k"}}},
        CODE.UNIMPLEMENTED, "`cached_content.encryption_spec` is not supported", "cached_content.encryption_spec",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("method", "request_", "code", "text", "field"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(
    plain: Stub, method: str, request_: dict[str, Any], code: grpc.StatusCode, text: str, field: str | None
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        plain(method, **request_)

    assert error.value.code() is code
    assert error.value.details().startswith(text)
    assert violations(error.value) == ([field] if field else [])


@pytest.mark.parametrize("field", ["display_name", "model"])
def test_nothing_but_the_expiration_can_be_changed(plain: Stub, field: str) -> None:
    made = plain.create()

    with pytest.raises(grpc.RpcError) as error:
        plain(
            "UpdateCachedContent",
            cached_content={"name": made.name, field: "other"},
            update_mask={"paths": [field]},
        )

    assert error.value.code() is CODE.INVALID_ARGUMENT
    assert violations(error.value) == [f"cached_content.{field}"]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"system_instruction": {"parts": [{"text": "Be brief."}]}}, "Tool config, tools and system instruction"),
        ({"tools": [{"function_declarations": [{"name": "f"}]}]}, "Tool config, tools and system instruction"),
        ({"tool_config": {"function_calling_config": {"mode": 2}}}, "Tool config, tools and system instruction"),
        ({"model": MODEL.replace("2.5", "2.0")}, "Cached content model does not match the model in the request."),
        ({"cached_content": "1234567890"}, "Invalid CachedContent name: 1234567890."),
    ],
    ids=["system instruction", "tools", "tool config", "other model", "id alone"],
)
def test_a_request_that_does_not_fit_its_cache(plain: Stub, fields: dict[str, Any], text: str) -> None:
    with pytest.raises(grpc.RpcError) as error:
        plain.use(plain.create().name, **fields)

    assert error.value.code() is CODE.INVALID_ARGUMENT
    assert error.value.details().startswith(text)


@pytest.mark.parametrize(
    "other", ["projects/other/locations/us-central1", "projects/by-hand/locations/europe-west4"]
)
def test_caches_of_other_places_are_as_if_they_were_not_there(plain: Stub, other: str) -> None:
    made = plain.create()
    name = made.name.replace(HOME, other)

    with pytest.raises(grpc.RpcError) as unknown:
        plain("GetCachedContent", name=name)
    with pytest.raises(grpc.RpcError) as unusable:
        plain.use(made.name, model=MODEL.replace(HOME, other))

    assert unknown.value.code() is unusable.value.code() is CODE.NOT_FOUND
    assert not plain("ListCachedContents", parent=other).cached_contents


def violations(error: Any) -> list[str]:
    """The fields that google.rpc.BadRequest in ``grpc-status-details-bin`` names."""
    fields: list[str] = []
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            status = status_pb2.Status.FromString(value)
            assert (status.code, status.message) == (error.code().value[0], error.details())
            for detail in status.details:
                bad = error_details_pb2.BadRequest()
                assert detail.Unpack(bad)
                fields += [violation.field for violation in bad.field_violations]
    return fields
