"""A rater for a service of the operator's own, asked over HTTP.

    POST url       {"texts": ["one", "two"]}
    200            {"ratings": [[{"category": "HARM_CATEGORY_HATE_SPEECH", "probability": 0.1, "severity": 0.2,
                                  "evidence": "rule 7"}], []]}

One list for each text, in order; a category that is left out was not judged. No error and no log line has
the address or the key. Built by ``build/``.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Annotated

import aiohttp
import msgspec
from msgspec import Meta

from geminid import errors
from geminid.judgement import Category
from geminid.safety.base import Score, Scores

_log = logging.getLogger(__name__)

CATEGORIES = {f"HARM_CATEGORY_{category.name}": category for category in Category}

_ANSWER_BYTES = 4 * 1024 * 1024
_IDLE_SECONDS = 4.0
_Fraction = Annotated[float, Meta(ge=0, le=1)]


class _Rating(msgspec.Struct):
    category: str
    probability: _Fraction
    severity: _Fraction
    evidence: str = ""


class _Answer(msgspec.Struct):
    ratings: list[list[_Rating]]


class HttpRater:
    """``key_env`` names the variable that has the bearer token; ``seconds`` bounds a request in all."""

    def __init__(self, url: str, *, title: str = "http", key_env: str | None = None, seconds: float = 5.0) -> None:
        self.name = title
        self._url = url
        self._key_env = key_env
        self._timeout = aiohttp.ClientTimeout(total=seconds)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    def ready(self) -> str | None:
        if self._key_env and not os.environ.get(self._key_env):
            return f"export {self._key_env}=…"
        return None

    async def rate(self, texts: Sequence[str]) -> list[Scores]:
        """Raises Unavailable when there is no answer, or none that can be read."""
        if not texts:
            return []
        try:
            answer = await self._ask(texts)
            if len(answer.ratings) != len(texts):
                raise msgspec.ValidationError(f"{len(answer.ratings)} lists of ratings for {len(texts)} texts")
            return [_scores(ratings) for ratings in answer.ratings]
        except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError, OSError) as error:
            told = str(error) if isinstance(error, msgspec.DecodeError) else type(error).__name__
            _log.warning("the rater %s gave no ratings: %s", self.name, told)
            raise errors.Unavailable(errors.UNAVAILABLE) from error

    async def aclose(self) -> None:
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def _ask(self, texts: Sequence[str]) -> _Answer:
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(self._key_env or ""):
            headers["Authorization"] = f"Bearer {key}"
        body = msgspec.json.encode({"texts": texts})
        async with self._open().post(self._url, data=body, headers=headers, allow_redirects=False) as response:
            if response.status != 200:
                raise _Refused(f"status {response.status}")
            return msgspec.json.decode(await _read(response), type=_Answer)

    def _open(self) -> aiohttp.ClientSession:
        if self._closed:
            raise errors.Unavailable(errors.UNAVAILABLE)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
            )
        return self._session


class _Refused(msgspec.DecodeError):
    """An answer that has no ratings."""


async def _read(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > _ANSWER_BYTES:
            raise _Refused(f"more than {_ANSWER_BYTES} bytes")
    return bytes(content)


def _scores(ratings: Sequence[_Rating]) -> Scores:
    scores: dict[Category, Score] = {}
    for rating in ratings:
        if rating.category not in CATEGORIES:
            raise msgspec.ValidationError(f"category is none of {', '.join(CATEGORIES)}")
        scores[CATEGORIES[rating.category]] = Score(rating.probability, rating.severity, rating.evidence)
    return scores
