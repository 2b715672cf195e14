"""The example of the README runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

README = Path(__file__).parents[2] / "README.md"


class HasUrl(Protocol):
    url: str


@pytest.mark.model
def test_the_example_prints_an_answer(embedded: HasUrl) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    program = example.replace("http://127.0.0.1:8080", embedded.url)

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)

    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()
