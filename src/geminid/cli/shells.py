"""How the shells spell variables: one exported assignment, and what has to be quoted in it. Pure.

Called by ``geminid env``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final


class Shell(StrEnum):
    """The languages that variables can be printed in; ``bash`` serves every POSIX shell."""

    BASH = "bash"
    FISH = "fish"
    POWERSHELL = "powershell"


def assignment(shell: Shell, name: str, value: str) -> str:
    """A line that exports ``value``, whatever characters it holds, under ``name``."""
    return _ASSIGNMENTS[shell](name, value)


def _bash(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}"


def _fish(name: str, value: str) -> str:
    """In fish's single quotes the backslash still escapes itself and the quote."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{escaped}'"


def _powershell(name: str, value: str) -> str:
    """PowerShell takes the typographic single quotes for the plain one; doubling escapes each."""
    escaped = re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", value)
    return f"$env:{name} = '{escaped}'"


_ASSIGNMENTS: Final[Mapping[Shell, Callable[[str, str], str]]] = {
    Shell.BASH: _bash,
    Shell.FISH: _fish,
    Shell.POWERSHELL: _powershell,
}
