"""One thing that ``geminid check`` looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """``advice`` says what to do when it is not ``ok``."""

    subject: str
    ok: bool
    text: str
    advice: str = ""
