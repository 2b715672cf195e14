"""The messages of Model Garden against those of Google's own package."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud.aiplatform_v1beta1 import types as google

from geminid.wire import models
from geminid.wire.message import Message, describe

MESSAGES = (
    models.GetPublisherModelRequest,
    models.ListPublisherModelsRequest,
    models.ListPublisherModelsResponse,
    models.PublisherModel,
)


@pytest.mark.parametrize("message", MESSAGES)
def test_numbers_are_googles(message: type[Message]) -> None:
    theirs: dict[str, Any] = getattr(google, message.proto_name).meta.fields

    for spec in describe(message).fields:
        assert theirs[spec.name].number == spec.number


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (models.OpenSourceCategory, google.PublisherModel.OpenSourceCategory),
        (models.LaunchStage, google.PublisherModel.LaunchStage),
        (models.PublisherModelView, google.PublisherModelView),
    ],
)
def test_enums_are_googles(ours: Any, theirs: Any) -> None:
    assert {value.name: value.number for value in ours} == {value.name: int(value) for value in theirs}
