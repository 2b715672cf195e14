"""Makes the runner's package importable: it is a program beside the tests, and no part of geminid."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
