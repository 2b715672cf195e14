"""A file and a server of PostgreSQL, which is started once for all tests where its programs are."""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import pytest

from geminid.storage.sql.database import Database, open_database

_DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class Postgresql:
    """A server behind a socket in ``folder``. It refuses to be root's, who hands it to another user."""

    folder: Path
    programs: Path
    user: str | None

    def run(self, program: str, *arguments: str) -> None:
        path = self.programs / program
        # The log goes nowhere: a server that inherits a pipe would keep its reader waiting.
        subprocess.run(
            [path, *arguments], check=True, user=self.user, cwd=self.folder, stdout=subprocess.DEVNULL, timeout=60
        )

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off"
        self.run("pg_ctl", "start", "-w", "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-o", options)

    def stop(self) -> None:
        self.run("pg_ctl", "stop", "-w", "-D", f"{self.folder}/data", "-m", "immediate")

    def url(self, name: str) -> str:
        return f"postgresql://geminid@/{name}?host={self.folder}"

    def new_database(self) -> str:
        """The URL of an empty one."""
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    found = shutil.which("initdb") or next(iter(sorted(_DEBIAN.glob("*/bin/initdb"), reverse=True)), None)
    if found is None:
        pytest.skip("the programs of PostgreSQL are not installed")
    user = "nobody" if getpass.getuser() == "root" else None
    with tempfile.TemporaryDirectory(prefix="geminid-pg-", ignore_cleanup_errors=True) as folder:
        if user is not None:
            shutil.chown(folder, user)
        server = Postgresql(Path(folder), Path(os.path.realpath(found)).parent, user)
        server.run("initdb", "-D", f"{folder}/data", "-A", "trust", "-U", "geminid", "--no-sync")
        server.start()
        yield server
        server.stop()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'state' / 'geminid.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """An empty database, of one kind after the other."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    server: Postgresql = request.getfixturevalue("postgresql")
    return server.new_database()


Open: TypeAlias = Callable[..., Awaitable[Database]]


@pytest.fixture
async def open_() -> AsyncIterator[Open]:
    """Opens databases, and closes them in the end."""
    opened: list[Database] = []

    async def open_(url: str, **options: Any) -> Database:
        opened.append(await open_database(url, **options))
        return opened[-1]

    yield open_
    for database in opened:
        await database.aclose()


@pytest.fixture
async def database(url: str, open_: Open) -> Database:
    return await open_(url)
