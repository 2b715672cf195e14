from __future__ import annotations

import shutil
import subprocess

import pytest

from geminid.cli.shells import Shell, assignment

AWKWARD = ["plain", "", "two words", "a'b", 'a"b', "$HOME `id` \\ #x", "back\\'slash", "é\u2019s", "a|b;c&d\nnext"]


@pytest.mark.parametrize(
    ("shell", "program"),
    [(Shell.BASH, "sh"), (Shell.BASH, "bash"), (Shell.FISH, "fish"), (Shell.POWERSHELL, "pwsh")],
)
def test_the_shell_reads_what_was_meant(shell: Shell, program: str) -> None:
    if not shutil.which(program):
        pytest.skip(f"needs {program}")
    lines = [f"{assignment(shell, 'NAME', value)}\nprintenv NAME" for value in AWKWARD]

    printed = subprocess.run([program, "-c", "\n".join(lines)], capture_output=True, text=True, check=True).stdout

    assert printed == "".join(f"{value}\n" for value in AWKWARD)


def test_fish_escapes_the_backslash_and_the_quote() -> None:
    assert assignment(Shell.FISH, "A", "it's a \\ $x") == r"set -gx A 'it\'s a \\ $x'"


def test_powershell_doubles_every_kind_of_single_quote() -> None:
    assert assignment(Shell.POWERSHELL, "A", "it's $x \u2019") == "$env:A = 'it''s $x \u2019\u2019'"
