"""What is expected of a suite's tests: which are out of scope, and which get an answer that is written for them.

Read from ``expectations.yaml``. A test is named by a regular expression that is found in its id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Group:
    """Tests that have something in common. ``script`` is the file of answers that they are given, if any."""

    reason: str
    pattern: re.Pattern[str]
    script: str | None = None


@dataclass(frozen=True, slots=True)
class Expectations:
    """For one suite. Of several groups that name a test, the first one counts."""

    out_of_scope: tuple[Group, ...] = ()
    by_the_server: tuple[Group, ...] = ()
    scripted: tuple[Group, ...] = ()

    def reason(self, test: str) -> str | None:
        """Why a test is out of scope, or None."""
        return next((group.reason for group in self.out_of_scope if group.pattern.search(test)), None)

    def is_the_servers(self, test: str) -> bool:
        """Whether the server does what a test is about, so that it counts whatever the model says."""
        return any(group.pattern.search(test) for group in self.by_the_server)

    def script(self, test: str) -> str | None:
        """The file of answers for a test, or None."""
        return next((group.script for group in self.scripted if group.pattern.search(test)), None)


def load(path: Path) -> dict[str, Expectations]:
    """By the suite's name."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {suite: _expectations(**kinds) for suite, kinds in content.items()}


def _expectations(**kinds: list[dict[str, Any]]) -> Expectations:
    return Expectations(**{kind: tuple(map(_group, groups)) for kind, groups in kinds.items()})


def _group(fields: dict[str, Any]) -> Group:
    pattern = "|".join(f"(?:{test})" for test in fields["tests"])
    return Group(fields["reason"], re.compile(pattern), fields.get("script"))
