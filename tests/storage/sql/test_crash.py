"""A process that is killed while it writes loses nothing of what it acknowledged. `bench/` has more rounds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CRASH = Path(__file__).parents[3] / "bench" / "storage_crash.py"


def test_what_was_acknowledged_survives_being_killed(url: str) -> None:
    run = subprocess.run(
        [sys.executable, CRASH, url, "--rounds", "10"], capture_output=True, text=True, timeout=110, check=False
    )

    assert (run.returncode, run.stderr) == (0, ""), run.stdout
    assert run.stdout.startswith("10 rounds, ")
