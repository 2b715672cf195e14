"""Model files: which are known, where they are kept, how they get there.

Not an engine, and nothing here opens a model: an engine is handed paths. ``geminid models`` and ``geminid serve``
call this; all of it blocks, so a server calls it on a worker thread.

    weights = CATALOGUE["smollm2-135m"]      # or Weights(…), for a file of one's own
    model = cached(weights) or fetch(weights, progress)
    projector = projector_path(weights)      # None, but for a model that sees images
"""

from __future__ import annotations

from pathlib import Path

from geminid.engines.weights import cache
from geminid.engines.weights.catalogue import CATALOGUE, DEFAULT, OBSERVERS
from geminid.engines.weights.pins import File, Licence, Progress, Silent, Weights, WeightsError
from geminid.engines.weights.sources import Disk, parse

__all__ = [
    "CATALOGUE",
    "DEFAULT",
    "OBSERVERS",
    "File",
    "Licence",
    "Progress",
    "Silent",
    "Weights",
    "WeightsError",
    "cache_folder",
    "cached",
    "fetch",
    "origin",
    "projector_path",
    "verify",
]


def cached(weights: Weights) -> Path | None:
    """The model file, if it is here, and with it all other files of the model.

    Cheap: looks at names and lengths only. Raises WeightsError for a source of no known form.
    """
    paths = [_path(file) for file in weights.files]
    here = all(cache.has(path, file.size) for path, file in zip(paths, weights.files, strict=True))
    return paths[0] if here else None


def projector_path(weights: Weights) -> Path | None:
    """The second file of a model that sees images, wherever ``cached`` or ``fetch`` answers with the first."""
    return _path(weights.projector) if weights.projector else None


def fetch(weights: Weights, progress: Progress | None = None) -> Path:
    """Brings in what is not here yet, every hash checked; answers with the model file.

    A ``file:`` source is read in full each time. Raises WeightsError; an exception that ``progress`` raises comes
    through. Safe to run in several threads and processes at once: one fetches, the others wait for it.
    """
    from geminid.engines.weights import store

    model, *_ = [store.bring(file, progress or Silent()) for file in weights.files]
    return model


def verify(weights: Weights) -> bool:
    """Whether every file is here and has its hash. Reads all of them, at some 0.5 to 2 GB/s."""
    return all(cache.is_intact(_path(file), file.sha256) for file in weights.files)


def cache_folder() -> Path:
    """Where fetched files are kept: GEMINID_CACHE or the user's own cache folder. It need not exist."""
    return cache.folder()


def origin(weights: Weights) -> str:
    """The source of the model file in a few words, without credentials."""
    return str(parse(weights.source))


def _path(file: File) -> Path:
    source = parse(file.source)
    return source.path if isinstance(source, Disk) else cache.place(file.sha256, source.file_name)
