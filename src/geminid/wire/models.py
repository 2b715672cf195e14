"""Model Garden: the models of a publisher, one or a page of them.

The messages of Google's publisher_model.proto and model_garden_service.proto, as far as they tell what a client
can call. Declarations only. The list is part of v1beta1; geminid serves it under v1 as well, where newer clients
ask for it.
"""

from __future__ import annotations

from geminid.wire.message import Int32, Message, WireEnum, field


class OpenSourceCategory(WireEnum, proto="PublisherModel.OpenSourceCategory"):
    """Whose weights a model has."""

    OPEN_SOURCE_CATEGORY_UNSPECIFIED = "OPEN_SOURCE_CATEGORY_UNSPECIFIED", 0
    PROPRIETARY = "PROPRIETARY", 1
    GOOGLE_OWNED_OSS_WITH_GOOGLE_CHECKPOINT = "GOOGLE_OWNED_OSS_WITH_GOOGLE_CHECKPOINT", 2
    THIRD_PARTY_OWNED_OSS_WITH_GOOGLE_CHECKPOINT = "THIRD_PARTY_OWNED_OSS_WITH_GOOGLE_CHECKPOINT", 3
    GOOGLE_OWNED_OSS = "GOOGLE_OWNED_OSS", 4
    THIRD_PARTY_OWNED_OSS = "THIRD_PARTY_OWNED_OSS", 5


class LaunchStage(WireEnum, proto="PublisherModel.LaunchStage"):
    """How far a model is released."""

    LAUNCH_STAGE_UNSPECIFIED = "LAUNCH_STAGE_UNSPECIFIED", 0
    EXPERIMENTAL = "EXPERIMENTAL", 1
    PRIVATE_PREVIEW = "PRIVATE_PREVIEW", 2
    PUBLIC_PREVIEW = "PUBLIC_PREVIEW", 3
    GA = "GA", 4


class PublisherModelView(WireEnum):
    """How much of a model to tell. The views differ in fields that are not declared here."""

    PUBLISHER_MODEL_VIEW_UNSPECIFIED = "PUBLISHER_MODEL_VIEW_UNSPECIFIED", 0
    PUBLISHER_MODEL_VIEW_BASIC = "PUBLISHER_MODEL_VIEW_BASIC", 1
    PUBLISHER_MODEL_VIEW_FULL = "PUBLISHER_MODEL_VIEW_FULL", 2
    PUBLISHER_MODEL_VERSION_VIEW_BASIC = "PUBLISHER_MODEL_VERSION_VIEW_BASIC", 3


class GetPublisherModelRequest(Message):
    """Asks for one model, as ``publishers/google/models/ID``."""

    name: str = field(1)
    language_code: str = field(2)
    view: PublisherModelView | None = field(3)


class ListPublisherModelsRequest(Message):
    """Asks for a page of the models of ``parent``, such as ``publishers/google``."""

    parent: str = field(1)
    filter: str = field(2)
    page_size: Int32 = field(3)
    page_token: str = field(4)
    view: PublisherModelView | None = field(5)
    order_by: str = field(6)
    language_code: str = field(7)
    list_all_versions: bool = field(8)


class ListPublisherModelsResponse(Message):
    """A page of models; the last one has no token."""

    publisher_models: list[PublisherModel] = field(1)
    next_page_token: str = field(2)


class PublisherModel(Message):
    """One model id. The template is its name with the caller's project and location left open."""

    name: str = field(1)
    version_id: str = field(2)
    open_source_category: OpenSourceCategory | None = field(7)
    launch_stage: LaunchStage | None = field(29)
    publisher_model_template: str = field(30)
