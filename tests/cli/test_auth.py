"""``geminid auth``, as a person or a script calls it."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from google.oauth2 import service_account
from typer.testing import CliRunner, Result

from geminid.call import Call, Credentials, Principal
from geminid.cli.auth import app
from geminid.errors import ApiError
from geminid.gates.auth import Strict
from geminid.storage.file import FileCredentials
from geminid.wire.generation import GenerateContentRequest

EMAIL = "me@p.iam.gserviceaccount.com"
MODEL = "projects/p/locations/l/publishers/google/models/m"
GENERATE = "google.cloud.aiplatform.v1.PredictionService.GenerateContent"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GEMINID_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def made(*arguments: str) -> str:
    done = run(*arguments)
    assert done.exit_code == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def admit(state: Path) -> Callable[..., Principal]:
    """Who the strict gate says it is that comes with these credentials."""

    def ask(credentials: Credentials, resource: str = MODEL) -> Principal:
        now = dt.datetime.now(dt.UTC)
        call = Call(GENERATE, GenerateContentRequest(), now, "test", resource=resource, credentials=credentials)
        return asyncio.run(Strict(FileCredentials(state / "credentials.json")).admit(call))

    return ask


def test_a_service_account_file_is_one_that_google_auth_reads(
    tmp_path: Path, admit: Callable[..., Principal]
) -> None:
    out = tmp_path / "key.json"

    done = run(
        "create-service-account", "me", "--project", "p", "--out", str(out), "--server", "https://localhost/"
    )

    assert (done.exit_code, done.stdout) == (0, f"wrote {out}\n")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert json.loads(out.read_text())["token_uri"] == "https://localhost/token"
    credentials = service_account.Credentials.from_service_account_file(str(out), always_use_jwt_access=True)
    credentials._create_self_signed_jwt("https://aiplatform.googleapis.com/")
    credentials.refresh(None)
    assert admit(Credentials(bearer=credentials.token)) == Principal(EMAIL, "p", "service_account")


def test_without_a_file_the_key_is_printed_alone() -> None:
    printed = json.loads(made("create-service-account", "me", "--project", "p"))

    assert printed["client_email"] == EMAIL
    assert printed["token_uri"] == "http://127.0.0.1:8080/token"


def test_an_account_is_not_replaced() -> None:
    made("create-service-account", "me", "--project", "p")

    done = run("create-service-account", "me", "--project", "p")

    assert done.exit_code == 1
    assert done.stderr == f"geminid: {EMAIL} exists. Revoke it first, or choose another name.\n"


def test_a_file_that_cannot_be_written_registers_nothing(tmp_path: Path) -> None:
    done = run("create-service-account", "me", "--project", "p", "--out", str(tmp_path / "none" / "key.json"))

    assert done.exit_code == 1
    assert done.stderr.startswith("geminid: ")
    assert EMAIL not in made("list")


def test_an_api_key_is_printed_once(state: Path, admit: Callable[..., Principal]) -> None:
    key = made("create-key", "--project", "p", "--name", "ci")

    assert admit(Credentials(api_key=key), "publishers/google/models/m") == Principal("ci", "p", "api_key")
    assert key.startswith("AIza")
    assert len(key) == 39
    assert key not in made("list") + (state / "credentials.json").read_text()


def test_what_is_revoked_is_worthless(admit: Callable[..., Principal]) -> None:
    key = made("create-key", "--project", "p")
    row = next(line for line in made("list").splitlines() if "api_key" in line)

    assert made("revoke", row.split()[0]) == ""

    with pytest.raises(ApiError, match="API key not valid"):
        admit(Credentials(api_key=key), "publishers/google/models/m")
    assert "revoked" in made("list")


def test_what_is_not_there_cannot_be_revoked() -> None:
    done = run("revoke", "x")

    assert (done.exit_code, done.stderr) == (1, "geminid: There is nothing to revoke by the id 'x'.\n")


def test_an_access_token_acts_as_the_account(admit: Callable[..., Principal]) -> None:
    made("create-service-account", "me", "--project", "p")

    token = made("print-access-token", EMAIL)

    assert admit(Credentials(bearer=token)) == Principal(EMAIL, "p", "access_token")


def test_an_account_that_is_unknown_has_no_token() -> None:
    done = run("print-access-token", EMAIL)

    assert done.exit_code == 1
    assert "`geminid auth list` shows the accounts" in done.stderr


def test_other_tokens_are_of_their_kind() -> None:
    assert made("create-token", "you", "--project", "p").startswith("1//")
    assert made("create-token", "you", "--project", "p", "--federated")

    listed = made("list")
    assert "refresh_token" in listed
    assert "subject_token" in listed


def test_the_list(state: Path) -> None:
    made("create-service-account", "me", "--project", "p")
    key = made("create-key", "--project", "q", "--name", "ci")

    head, account, api_key = made("list").splitlines()

    assert head.split() == ["ID", "KIND", "NAME", "PROJECT", "CREATED", "EXPIRES", "STATE"]
    assert account.split()[:5] == [EMAIL, "service_account", "1", "key", "p"]
    assert api_key.split()[1:5] == ["api_key", "ci", f"(…{key[-4:]})", "q"]


@pytest.mark.parametrize("project", ["", "a/b", "P", "p\n", "../p", "p" * 70])
def test_a_project_that_could_not_stand_in_a_path_is_refused(project: str) -> None:
    done = run("create-key", "--project", project)

    assert done.exit_code == 1
    assert "is not a name" in done.stderr


def test_a_damaged_store_is_one_line_and_a_status(state: Path) -> None:
    state.mkdir()
    (state / "credentials.json").write_text("{")

    done = run("list")

    assert done.exit_code == 1
    assert done.stderr.startswith(f"geminid: {state / 'credentials.json'} is damaged")


def test_importing_it_loads_nothing_heavy() -> None:
    code = "import sys, geminid.cli.auth; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"cryptography", "jwt", "starlette"} & set(done.stdout.split())
