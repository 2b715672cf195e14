"""What one HTTP client may take: filled in from the settings by ``app.py``, applied by ``doors/http1.py``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds.

    ``header_seconds`` runs from the first byte of a request, and for the first one from the accept. A body must
    bring ``body_rate`` bytes a second on the average of every ``body_seconds``. ``write_seconds`` is how long a
    client may read nothing while bytes wait for it. ``pipelined`` requests may wait behind the one being answered.
    20 MiB is Vertex AI's own limit of a request, and 8 KiB what common proxies take as a URL. ``streamed`` has the
    limits of bodies that are never held in memory, by the beginning of their path.
    """

    url_bytes: int = 8_192
    header_bytes: int = 65_536
    header_count: int = 100
    header_seconds: float = 10
    body_bytes: int = 20_971_520
    streamed: Mapping[str, int] = field(default_factory=dict)
    body_rate: int = 1_024
    body_seconds: float = 20
    keep_alive_seconds: float = 75
    write_seconds: float = 30
    pipelined: int = 100
    connections: int = 10_000

    def of_body(self, path: str) -> int:
        """How many bytes the body of a request to ``path`` may have."""
        for beginning, limit in self.streamed.items():
            if path.startswith(beginning):
                return limit
        return self.body_bytes
