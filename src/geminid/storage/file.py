"""Credentials in one JSON file, for a server and a command line that share a folder.

It holds everything in memory and reads the file again when another process replaced it. Each change rewrites the
file, so that it serves thousands of secrets, not millions.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from geminid.storage import durable
from geminid.storage.base import Account, Kind, Secret, StorageError

KEPT: Final = dt.timedelta(days=1)
"""How long an access token is remembered after it expired, so that its holder is told that and not "unknown"."""

_Stamp: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Contents:
    """The file. ``version`` is that of its form."""

    version: int = 1
    accounts: dict[str, Account] = field(default_factory=dict)
    secrets: dict[str, Secret] = field(default_factory=dict)

    def without(self, name: str) -> _Contents:
        """As it is when ``name`` is revoked; equal to itself when there is nothing so named."""
        accounts = {
            email: dataclasses.replace(
                account, keys={kid: pem for kid, pem in account.keys.items() if kid != name}
            )
            for email, account in self.accounts.items()
            if email != name
        }
        secrets = {
            key: dataclasses.replace(secret, revoked=secret.revoked or name in (secret.id, secret.name))
            for key, secret in self.secrets.items()
        }
        return _Contents(self.version, accounts, secrets)


class FileCredentials:
    """A ``CredentialStore`` in ``path``; the file is made with the first thing that is put in."""

    def __init__(self, path: Path, *, clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)) -> None:
        self._path = path
        self._clock = clock
        self._stamp: _Stamp | None = None
        self._contents = _Contents()
        self._by_digest: dict[tuple[Kind, str], Secret] = {}

    async def account(self, email: str) -> Account | None:
        return self._current().accounts.get(email)

    async def accounts(self) -> Sequence[Account]:
        return list(self._current().accounts.values())

    async def put_account(self, account: Account) -> None:
        await asyncio.to_thread(
            self._change,
            lambda now: dataclasses.replace(now, accounts=now.accounts | {account.email: account}),
        )

    async def secret(self, kind: Kind, digest: str) -> Secret | None:
        self._current()
        return self._by_digest.get((kind, digest))

    async def secrets(self) -> Sequence[Secret]:
        return list(self._current().secrets.values())

    async def put_secret(self, secret: Secret) -> None:
        await asyncio.to_thread(
            self._change, lambda now: dataclasses.replace(now, secrets=now.secrets | {secret.id: secret})
        )

    async def revoke(self, name: str) -> bool:
        return await asyncio.to_thread(self._change, lambda now: now.without(name))

    def _current(self) -> _Contents:
        """Costs one ``stat`` while nobody changed the file."""
        try:
            stat = os.stat(self._path)
        except FileNotFoundError:
            self._keep(_Contents(), None)
            return self._contents
        except OSError as error:
            raise StorageError(f"{self._path} cannot be read: {error.strerror}.") from error
        stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if stamp != self._stamp:
            self._keep(self._read(), stamp)
        return self._contents

    def _keep(self, contents: _Contents, stamp: _Stamp | None) -> None:
        self._contents = contents
        self._by_digest = {(secret.kind, secret.digest): secret for secret in contents.secrets.values()}
        self._stamp = stamp

    def _read(self) -> _Contents:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Contents)
        except OSError as error:
            raise StorageError(f"{self._path} cannot be read: {error.strerror}.") from error
        except msgspec.MsgspecError as error:
            # Its message names a place in the file and no value.
            raise StorageError(f"{self._path} is damaged: {error}.") from error

    def _change(self, change: Callable[[_Contents], _Contents]) -> bool:
        """Applies ``change`` to what the file holds now; False when that changed nothing. Runs on a thread."""
        try:
            with durable.exclusive(self._path):
                before = self._read() if self._path.exists() else _Contents()
                after = change(before)
                if after == before:
                    return False
                durable.replace(self._path, msgspec.json.format(msgspec.json.encode(self._pruned(after))) + b"\n")
                return True
        except OSError as error:
            raise StorageError(f"{self._path} cannot be written: {error.strerror}.") from error

    def _pruned(self, contents: _Contents) -> _Contents:
        horizon = self._clock() - KEPT
        kept = {
            key: secret
            for key, secret in contents.secrets.items()
            if secret.expires is None or secret.expires > horizon
        }
        return dataclasses.replace(contents, secrets=kept)
