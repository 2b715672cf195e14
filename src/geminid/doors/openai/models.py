"""The list of models in OpenAI's form. Called by ``door.py``."""

from __future__ import annotations

import msgspec

from geminid.errors import NotFound
from geminid.gemini.profiles import Catalogue


def listing(catalogue: Catalogue, prefix: str) -> bytes:
    """The JSON of all models, each id after ``prefix``."""
    models = [_model(prefix + model.id) for model in catalogue]
    return msgspec.json.encode({"data": models, "object": "list"})


def one(catalogue: Catalogue, prefix: str, asked: str) -> bytes:
    """The JSON of one model, asked for with a prefix or without. Raises NotFound."""
    model_id = bare(asked)
    if catalogue.find(model_id) is None:
        raise NotFound(f"models/{model_id[:300]} is not found.")
    return msgspec.json.encode(_model(prefix + model_id))


def bare(model: str) -> str:
    """The id of a model without the prefixes that clients give it where the path names no publisher."""
    return model.removeprefix("models/").removeprefix("google/")


def _model(model_id: str) -> dict[str, object]:
    """Google tells no time of creation, and OpenAI's clients expect one."""
    return {"created": 0, "id": model_id, "object": "model", "owned_by": "google"}
