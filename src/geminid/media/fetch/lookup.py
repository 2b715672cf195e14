"""The addresses of a name, asked of the system. The default of ``http.py``; tests put their own in its place."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Protocol

from geminid.media.fetch.addresses import Address

_THREADS = 32


class Resolve(Protocol):
    """Raises OSError where a name has no address."""

    async def __call__(self, host: str) -> Sequence[Address]: ...


class SystemResolver:
    """getaddrinfo on threads of its own: names whose servers never answer hold no thread that others need."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="lookup")

    async def __call__(self, host: str) -> Sequence[Address]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _addresses, host)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(host: str) -> Sequence[Address]:
    found = socket.getaddrinfo(
        host.encode("ascii"), None, type=socket.SOCK_STREAM
    )  # as bytes: not read by a codec
    return list(dict.fromkeys(ip_address(row[4][0]) for row in found))
