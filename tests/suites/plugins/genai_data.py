"""A pytest plugin for google-genai's own tests: puts the sample files where they look for them.

Their wheel does not carry these, and tests open some when they are imported. ``SUITE_SAMPLES`` names the folder.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import google.genai


def pytest_configure() -> None:
    data = Path(google.genai.__path__[0]) / "tests" / "data"
    shutil.copytree(os.environ["SUITE_SAMPLES"], data, dirs_exist_ok=True)
