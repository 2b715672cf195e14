"""The usage records of a loaded server add up to what its clients were told. `bench/` asks for more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOTALS = Path(__file__).parents[1] / "bench" / "usage_totals.py"


def test_records_add_up_to_what_clients_saw() -> None:
    command = [sys.executable, TOTALS, "--calls", "600", "--clients", "64"]

    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "600 calls from 64 clients" in ended.stdout
    assert "0 problems" in ended.stdout
