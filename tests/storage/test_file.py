"""The credential store in one file, alone and shared by two."""

from __future__ import annotations

import datetime as dt
import stat
from asyncio import run
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from geminid.storage.base import Account, CredentialStore, Kind, Secret, StorageError, digest
from geminid.storage.file import FileCredentials

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
ACCOUNT = Account("me@p.iam.gserviceaccount.com", "p", {"k1": "PEM 1", "k2": "PEM 2"}, NOW)
KEY = Secret("id1", Kind.API_KEY, digest("AIza-secret"), "ci", "p", NOW, hint="cret")


def token(id_: str, expires: dt.datetime) -> Secret:
    return Secret(id_, Kind.ACCESS_TOKEN, digest(id_), ACCOUNT.email, "p", NOW, expires, ("a", "b"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "credentials.json"


@pytest.fixture
def store(path: Path) -> CredentialStore:
    return FileCredentials(path, clock=lambda: NOW)


def test_an_empty_store_needs_no_file(store: CredentialStore, path: Path) -> None:
    assert run(store.account("a")) is None
    assert run(store.secret(Kind.API_KEY, digest("x"))) is None
    assert not run(store.revoke("x"))
    assert not path.exists()


async def test_what_is_put_in_is_there_after_a_restart(store: CredentialStore, path: Path) -> None:
    one_hour = token("id2", NOW + dt.timedelta(hours=1))
    await store.put_account(ACCOUNT)
    await store.put_secret(KEY)
    await store.put_secret(one_hour)

    again = FileCredentials(path, clock=lambda: NOW)

    assert await again.account(ACCOUNT.email) == ACCOUNT
    assert await again.secret(Kind.API_KEY, digest("AIza-secret")) == KEY
    assert await again.secrets() == [KEY, one_hour]


async def test_the_kind_is_part_of_what_is_looked_up(store: CredentialStore) -> None:
    await store.put_secret(KEY)

    assert await store.secret(Kind.ACCESS_TOKEN, digest("AIza-secret")) is None


def test_the_file_is_private_and_holds_hashes(store: CredentialStore, path: Path) -> None:
    run(store.put_secret(KEY))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "AIza-secret" not in path.read_text()
    assert [entry.name for entry in path.parent.iterdir() if ".lock" not in entry.name] == [path.name]


async def test_a_change_by_another_process_is_seen_at_once(store: CredentialStore, path: Path) -> None:
    await store.put_secret(KEY)
    assert await store.secret(Kind.API_KEY, KEY.digest) == KEY

    assert await FileCredentials(path, clock=lambda: NOW).revoke("id1")

    found = await store.secret(Kind.API_KEY, KEY.digest)
    assert found is not None
    assert found.revoked


def test_a_file_that_was_removed_is_an_empty_store(store: CredentialStore, path: Path) -> None:
    run(store.put_secret(KEY))
    assert run(store.secrets()) == [KEY]

    path.unlink()

    assert run(store.secrets()) == []


def test_writers_do_not_lose_each_others_changes(path: Path) -> None:
    def put(number: int) -> None:
        store = FileCredentials(path, clock=lambda: NOW)
        run(store.put_secret(token(f"id{number}", NOW + dt.timedelta(hours=1))))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(24)))

    assert len(run(FileCredentials(path, clock=lambda: NOW).secrets())) == 24


async def test_with_an_account_go_its_tokens(store: CredentialStore) -> None:
    await store.put_account(ACCOUNT)
    await store.put_secret(token("id2", NOW + dt.timedelta(hours=1)))
    await store.put_secret(KEY)

    assert await store.revoke(ACCOUNT.email)

    assert await store.account(ACCOUNT.email) is None
    assert [secret.revoked for secret in await store.secrets()] == [True, False]
    assert not await store.revoke(ACCOUNT.email)


async def test_one_key_of_an_account_can_go(store: CredentialStore) -> None:
    await store.put_account(ACCOUNT)

    assert await store.revoke("k1")

    left = await store.account(ACCOUNT.email)
    assert left is not None
    assert set(left.keys) == {"k2"}


async def test_tokens_are_forgotten_a_day_after_their_end(store: CredentialStore) -> None:
    await store.put_secret(token("old", NOW - dt.timedelta(hours=25)))
    await store.put_secret(token("recent", NOW - dt.timedelta(hours=23)))
    await store.put_secret(KEY)

    assert [secret.id for secret in await store.secrets()] == ["recent", "id1"]


@pytest.mark.parametrize("content", ["", "{", '{"secrets": 1}', '{"accounts": {"a": {"email": 7}}}'])
def test_a_damaged_file_is_told_and_never_overwritten(store: CredentialStore, path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content)

    with pytest.raises(StorageError, match=r"credentials\.json is damaged"):
        run(store.secrets())
    with pytest.raises(StorageError, match="damaged"):
        run(store.put_secret(KEY))

    assert path.read_text() == content


def test_a_record_does_not_print_its_hash() -> None:
    assert KEY.digest not in repr(KEY)
