"""Makes the runner's package importable, and the makers of media: they are no part of geminid."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1] / "media" / "makers"))
