"""Blobs in a bucket of S3, of Cloud Storage, or of a server that speaks like one of them, below a prefix.

Implements ``blobs.Blobs``; made by ``build/stores.py``. Keys are where obstore looks for them: in the variables of
AWS or Google, or with the machine's own identity. The only file of this folder that knows obstore.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib.util
import logging
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Final

from geminid.errors import UNAVAILABLE, Unavailable
from geminid.storage.base import StorageError
from geminid.storage.blobs import NAME

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_CONNECT: Final = dt.timedelta(seconds=10)
_WHOLE: Final = dt.timedelta(minutes=5)
"""For one request, which may be of hundreds of megabytes."""
_RETRIES: Final = 3
_RETRYING: Final = dt.timedelta(seconds=30)
_ENDPOINT: Final = {"s3": "endpoint", "gs": "base_url"}
"""The key of obstore for where a bucket is, by the scheme of its URL."""

_log = logging.getLogger("geminid.storage")


class BlobBucket:
    """Any store of obstore's. Others may write there at any time."""

    def __init__(self, store: ObjectStore, place: str) -> None:
        self._store = store
        self._place = place

    async def open(self) -> bool:
        """As ``Blobs`` says: never alone."""
        return False

    async def admit(self) -> None:
        """Others are not kept out."""

    async def put(self, name: str, data: bytes) -> None:
        """As ``Blobs`` says. In one request: of an upload in parts, parts could be left behind."""
        import obstore

        with self._reported():
            await obstore.put_async(self._store, name, data, use_multipart=False)

    async def get(self, name: str) -> bytes | None:
        """As ``Blobs`` says."""
        import obstore

        with self._reported():
            try:
                found = await obstore.get_async(self._store, name)
                return bytes(await found.bytes_async())
            except FileNotFoundError:
                return None

    async def delete(self, name: str) -> None:
        """As ``Blobs`` says."""
        import obstore

        with self._reported(), contextlib.suppress(FileNotFoundError):
            await obstore.delete_async(self._store, name)

    async def names(self, before: dt.datetime | None = None) -> Collection[str]:
        """As ``Blobs`` says, by the clock of the bucket."""
        import obstore

        with self._reported():
            return [
                meta["path"]
                async for page in obstore.list(self._store)
                for meta in page
                if NAME.fullmatch(meta["path"]) and (before is None or meta["last_modified"] < before)
            ]

    async def aclose(self) -> None:
        """Nothing is held open."""

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError) as error:
            _log.error("the blobs in %s cannot be used: %s", self._place, str(error).partition("\n")[0])
            raise Unavailable(UNAVAILABLE) from error


def open_bucket(url: str, endpoint: str = "") -> BlobBucket:
    """Of ``s3://BUCKET/PREFIX`` or ``gs://BUCKET/PREFIX``; ``endpoint`` is the URL of another server than theirs.

    Nothing is asked of it yet. Raises StorageError for a URL that is none, and without obstore.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in _ENDPOINT or not rest.strip("/"):
        raise StorageError(f"Blobs are kept in a folder, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX, not {url!r}.")
    if importlib.util.find_spec("obstore") is None:
        raise StorageError("Buckets need a package more: pip install 'geminid[media]'.")

    from obstore.exceptions import BaseError
    from obstore.store import from_url

    config: Any = {_ENDPOINT[scheme]: endpoint.rstrip("/")} if endpoint else {}
    try:
        store = from_url(
            url.rstrip("/"),
            config=config,
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "connect_timeout": _CONNECT,
                "timeout": _WHOLE,
            },
            retry_config={"max_retries": _RETRIES, "retry_timeout": _RETRYING},
        )
    except (BaseError, ValueError) as error:
        raise StorageError(f"{url} cannot be opened: {str(error).partition(chr(10))[0]}.") from error
    return BlobBucket(store, url)
