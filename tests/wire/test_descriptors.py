"""Every name, number and type of ours against the descriptors that Google publishes."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import descriptor_pool

from geminid.wire.caching import (
    CreateCachedContentRequest,
    DeleteCachedContentRequest,
    GetCachedContentRequest,
    ListCachedContentsRequest,
    ListCachedContentsResponse,
    UpdateCachedContentRequest,
)
from geminid.wire.descriptors import build_pool, declared_types
from geminid.wire.generation import GenerateContentRequest, GenerateContentResponse
from geminid.wire.message import Message, WireEnum, full_name
from geminid.wire.tokens import (
    ComputeTokensRequest,
    ComputeTokensResponse,
    CountTokensRequest,
    CountTokensResponse,
)

POOLS = {version: build_pool(version) for version in ("v1", "v1beta1")}
TYPES = list(declared_types())
MESSAGES = [cls for cls in TYPES if issubclass(cls, Message)]
ENUMS = [cls for cls in TYPES if issubclass(cls, WireEnum)]

ONLY_IN = {
    # One set of messages serves both versions; these are in the protos of one only.
    "v1": {
        "Candidate.score",
        "GenerateContentResponse.PromptFeedback.BlockedReason.JAILBREAK",
        "GenerateContentResponse.UsageMetadata.TrafficType",
        "GenerateContentResponse.UsageMetadata.tool_use_prompt_tokens_details",
        "GenerateContentResponse.UsageMetadata.traffic_type",
        "GenerationConfig.ThinkingConfig.ThinkingLevel",
        "GenerationConfig.ThinkingConfig.thinking_level",
        "ImageConfig.ImageOutputOptions",
        "ImageConfig.PersonGeneration",
        "ImageConfig.image_output_options",
        "ImageConfig.image_size",
        "ImageConfig.person_generation",
        "Part.MediaResolution",
        "Part.MediaResolution.Level",
        "Part.media_resolution",
        "VideoMetadata.fps",
    },
    "v1beta1": {
        "FunctionCall.id",
        "FunctionResponse.id",
        "GenerationConfig.ModelConfig",
        "GenerationConfig.ModelConfig.FeatureSelectionPreference",
        "GenerationConfig.model_config",
        "ListPublisherModelsRequest",
        "ListPublisherModelsResponse",
        "RagChunk.chunk_id",
        "RagChunk.file_id",
        "RagRetrievalConfig.HybridSearch",
        "RagRetrievalConfig.hybrid_search",
        "VertexRagStore.rag_corpora",
        "VertexRagStore.store_context",
    },
    # On the wire of v1, ahead of the protos.
    "neither": {"GenerateContentResponse.UsageMetadata.tool_use_prompt_token_count"},
}
DECLARED_IN_PART = {
    # Model Garden is declared as far as it tells what can be called.
    "GetPublisherModelRequest",
    "ListPublisherModelsRequest",
    "PublisherModel",
}
RENUMBERED = {
    # v1 has this field as number 2, v1beta1 as number 4; ours is v1's in both.
    ("v1beta1", "EnterpriseWebSearch.blocking_confidence"),
}
PRESENCE_DIFFERS = {
    # A bound of zero is a bound: JSON bodies say it, and the published implicit presence would lose it.
    "Schema.max_items",
    "Schema.max_length",
    "Schema.max_properties",
    "Schema.maximum",
    "Schema.min_items",
    "Schema.min_length",
    "Schema.min_properties",
    "Schema.minimum",
    # Zero of an enum says nothing in ours, also where the protos could tell it from an unset field.
    "EnterpriseWebSearch.blocking_confidence",
    "GenerationConfig.RoutingConfig.AutoRoutingMode.model_routing_preference",
    "GenerationConfig.ThinkingConfig.thinking_level",
    "GenerationConfig.media_resolution",
    "ImageConfig.person_generation",
    "Tool.GoogleSearch.blocking_confidence",
}

both_versions = pytest.mark.parametrize("version", POOLS)
by_name = {"ids": lambda cls: cls.proto_name}


def expected_to_lack(version: str) -> set[str]:
    """What Google's descriptors of a version need not have."""
    return set().union(*(names for where, names in ONLY_IN.items() if where != version))


