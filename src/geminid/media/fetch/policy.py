"""What may be fetched, from where, and how much of it. Values only: ``app.py`` makes them from the settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from geminid.media.fetch.addresses import Network

GIB = 1024**3


def _cache_dir() -> Path:
    """``$GEMINID_CACHE/media``, or ``media`` in the user's own cache folder. It need not exist."""
    root = os.environ.get("GEMINID_CACHE")
    base = Path(root).expanduser().absolute() if root else platformdirs.user_cache_path("geminid", appauthor=False)
    return base / "media"


@dataclass(frozen=True, slots=True)
class Policy:
    """Sizes are bytes, times seconds.

    ``max_bytes`` bounds one file (Google's own bound for fileData is 2 GB). ``seconds`` bounds one fetch over HTTP
    with all its redirects, ``connect_seconds`` each of its connections, ``object_seconds`` one object of a bucket
    or one video of YouTube. ``networks`` are private networks that may be fetched from all the same;
    ``file_roots`` the folders that file:// reaches; ``buckets`` the folders that stand for buckets of Cloud
    Storage; ``storage_endpoint`` replaces Cloud Storage itself (STORAGE_EMULATOR_HOST). ``cache_dir`` is where
    downloads are kept, at most ``cache_bytes`` of them. ``abreast`` downloads run at a time, ``waiting`` wait.
    """

    max_bytes: int = 2 * GIB
    seconds: float = 60
    connect_seconds: float = 10
    object_seconds: float = 900
    redirects: int = 5
    networks: tuple[Network, ...] = ()
    file_roots: tuple[Path, ...] = ()
    buckets: Mapping[str, Path] = field(default_factory=dict)
    storage_endpoint: str | None = None
    youtube: bool = True
    cache_dir: Path = field(default_factory=_cache_dir)
    cache_bytes: int = 8 * GIB
    abreast: int = 32
    waiting: int = 256
