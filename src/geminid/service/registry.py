"""Which engine answers for which model id. Filled by ``app.py``, asked by the services."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from geminid.engines.base import Engine
from geminid.errors import NotFound
from geminid.gemini.profiles import Catalogue, Model

_MODEL_NAME = re.compile(r"(?:(?:projects/[^/]+/locations/[^/]+/)?publishers/google/)?models/(?P<id>[^/]+)")
"""``models/ID`` is the Developer API's form."""

_VERSIONS_PAGE = "https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions"


@dataclass(frozen=True, slots=True)
class Served:
    """A model of the catalogue together with the engine that speaks for it."""

    model: Model
    engine: Engine


@dataclass(frozen=True, slots=True)
class Registry:
    """``engines`` maps ids to engines; ``fallback`` answers for all other ids of the catalogue.

    ``observing`` are engines that answer nobody, or not only: by their expressions, those that look at media.
    ``named`` has all of them by their expressions. ``chains`` are the expressions of those that are asked one
    after the other, by id, and for ``fallback`` under the empty one; absent where there is but one.
    """

    catalogue: Catalogue
    fallback: Engine
    engines: Mapping[str, Engine]
    observing: Mapping[str, Engine] = field(default_factory=dict)
    named: Mapping[str, Engine] = field(default_factory=dict)
    chains: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def find(self, name: str, attempt: int = 0) -> Served:
        """The model of a resource name, with the first engine of its chain or the one after ``attempt`` others.

        Raises NotFound in Google's words.
        """
        model = self._model(name)
        if attempt:
            return Served(model, self.named[self._chain(model)[attempt]])
        return Served(model, self.engines.get(model.id) or self.engines.get(model.stable) or self.fallback)

    def chain(self, name: str) -> Sequence[str]:
        """The expressions that may answer for a resource name; none where there is but one. Raises NotFound."""
        return self._chain(self._model(name))

    def _chain(self, model: Model) -> Sequence[str]:
        own = next((one for one in (model.id, model.stable) if one in self.engines), "")
        return self.chains.get(own, ())

    def _model(self, name: str) -> Model:
        found = _MODEL_NAME.fullmatch(name)
        if found is None:
            kind = "Endpoint" if "endpoints/" in name else "Publisher Model"
            raise NotFound(f"{kind} `{name}` not found.")
        model = self.catalogue.find(found["id"])
        if model is None:
            raise NotFound(
                f"Publisher Model `{name}` was not found or your project does not have access to it. Please "
                f"ensure you are using a valid model version. For more information, see: {_VERSIONS_PAGE}"
            )
        return model

    def all_engines(self) -> list[Engine]:
        """Each engine once."""
        engines = [self.fallback, *self.engines.values(), *self.observing.values(), *self.named.values()]
        return list({id(engine): engine for engine in engines}.values())
