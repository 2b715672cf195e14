"""Model files: which are known, where they are kept, how they get there.

Not an engine, and nothing here opens a model: an engine is handed paths. ``geminid models`` and ``geminid serve``
call this; all of it blocks, so a server calls it on a worker thread.

    weights = CATALOGUE["smollm2-135m"]      # or Weights(…), for a file of one's own
    model = prepared(weights) or fetch(weights, progress)
    projector = projector_path(weights)      # None, but for a model that sees images
"""

from __future__ import annotations

from pathlib import Path

from geminid.engines.weights import cache, conversion
from geminid.engines.weights.catalogue import CATALOGUE, DEFAULT, OBSERVERS
from geminid.engines.weights.pins import Conversion, File, Licence, Progress, Silent, Weights, WeightsError
from geminid.engines.weights.sources import Disk, parse

__all__ = [
    "CATALOGUE",
    "DEFAULT",
    "OBSERVERS",
    "Conversion",
    "File",
    "Licence",
    "Progress",
    "Silent",
    "Weights",
    "WeightsError",
    "cache_folder",
    "cached",
    "damaged",
    "fetch",
    "origin",
    "prepared",
    "projector_path",
]


def cached(weights: Weights) -> Path | None:
    """The file to serve, if it is here, and with it all other files of the model.

    That is the converted one where the model has one; without it, the one that was fetched. Cheap: looks at names
    and lengths only. Raises WeightsError for a source of no known form.
    """
    model, *others = weights.files
    if not all(_is_here(file) for file in others):
        return None
    return _converted(weights) or (_path(model) if _is_here(model) else None)


def prepared(weights: Weights) -> Path | None:
    """The same where ``fetch`` has nothing left to bring in or to convert. As cheap as ``cached``."""
    return cached(weights) if weights.conversion is None or _converted(weights) else None


def projector_path(weights: Weights) -> Path | None:
    """The second file of a model that sees images, wherever ``cached`` or ``fetch`` answers with the first."""
    return _path(weights.projector) if weights.projector else None


def fetch(weights: Weights, progress: Progress | None = None) -> Path:
    """Brings in what is not here yet, every hash checked; answers with the file to serve.

    Where the conversion fails, ``progress`` is told why, and the answer is the file that was fetched. A ``file:``
    source is read in full each time. Raises WeightsError; an exception that ``progress`` raises comes through.
    Safe to run in several threads and processes at once: one works, the others wait for it.
    """
    from geminid.engines.weights import store

    progress = progress or Silent()
    model, *_ = [store.bring(file, progress) for file in weights.files]
    if weights.conversion is None:
        return model
    try:
        return conversion.convert(model, weights.conversion, progress)
    except WeightsError as error:
        progress.note(f"{model.name} is used as it is, though it is slower: {error}")
        return model


def damaged(weights: Weights) -> list[Path]:
    """Those files of the model that are here and have not their hash. Reads all of them, at some 0.5 to 2 GB/s."""
    pins = [(_path(file), file.sha256) for file in weights.files]
    if weights.conversion:
        pins.append((conversion.place(weights.conversion), weights.conversion.sha256))
    return [path for path, sha256 in pins if cache.is_damaged(path, sha256)]


def cache_folder() -> Path:
    """Where fetched files are kept: GEMINID_CACHE or the user's own cache folder. It need not exist."""
    return cache.folder()


def origin(weights: Weights) -> str:
    """The source of the model file in a few words, without credentials."""
    return str(parse(weights.source))


def _converted(weights: Weights) -> Path | None:
    if weights.conversion is None:
        return None
    path = conversion.place(weights.conversion)
    return path if cache.has(path, weights.conversion.size) else None


def _is_here(file: File) -> bool:
    return cache.has(_path(file), file.size)


def _path(file: File) -> Path:
    source = parse(file.source)
    return source.path if isinstance(source, Disk) else cache.place(file.sha256, source.file_name)