def rows(descriptor: Any) -> dict[str, tuple[Any, ...]]:
    """The fields of a message by name, with all that has to agree but presence."""
    found = {}
    for field in descriptor.fields:
        of = field.message_type or field.enum_type
        oneof = field.containing_oneof.name if field.containing_oneof else ""
        found[field.name.rstrip("_")] = (
            field.number,
            field.json_name,
            field.type,
            field.is_repeated,
            of.full_name if of else "",
            "" if oneof.startswith("_") else oneof,
        )
    return found


@both_versions
@pytest.mark.parametrize("cls", MESSAGES, **by_name)
def test_fields_are_googles(cls: type[Message], version: str, published: Any) -> None:
    theirs = published.find(cls, version)
    if theirs is None:
        assert cls.proto_name in expected_to_lack(version)
        return
    published_rows = rows(theirs.DESCRIPTOR)

    for name, row in rows(POOLS[version].FindMessageTypeByName(full_name(cls, version))).items():
        path = f"{cls.proto_name}.{name}"
        if (version, path) not in RENUMBERED and path not in expected_to_lack(version):
            assert published_rows.pop(name) == row

    if cls.proto_name not in DECLARED_IN_PART:
        missing = [name for name in published_rows if (version, f"{cls.proto_name}.{name}") not in RENUMBERED]
        assert missing == []


@both_versions
@pytest.mark.parametrize("cls", MESSAGES, **by_name)
def test_presence_is_googles(cls: type[Message], version: str, published: Any) -> None:
    theirs = published.find(cls, version)
    if theirs is None:
        return
    published_presence = {field.name.rstrip("_"): field.has_presence for field in theirs.DESCRIPTOR.fields}

    for field in POOLS[version].FindMessageTypeByName(full_name(cls, version)).fields:
        if field.name in published_presence and f"{cls.proto_name}.{field.name}" not in PRESENCE_DIFFERS:
            assert published_presence[field.name] == field.has_presence


@both_versions
@pytest.mark.parametrize("cls", ENUMS, **by_name)
def test_enums_are_googles(cls: type[WireEnum], version: str, published: Any) -> None:
    try:
        theirs = published.pool.FindEnumTypeByName(full_name(cls, version))
    except KeyError:
        assert cls.proto_name in expected_to_lack(version)
        return

    ours = {
        member.name: member.number
        for member in cls
        if f"{cls.proto_name}.{member.name}" not in expected_to_lack(version)
    }
    assert ours == {value.name: value.number for value in theirs.values}


@both_versions
def test_everything_a_method_can_hold_is_declared(version: str, published: Any) -> None:
    methods = [
        GenerateContentRequest, GenerateContentResponse, CountTokensRequest, CountTokensResponse,
        ComputeTokensRequest, ComputeTokensResponse, CreateCachedContentRequest, GetCachedContentRequest,
        UpdateCachedContentRequest, DeleteCachedContentRequest, ListCachedContentsRequest,
        ListCachedContentsResponse,
    ]  # fmt: skip
    declared = {full_name(cls, version) for cls in TYPES}
    to_see = [published.find(cls, version).DESCRIPTOR for cls in methods]
    seen: set[str] = set()

    while to_see:
        descriptor = to_see.pop()
        if descriptor.full_name in seen or descriptor.full_name.startswith("google.protobuf."):
            continue
        seen.add(descriptor.full_name)
        is_map = descriptor.GetOptions().map_entry if hasattr(descriptor, "fields") else False
        assert is_map or descriptor.full_name in declared
        for field in getattr(descriptor, "fields", ()):
            to_see += [of for of in (field.message_type, field.enum_type) if of]


def test_the_pools_are_our_own(published: Any) -> None:
    name = "google.cloud.aiplatform.v1.Part"

    assert POOLS["v1"].FindMessageTypeByName(name) is not published.pool.FindMessageTypeByName(name)
    assert published.pool is descriptor_pool.Default()
    with pytest.raises(KeyError):
        POOLS["v1"].FindMessageTypeByName("google.cloud.aiplatform.v1beta1.Part")
