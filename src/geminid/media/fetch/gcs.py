"""Objects of Cloud Storage, or of an emulator at another endpoint. The only file here that knows obstore.

Requests are not signed: what is public is readable. Called by ``fetcher.py`` for buckets no folder stands for.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from geminid import errors
from geminid.media import base
from geminid.media.fetch import refusals, uris
from geminid.media.fetch.cache import Cache, Known, Validator
from geminid.media.fetch.policy import Policy
from geminid.media.fetch.spool import Spool

if TYPE_CHECKING:
    from obstore import GetResult, ObjectMeta
    from obstore.store import GCSStore

_log = logging.getLogger(__name__)

_ENDPOINT = "https://storage.googleapis.com"
_PIECE = 1 << 20
_RETRIES = 2
_BUCKETS = 64


class CloudStorage:
    """Buckets at ``policy.storage_endpoint``, Google's own where that is None."""

    def __init__(self, policy: Policy, cache: Cache) -> None:
        endpoint = policy.storage_endpoint or _ENDPOINT
        self._endpoint = (endpoint if "://" in endpoint else f"http://{endpoint}").rstrip("/")
        self._policy = policy
        self._cache = cache
        self._store = functools.lru_cache(_BUCKETS)(self._open)  # making one costs 5 ms

    async def get(self, stored: uris.Stored, limit: int) -> base.File:
        """NotFound, PermissionDenied, and Unavailable where Cloud Storage does not answer."""
        if importlib.util.find_spec("obstore") is None:
            raise refusals.without_storage(str(stored))
        from obstore import exceptions

        try:
            async with asyncio.timeout(self._policy.object_seconds):
                return await self._fetch(stored, limit)
        except (FileNotFoundError, exceptions.NotFoundError) as error:
            raise errors.NotFound(f"{refusals.shown(str(stored))} was not found.") from error
        except (PermissionError, exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
            raise refusals.denied() from error
        except (exceptions.InvalidPathError, ValueError) as error:
            raise refusals.unsupported(str(stored)) from error
        except (exceptions.BaseError, TimeoutError) as error:
            _log.warning("Cloud Storage did not give %s: %s", stored, str(error).partition("\n")[0])
            raise errors.Unavailable(_out_of_reach(stored)) from error

    async def _fetch(self, stored: uris.Stored, limit: int) -> base.File:
        import obstore

        store = self._store(stored.bucket)
        known = self._cache.known(str(stored))
        if known is not None and _same(known, await obstore.head_async(store, stored.name)):
            refusals.require_size(str(stored), known.size, limit)
            return await known.file()
        return await self._download(stored, await obstore.get_async(store, stored.name), limit)

    async def _download(self, stored: uris.Stored, found: GetResult, limit: int) -> base.File:
        refusals.require_size(str(stored), found.meta["size"], limit)
        async with Spool(self._cache, str(stored), limit) as spool:
            async for piece in found.stream(min_chunk_size=_PIECE):
                await spool.write(bytes(piece))
            mime_type = str(found.attributes.get("Content-Type", "")).partition(";")[0].strip()
            return await spool.keep(str(stored), mime_type, _validator(found.meta))

    def _open(self, bucket: str) -> GCSStore:
        from obstore.store import GCSStore

        return GCSStore(
            bucket,
            # all that would otherwise be taken from the environment
            config={"base_url": self._endpoint, "skip_signature": True},
            client_options={
                "allow_http": self._endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=self._policy.connect_seconds),
                "timeout": timedelta(seconds=self._policy.object_seconds),
            },
            retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=self._policy.seconds)},
        )


def _validator(meta: ObjectMeta) -> Validator:
    """The generation of the object, or its ETag."""
    return Validator(etag=meta.get("version") or meta.get("e_tag") or "")


def _same(known: Known, meta: ObjectMeta) -> bool:
    return known.validator == _validator(meta)


def _out_of_reach(stored: uris.Stored) -> str:
    return (
        f"{refusals.shown(str(stored))} cannot be read: Cloud Storage does not answer. Without a network, let a "
        f"folder stand for the bucket: in the settings, below [media.buckets], "
        f'{stored.bucket} = "./buckets/{stored.bucket}".'
    )
