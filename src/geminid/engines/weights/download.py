"""From an address to a file: ranged, resumed, measured and hashed.

A connection that breaks is taken up again where it broke, as long as each try brings something; after that the
part stays on the disk for the next run. A part is continued under the server's own validator (If-Range). Where a
server has none, the pinned hash tells whether the parts fit; if not, all is read once more. A server without
ranges is read from the start.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from geminid.engines.weights import web
from geminid.engines.weights.cache import Partial, require_room
from geminid.engines.weights.pins import Progress, WeightsError
from geminid.engines.weights.sources import shown

_CHUNK = 1 << 18
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Remote:
    """A body to receive. ``hint`` is what to do when the server wants to know who asks."""

    url: str
    label: str
    sha256: str
    size: int | None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    hint: str = "Put credentials into the address: https://USER:PASSWORD@HOST/…"


class _Cut(Exception):
    """The body ended before its length; what came is kept."""


def download(remote: Remote, partial: Partial, progress: Progress) -> None:
    """Makes ``partial`` hold all of ``remote``, its hash checked.

    Raises WeightsError. A body that is wrong is deleted, one that is incomplete is kept.
    """
    is_pieced = _receive(remote, partial, progress)
    if is_pieced and partial.sha256 != remote.sha256:
        progress.note("The parts that came are not of one file. Once more from the start.")
        partial.restart()
        _receive(remote, partial, progress)
    partial.require(remote.sha256, shown(remote.url))


def _receive(remote: Remote, partial: Partial, progress: Progress) -> bool:
    """Gets ``partial`` to its full length; says whether it is made of several parts."""
    is_pieced = partial.length > 0
    for _ in range(_TRIES):
        before = partial.length
        try:
            _continue(remote, partial, progress)
        except _Cut as cut:
            if partial.length <= before:
                break
            progress.note(f"The connection broke ({cut}). Resuming.")
            is_pieced = True
        else:
            return is_pieced
    raise WeightsError(
        f"The connection to {shown(remote.url)} broke after {partial.length:,} bytes. Run the same command again: "
        "it goes on from there where the server allows it."
    )


def _continue(remote: Remote, partial: Partial, progress: Progress) -> None:
    if partial.length and partial.length == remote.size:
        return
    with _open(remote, partial) as response:
        offset, total = _extent(response, partial.length)
        if total is not None and remote.size not in (None, total):
            partial.discard()
            raise WeightsError(
                f"{shown(remote.url)} has {total:,} bytes, and {remote.size:,} were expected: it is not the file "
                "that was pinned. Nothing was kept."
            )
        if offset == 0:
            partial.restart(_validator(response))
        expected = remote.size if total is None else total
        if expected is not None:
            require_room(partial.folder, expected - offset)
        progress.start(remote.label, expected, offset)
        _pour(response, partial, expected, progress)


def _open(remote: Remote, partial: Partial) -> http.client.HTTPResponse:
    """Asks for the rest where a part can be continued, else for all."""
    if partial.length:
        part = {"Range": f"bytes={partial.length}-"}
        if partial.validator:
            part["If-Range"] = partial.validator
        try:
            return _get(remote, {**remote.headers, **part})
        except web.Refused as refused:
            if refused.status != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
        partial.restart()
    return _get(remote, remote.headers)


def _get(remote: Remote, headers: Mapping[str, str]) -> http.client.HTTPResponse:
    try:
        return web.get(remote.url, headers)
    except web.Refused as refused:
        if refused.status in (401, 403):
            raise WeightsError(f"{refused} {remote.hint}") from refused
        raise


def _extent(response: http.client.HTTPResponse, asked: int) -> tuple[int, int | None]:
    """Where the body that comes begins in the file, and how long the whole file is."""
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != asked:
            raise WeightsError(f"{shown(response.url)} answered with another range than was asked for.")
        return asked, None if found[2] == "*" else int(found[2])
    if response.status != http.HTTPStatus.OK:
        raise WeightsError(f"{shown(response.url)} answered {response.status} and no file.")
    return 0, response.length


def _validator(response: http.client.HTTPResponse) -> str:
    """What If-Range may carry: a strong ETag, or else the date (RFC 9110, 13.1.5)."""
    etag = response.headers.get("ETag", "")
    value = etag if etag.startswith('"') else response.headers.get("Last-Modified", "")
    return value if value.isascii() else ""


def _pour(response: http.client.HTTPResponse, partial: Partial, expected: int | None, progress: Progress) -> None:
    while chunk := _read(response):
        if expected is not None and partial.length + len(chunk) > expected:
            partial.discard()
            raise WeightsError(
                f"{shown(response.url)} sends more than the {expected:,} bytes expected: it is not the file that "
                "was pinned. Nothing was kept."
            )
        partial.append(chunk)
        progress.advance(len(chunk))
    if expected is not None and partial.length < expected:
        raise _Cut(f"{partial.length:,} of {expected:,} bytes came")


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _Cut(getattr(error, "strerror", None) or type(error).__name__) from error
