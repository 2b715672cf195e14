"""What is found out about a text: how harmful it is, and where it was said before; and what was asked for.

Values that ``gemini/``, ``safety/``, ``citations/`` and ``service/`` share. Names, levels and order are Google's:
https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/configure-safety-filters
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class Category(enum.Enum):
    """A kind of harm that has a threshold. The order is that of recorded answers."""

    HATE_SPEECH = "hate_speech"
    DANGEROUS_CONTENT = "dangerous_content"
    HARASSMENT = "harassment"
    SEXUALLY_EXPLICIT = "sexually_explicit"


class Level(enum.IntEnum):
    """How likely, or how bad."""

    NEGLIGIBLE = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4


class Threshold(enum.Enum):
    """From which level on content is blocked. OFF does not even rate."""

    BLOCK_LOW_AND_ABOVE = Level.LOW
    BLOCK_MEDIUM_AND_ABOVE = Level.MEDIUM
    BLOCK_ONLY_HIGH = Level.HIGH
    BLOCK_NONE = None
    OFF = 0


class Method(enum.Enum):
    """What the level is of: the probability of harm alone, or its severity, where it is probable at all."""

    PROBABILITY = "probability"
    SEVERITY = "severity"


@dataclass(frozen=True, slots=True)
class Setting:
    threshold: Threshold
    method: Method = Method.PROBABILITY


@dataclass(frozen=True, slots=True)
class Policy:
    """What a request asks for, category by category."""

    settings: Mapping[Category, Setting]
    rates: bool = field(init=False)
    """Whether anything is to be rated: with every category OFF answers have no ratings."""

    def __post_init__(self) -> None:
        rates = any(setting.threshold is not Threshold.OFF for setting in self.settings.values())
        object.__setattr__(self, "rates", rates)


@dataclass(frozen=True, slots=True)
class Rating:
    """Of one category of one text. Scores are 0 to 1."""

    category: Category
    probability: Level
    probability_score: float
    severity: Level
    severity_score: float
    blocked: bool = False


class Reason(enum.Enum):
    """Why a text is withheld. The names are those of Google's BlockedReason and FinishReason."""

    SAFETY = "safety"
    BLOCKLIST = "blocklist"
    PROHIBITED_CONTENT = "prohibited_content"
    SPII = "spii"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of judging a text: its ratings, and why it is withheld, if it is."""

    ratings: tuple[Rating, ...] = ()
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Date:
    """When a text was published, as ``google.type.Date`` has it: zero is unknown."""

    year: int
    month: int = 0
    day: int = 0


@dataclass(frozen=True, slots=True)
class Citation:
    """``answer.encode()[start:end]`` was said before: from its first word to the end of its last.

    The Developer API counts in bytes (google/ai/generativelanguage/v1beta/citation.proto); Vertex AI does not say,
    and gets the same.
    """

    start: int
    end: int
    uri: str = ""
    title: str = ""
    license: str = ""
    date: Date | None = None
