"""A deterministic rater: it finds what it was told to, for the tests of those who build on geminid.

Without a file it reads marks: a text with ``HATE_SPEECH:0.9/0.8`` has that probability and severity, one with
``HATE_SPEECH:HIGH/LOW`` these levels. A file adds words, delays and failures:

    [[rules]]
    when = "slow"                       # a piece of the text, case-sensitive; without it, every text
    category = "HARASSMENT"             # what is left out is not rated by this rule
    probability = "MEDIUM"              # a level, or a number from 0 to 1
    severity = 0.2                      # as probable as it is, unless told
    delay_ms = 300

    [[rules]]
    when = "broken"
    fail = {code = "UNAVAILABLE"}

All rules that fit a text count: of the scores the highest, of the delays the longest. Built by ``build/``.
"""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from geminid import errors
from geminid.judgement import Category, Level
from geminid.safety.base import Score, Scores
from geminid.safety.policy import worst
from geminid.safety.raters.verdicts import BY_LEVEL

HARMLESS = Score(0.01, 0.01)
"""Of every category that nothing was said about."""

_LEVEL_NAMES = "|".join(level.name for level in Level)
_AMOUNT = rf"{_LEVEL_NAMES}|0(?:\.\d+)?|1(?:\.0+)?"
_MARK = re.compile(rf"\b({'|'.join(category.name for category in Category)}):({_AMOUNT})(?:/({_AMOUNT}))?")

CategoryName: TypeAlias = Literal["HATE_SPEECH", "DANGEROUS_CONTENT", "HARASSMENT", "SEXUALLY_EXPLICIT"]
Amount: TypeAlias = Literal["NEGLIGIBLE", "LOW", "MEDIUM", "HIGH"] | Annotated[float, Meta(ge=0, le=1)]
Milliseconds: TypeAlias = Annotated[float, Meta(ge=0)]


class RulesError(Exception):
    """A file of rules that cannot be used; the message names the file and the key."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Failure(_Table, frozen=True):
    """``code`` is a name of google.rpc.Code."""

    code: str = "UNAVAILABLE"
    message: str = "The script says that the rater fails."

    def __post_init__(self) -> None:
        if self.code == "OK" or self.code not in errors.Code.__members__:
            raise ValueError(f"`code` is {self.code!r}, which is no failure of google.rpc.Code")


class Rule(_Table, frozen=True):
    """What a text that has ``when`` in it gets."""

    when: str = ""
    category: CategoryName | None = None
    probability: Amount | None = None
    severity: Amount | None = None
    delay_ms: Milliseconds = 0
    fail: Failure | None = None

    def __post_init__(self) -> None:
        if (self.category is None) != (self.probability is None):
            raise ValueError("a rule has both `category` and `probability`, or neither")
        if self.severity is not None and self.probability is None:
            raise ValueError("`severity` needs a `probability`")


class Rules(_Table, frozen=True):
    """The whole file."""

    rules: list[Rule] = []

    @classmethod
    def load(cls, path: Path) -> Rules:
        """Reads TOML. Raises RulesError."""
        try:
            return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), cls)
        except OSError as error:
            raise RulesError(f"cannot read {path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
            raise RulesError(f"{path}: {error}") from error


class ScriptedRater:
    """``rated`` is every text that was asked about, in order: what a test may want to know of a cache."""

    name = "scripted"

    def __init__(self, rules: Rules | None = None) -> None:
        self._rules = (rules or Rules()).rules
        self.rated: list[str] = []

    def ready(self) -> str | None:
        return None

    async def rate(self, texts: Sequence[str]) -> list[Scores]:
        self.rated.extend(texts)
        fitting = [rule for rule in self._rules if any(rule.when in text for text in texts)]
        if delay := max((rule.delay_ms for rule in fitting), default=0):
            await asyncio.sleep(delay / 1000)
        for rule in fitting:
            if rule.fail:
                raise errors.by_code(errors.Code[rule.fail.code])(rule.fail.message)
        return [self._scores(text) for text in texts]

    async def aclose(self) -> None:
        pass

    def _scores(self, text: str) -> Scores:
        said = [*_marked(text), *self._ruled(text)]
        return worst([dict.fromkeys(Category, HARMLESS), *({category: score} for category, score in said)])

    def _ruled(self, text: str) -> Iterator[tuple[Category, Score]]:
        for rule in self._rules:
            if rule.category and rule.probability is not None and rule.when in text:
                severity = rule.probability if rule.severity is None else rule.severity
                yield Category[rule.category], Score(_number(rule.probability), _number(severity), rule.when)


def _marked(text: str) -> Iterator[tuple[Category, Score]]:
    for found in _MARK.finditer(text):
        name, probability, severity = found.groups()
        yield Category[name], Score(_number(probability), _number(severity or probability), found[0])


def _number(amount: str | float) -> float:
    if isinstance(amount, str) and amount in Level.__members__:
        return BY_LEVEL[Level[amount]]
    return float(amount)
