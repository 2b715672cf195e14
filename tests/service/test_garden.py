from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from geminid.call import Call
from geminid.engines.scripted import Script, Scripted
from geminid.errors import InvalidArgument, NotFound, Unimplemented
from geminid.gemini.profiles import Catalogue
from geminid.service.garden import ModelGardenService, ModelService
from geminid.service.registry import Registry
from geminid.wire import developer
from geminid.wire.message import Message
from geminid.wire.models import (
    GetPublisherModelRequest,
    LaunchStage,
    ListPublisherModelsRequest,
    OpenSourceCategory,
    PublisherModel,
)

REGISTRY = Registry(Catalogue({"my-model": "gemini-1.5-flash"}), Scripted(), {})
GARDEN = ModelGardenService(REGISTRY)
MODELS = ModelService(REGISTRY)
ALL = [model.id for model in REGISTRY.catalogue]


def call(request: Message) -> Call:
    return Call(method="…Service.Method", request=request, received=dt.datetime.now(dt.UTC), door="rest")


async def only(stream: Any) -> Any:
    (message,) = [message async for message in stream]
    return message


async def test_a_publisher_model() -> None:
    request = GetPublisherModelRequest(name="publishers/google/models/gemini-1.5-flash-002")

    model = await only(GARDEN.get_publisher_model(call(request)))

    assert model == PublisherModel(
        name="publishers/google/models/gemini-1.5-flash-002",
        version_id="002",
        open_source_category=OpenSourceCategory.PROPRIETARY,
        launch_stage=LaunchStage.GA,
        publisher_model_template=(
            "projects/{project}/locations/{location}/publishers/google/models/gemini-1.5-flash-002"
        ),
    )


async def test_a_preview_is_said_to_be_one() -> None:
    request = GetPublisherModelRequest(name="publishers/google/models/gemini-3-pro-preview")

    model = await only(GARDEN.get_publisher_model(call(request)))

    assert (model.version_id, model.launch_stage) == ("default", LaunchStage.PUBLIC_PREVIEW)


async def test_an_unknown_publisher_model_is_not_found() -> None:
    request = GetPublisherModelRequest(name="publishers/google/models/text-davinci")

    with pytest.raises(NotFound, match="Publisher Model `publishers/google/models/text-davinci` was not found"):
        await only(GARDEN.get_publisher_model(call(request)))


async def test_pages_of_publisher_models_add_up() -> None:
    names: list[str] = []
    request = ListPublisherModelsRequest(parent="publishers/google", page_size=7)
    while True:
        page = await only(GARDEN.list_publisher_models(call(request)))
        assert len(page.publisher_models) <= 7
        names += [model.name for model in page.publisher_models]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token

    assert names == [f"publishers/google/models/{model_id}" for model_id in ALL]


async def test_other_publishers_have_no_models() -> None:
    page = await only(GARDEN.list_publisher_models(call(ListPublisherModelsRequest(parent="publishers/meta"))))

    assert page.publisher_models == []


async def test_a_filter_is_refused_by_name() -> None:
    request = ListPublisherModelsRequest(parent="publishers/google", filter="name:flash")

    with pytest.raises(Unimplemented, match="`filter`"):
        await only(GARDEN.list_publisher_models(call(request)))


async def test_a_model_of_the_developer_api() -> None:
    model = await only(MODELS.get_model(call(developer.GetModelRequest(name="models/gemini-1.5-flash-002"))))

    assert model == developer.Model(
        name="models/gemini-1.5-flash-002",
        version="002",
        display_name="Gemini 1.5 Flash 002",
        input_token_limit=REGISTRY.fallback.capabilities.context_tokens,
        output_token_limit=8192,
        supported_generation_methods=["generateContent", "countTokens", "createCachedContent"],
        temperature=1.0,
        top_p=0.95,
        top_k=40,
        max_temperature=2.0,
    )


async def test_limits_are_those_of_the_engine_behind_the_model() -> None:
    models = ModelService(Registry(Catalogue(), Scripted(Script(context_tokens=4096)), {}))

    model = await only(models.get_model(call(developer.GetModelRequest(name="models/gemini-2.5-pro"))))

    assert (model.input_token_limit, model.output_token_limit) == (4096, 4096)


@pytest.mark.parametrize(("page_size", "length"), [(0, min(50, len(ALL))), (3, 3), (5000, len(ALL))])
async def test_the_page_size_is_a_wish(page_size: int, length: int) -> None:
    page = await only(MODELS.list_models(call(developer.ListModelsRequest(page_size=page_size))))

    assert [model.name for model in page.models] == [f"models/{model_id}" for model_id in ALL[:length]]
    assert bool(page.next_page_token) == (length < len(ALL))


@pytest.mark.parametrize(
    "fields", [{"page_size": -1}, {"page_token": "?"}, {"page_token": "LTE="}, {"page_token": "日本"}]
)
async def test_a_page_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        await only(MODELS.list_models(call(developer.ListModelsRequest(**fields))))
