"""All that is asked of the embedded model, asked of Ray's replicas through a server of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.model, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[3]
CONFORMANCE = ROOT / "tests" / "conformance"


@pytest.mark.parametrize("subject", ["calls", "sampling", "schemas", "unicode"])
def test_conformance(deployment: Any, subject: str) -> None:
    tests = [str(CONFORMANCE / f"test_{subject}.py"), "--engine", str(deployment.server)]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--quiet", "--maxfail=5", *tests],
        cwd=ROOT,
        env=deployment.environment,
        capture_output=True,
        text=True,
    )

    print(done.stdout.splitlines()[-1:])
    assert done.returncode == 0, done.stdout + done.stderr
