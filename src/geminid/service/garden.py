"""Which models there are: ModelGardenService of Vertex AI, ModelService of the Developer API.

Both tell the catalogue, each in its own messages. The names are Google's, the promises are those of the profiles,
and the limits are what the engine behind an id can hold.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence

from geminid.call import Call, Stream
from geminid.errors import InvalidArgument
from geminid.gemini import support
from geminid.gemini.profiles import Model
from geminid.service.registry import Registry
from geminid.wire import developer
from geminid.wire.models import (
    GetPublisherModelRequest,
    LaunchStage,
    ListPublisherModelsRequest,
    ListPublisherModelsResponse,
    OpenSourceCategory,
    PublisherModel,
)

_PARENT = "publishers/google"
_DEFAULT_PAGE = 50
_LARGEST_PAGE = 1000
_SUPPORTED = ("generateContent", "countTokens", "createCachedContent")


class ModelGardenService:
    """The RPCs of google.cloud.aiplatform.ModelGardenService that tell about models."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def get_publisher_model(self, call: Call) -> Stream:
        """One PublisherModel. Raises NotFound in the words of a generation for the same model."""
        request = call.request
        assert isinstance(request, GetPublisherModelRequest)
        yield _publisher_model(self._registry.find(request.name).model)

    async def list_publisher_models(self, call: Call) -> Stream:
        """One page; a publisher other than Google has no models."""
        request = call.request
        assert isinstance(request, ListPublisherModelsRequest)
        for name in ("filter", "order_by"):
            if getattr(request, name):
                raise support.refusal(name)
        models = list(self._registry.catalogue) if request.parent == _PARENT else []
        page, token = _page(models, request.page_size, request.page_token)
        yield ListPublisherModelsResponse(
            publisher_models=[_publisher_model(model) for model in page], next_page_token=token
        )


class ModelService:
    """The RPCs of google.ai.generativelanguage.ModelService, but for tuned models."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def get_model(self, call: Call) -> Stream:
        """One Model. Raises NotFound."""
        request = call.request
        assert isinstance(request, developer.GetModelRequest)
        yield self._model(self._registry.find(request.name).model)

    async def list_models(self, call: Call) -> Stream:
        """One page of the catalogue."""
        request = call.request
        assert isinstance(request, developer.ListModelsRequest)
        page, token = _page(list(self._registry.catalogue), request.page_size, request.page_token)
        yield developer.ListModelsResponse(models=[self._model(model) for model in page], next_page_token=token)

    def _model(self, model: Model) -> developer.Model:
        """``version`` is 001 for ids without one, as Google prints it."""
        profile = model.profile
        numbered = model.version.isdigit()
        engine = self._registry.find(f"{_PARENT}/models/{model.id}").engine
        context = engine.capabilities.context_tokens
        return developer.Model(
            name=f"models/{model.id}",
            version=model.version if numbered else "001",
            display_name=f"{profile.title} {model.version}"
            if numbered and model.id == model.stable
            else profile.title,
            input_token_limit=min(profile.input_tokens, context),
            output_token_limit=min(profile.max_output_tokens, context),
            supported_generation_methods=list(_SUPPORTED),
            temperature=profile.default_temperature,
            top_p=profile.default_top_p,
            top_k=profile.default_top_k,
            max_temperature=float(math.floor(profile.temperature.high)),
        )


def _publisher_model(model: Model) -> PublisherModel:
    name = f"{_PARENT}/models/{model.id}"
    return PublisherModel(
        name=name,
        version_id=model.version,
        open_source_category=OpenSourceCategory.PROPRIETARY,
        launch_stage=LaunchStage.PUBLIC_PREVIEW if "preview" in model.stable else LaunchStage.GA,
        publisher_model_template=f"projects/{{project}}/locations/{{location}}/{name}",
    )


def _page(models: Sequence[Model], size: int, token: str) -> tuple[Sequence[Model], str]:
    """The models of one page, and the token of the next. A token is the place where its page begins."""
    if size < 0:
        raise InvalidArgument("The page size must not be negative.")
    start = _place(token)
    end = start + min(size or _DEFAULT_PAGE, _LARGEST_PAGE)
    return models[start:end], base64.urlsafe_b64encode(b"%d" % end).decode() if end < len(models) else ""


def _place(token: str) -> int:
    if not token:
        return 0
    try:
        place = int(base64.urlsafe_b64decode(token))
    except ValueError:
        place = -1
    if place < 0:
        raise InvalidArgument("The page token is invalid. Use the token of the page before, unchanged.")
    return place
