"""Brings what a ``fileUri`` names, as the policy allows. Made by ``app.py``, called by ``understand.py``."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias, assert_never

from geminid.media import base
from geminid.media.fetch import local, refusals, uris
from geminid.media.fetch.cache import Cache
from geminid.media.fetch.flights import Flights
from geminid.media.fetch.gcs import CloudStorage
from geminid.media.fetch.http import OpenSocket, Web, system_socket
from geminid.media.fetch.lookup import Resolve, SystemResolver
from geminid.media.fetch.policy import Policy
from geminid.media.fetch.youtube import YouTube

FindUploaded: TypeAlias = Callable[[str, str], Awaitable[base.File]]
"""The uploaded file of an id and its owner. Raises ApiError where that owner has none."""


class Fetcher:
    """The keywords replace what is the system's own: how names are resolved, how sockets are made, who is trusted
    to certify hosts, and what is run as yt-dlp. Without ``uploads`` URIs of uploaded files are refused."""

    def __init__(
        self,
        policy: Policy,
        *,
        resolve: Resolve | None = None,
        open_socket: OpenSocket = system_socket,
        tls: ssl.SSLContext | None = None,
        yt_dlp: Sequence[str] | None = None,
        uploads: FindUploaded | None = None,
    ) -> None:
        self._policy = policy
        self._uploads = uploads
        self._system = SystemResolver()
        self._flights = Flights(policy.abreast, policy.waiting)
        self.cache = Cache(policy.cache_dir, policy.cache_bytes)
        self._web = Web(policy, self.cache, resolve or self._system, open_socket=open_socket, tls=tls)
        self._cloud = CloudStorage(policy, self.cache)
        self._youtube = YouTube(policy, self.cache, yt_dlp)

    async def get(self, uri: str, *, limit: int | None = None, owner: str = "") -> base.File:
        """The file at ``uri``, of at most ``limit`` bytes and the policy's ``max_bytes``; ``owner`` asks for it.

        A file that came over the network and is on disk stays while its path object, ``File.content``, is
        referenced, and may go afterwards. Raises InvalidArgument for URIs that are not fetched and files that are
        not had; NotFound, PermissionDenied and Unavailable for objects of buckets; PermissionDenied for uploaded
        files that ``owner`` does not have; ResourceExhausted where too much is asked for at once.
        """
        reference = self._mapped(uris.read(uri))
        most = self._policy.max_bytes if limit is None else min(limit, self._policy.max_bytes)
        match reference:
            case uris.Local():
                return await asyncio.to_thread(local.of_root, reference, self._policy.file_roots, most)
            case uris.Uploaded():
                return await self._uploaded(reference, owner, most)
            case uris.Stored():
                if (folder := self._policy.buckets.get(reference.bucket)) is not None:
                    return await asyncio.to_thread(local.of_bucket, reference, folder, most)
                download = partial(self._cloud.get, reference, most)
            case uris.Page():
                download = partial(self._web.get, reference, most)
            case uris.Video():
                download = partial(self._youtube.get, reference, most)
            case _:
                assert_never(reference)
        return await self._flights.join((reference, most), download)

    async def _uploaded(self, reference: uris.Uploaded, owner: str, limit: int) -> base.File:
        if self._uploads is None:
            raise refusals.unsupported(str(reference))
        file = await self._uploads(reference.id, owner)
        refusals.require_size(str(reference), await asyncio.to_thread(lambda: file.size), limit)
        return file

    def _mapped(self, reference: uris.Reference) -> uris.Reference:
        """Objects of buckets that a folder stands for are there under their web address, too."""
        stored = uris.stored_at(reference) if isinstance(reference, uris.Page) else None
        return stored if stored is not None and stored.bucket in self._policy.buckets else reference

    async def aclose(self) -> None:
        """Ends what is under way and removes what is kept."""
        await self._flights.aclose()
        await self._web.aclose()
        await self.cache.aclose()
        self._system.close()
