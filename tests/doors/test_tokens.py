"""The token endpoints and the metadata server, with google-auth as their client."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import google.auth.transport.requests
import pytest
from google.auth import exceptions, identity_pool
from google.oauth2 import credentials as user
from google.oauth2 import service_account
from starlette.applications import Starlette

from geminid.call import Call, Credentials, Principal
from geminid.doors.grants import Issuer, OpenIssuer, StrictIssuer
from geminid.doors.metadata import Identity, metadata_routes
from geminid.doors.tokens import token_routes
from geminid.gates.auth import CLOUD_PLATFORM, Strict
from geminid.storage import minting
from geminid.storage.base import Kind
from geminid.storage.file import FileCredentials
from geminid.wire.generation import GenerateContentRequest

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
NOT_AN_EXCHANGE = f"The grant type must be {TOKEN_EXCHANGE}."
EMAIL = "me@p.iam.gserviceaccount.com"
MODEL = "projects/p/locations/l/publishers/google/models/m"
GENERATE = "google.cloud.aiplatform.v1.PredictionService.GenerateContent"


@pytest.fixture
def store(tmp_path: Path) -> FileCredentials:
    return FileCredentials(tmp_path / "credentials.json")


@pytest.fixture
def event_loop_runner() -> Callable[[Any], None]:
    return asyncio.run


Serve = Callable[..., str]


@pytest.fixture
def serve(serve_http: Any) -> Iterator[Serve]:
    """Serves the endpoints of an issuer, and gives their address."""

    def start(issuer: Issuer, *, local_only: bool = True) -> str:
        routes = [*token_routes(issuer), *metadata_routes(issuer, Identity(EMAIL, "p"), local_only=local_only)]
        return f"http://127.0.0.1:{serve_http(Starlette(routes=routes)).port}"

    return start


@pytest.fixture
def strict(serve: Serve, store: FileCredentials) -> str:
    return serve(StrictIssuer(store))


@pytest.fixture
def key_file(strict: str, store: FileCredentials) -> dict[str, str]:
    """The key of a registered account."""
    made, account = minting.service_account("me", "p", token_uri=f"{strict}/token", now=dt.datetime.now(dt.UTC))
    asyncio.run(store.put_account(account))
    return made


def request() -> google.auth.transport.requests.Request:
    return google.auth.transport.requests.Request()


def registered(store: FileCredentials, kind: Kind) -> str:
    text, secret = minting.mint(
        kind, name="you", project="p", now=dt.datetime.now(dt.UTC), scopes=(CLOUD_PLATFORM,)
    )
    asyncio.run(store.put_secret(secret))
    return text


def admit(store: FileCredentials, bearer: str) -> Principal:
    call = Call(
        GENERATE, GenerateContentRequest(), dt.datetime.now(dt.UTC), "test", resource=MODEL,
        credentials=Credentials(bearer=bearer),
    )  # fmt: skip
    return asyncio.run(Strict(store).admit(call))


def post(url: str, **form: str) -> tuple[int, dict[str, str]]:
    try:
        with urllib.request.urlopen(url, urlencode(form).encode(), timeout=5) as answer:
            assert answer.headers["cache-control"] == "no-store"
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def get(url: str, **headers: str) -> tuple[int, str, str | None]:
    """Status, body, and the flavour that the answer bears."""
    asked = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return answer.status, answer.read().decode(), answer.headers["metadata-flavor"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers["metadata-flavor"]


# Service accounts.


def test_a_service_account_gets_a_token_that_is_good(key_file: dict[str, str], store: FileCredentials) -> None:
    credentials = service_account.Credentials.from_service_account_info(key_file, scopes=[CLOUD_PLATFORM])

    credentials.refresh(request())

    assert admit(store, credentials.token) == Principal(EMAIL, "p", "access_token")
    assert 3500 < (credentials.expiry - dt.datetime.now(dt.UTC).replace(tzinfo=None)).total_seconds() < 3600


@pytest.mark.parametrize("audience", ["https://aiplatform.googleapis.com/", None])
def test_a_self_signed_jwt_needs_no_token_endpoint(
    key_file: dict[str, str], store: FileCredentials, audience: str | None
) -> None:
    credentials = service_account.Credentials.from_service_account_info(
        key_file, scopes=None if audience else [CLOUD_PLATFORM], always_use_jwt_access=True
    )
    credentials._create_self_signed_jwt(audience)

    credentials.refresh(request())

    assert admit(store, credentials.token) == Principal(EMAIL, "p", "service_account")


def refresh_fails(credentials: Any) -> str:
    with pytest.raises(exceptions.RefreshError) as caught:
        credentials.refresh(request())
    description: str = caught.value.args[1]["error_description"]
    return description


def test_a_key_that_is_not_registered_gets_nothing(key_file: dict[str, str]) -> None:
    other, _ = minting.service_account("me", "p", token_uri=key_file["token_uri"], now=dt.datetime.now(dt.UTC))
    unknown, _ = minting.service_account("you", "p", token_uri=key_file["token_uri"], now=dt.datetime.now(dt.UTC))
    of = service_account.Credentials.from_service_account_info

    assert refresh_fails(of(other, scopes=[CLOUD_PLATFORM])) == "Invalid JWT Signature."
    assert refresh_fails(of(unknown, scopes=[CLOUD_PLATFORM])) == "Invalid grant: account not found"
    assert refresh_fails(of(key_file)) == "Invalid OAuth scope or ID token audience provided."


def assertion(key_file: dict[str, str], **changes: object) -> str:
    import jwt

    now = int(dt.datetime.now(dt.UTC).timestamp())
    claims = {"iss": EMAIL, "iat": now, "exp": now + 3600, "aud": key_file["token_uri"], "scope": CLOUD_PLATFORM}
    headers = {"kid": key_file["private_key_id"]}
    return jwt.encode(claims | changes, key_file["private_key"], "RS256", headers)


def test_the_endpoint_itself_may_be_the_audience(key_file: dict[str, str], strict: str) -> None:
    status, answer = post(f"{strict}/token", grant_type=JWT_BEARER, assertion=assertion(key_file))

    assert status == 200
    assert set(answer) == {"access_token", "expires_in", "token_type", "scope"}
    assert (answer["expires_in"], answer["token_type"]) == (3599, "Bearer")


def test_an_assertion_for_others_or_of_other_times_is_refused(key_file: dict[str, str], strict: str) -> None:
    elsewhere = assertion(key_file, aud="https://token.example/token")
    stale = assertion(key_file, iat=1_000_000_000, exp=1_000_003_600)

    for bad, words in ((elsewhere, "Failed audience check"), (stale, "short-lived token (60 minutes)")):
        status, answer = post(f"{strict}/token", grant_type=JWT_BEARER, assertion=bad)
        assert (status, answer["error"]) == (400, "invalid_grant")
        assert words in answer["error_description"]


# Refresh tokens and federation.


@pytest.mark.parametrize("path", ["/token", "/oauth2/v4/token", "/o/oauth2/token"])
def test_a_registered_refresh_token_is_worth_a_token(store: FileCredentials, strict: str, path: str) -> None:
    registered_one = registered(store, Kind.REFRESH_TOKEN)

    status, answer = post(f"{strict}{path}", grant_type="refresh_token", refresh_token=registered_one)

    assert status == 200
    assert admit(store, answer["access_token"]) == Principal("you", "p", "access_token")


def test_a_refresh_token_is_no_bearer_of_more_scopes(store: FileCredentials, strict: str) -> None:
    token = registered(store, Kind.REFRESH_TOKEN)

    status, answer = post(f"{strict}/token", grant_type="refresh_token", refresh_token=token, scope="more")

    assert (status, answer["error"]) == (400, "invalid_scope")


def test_an_unknown_refresh_token_is_told_as_google_tells_it(strict: str) -> None:
    credentials = user.Credentials(
        None, refresh_token="x", client_id="c", client_secret="s", token_uri=f"{strict}/token"
    )

    assert refresh_fails(credentials) == "Token has been expired or revoked."


def federated(tmp_path: Path, server: str, subject_token: str) -> identity_pool.Credentials:
    path = tmp_path / "subject"
    path.write_text(subject_token)
    return identity_pool.Credentials.from_info(
        {
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{server}/v1/token",
            "credential_source": {"file": str(path)},
        },
        scopes=[CLOUD_PLATFORM],
    )


def test_a_registered_subject_token_is_exchanged(tmp_path: Path, store: FileCredentials, strict: str) -> None:
    credentials = federated(tmp_path, strict, registered(store, Kind.SUBJECT_TOKEN))

    credentials.refresh(request())

    assert admit(store, credentials.token) == Principal("you", "p", "access_token")


def test_another_subject_token_is_not(tmp_path: Path, strict: str) -> None:
    with pytest.raises(exceptions.OAuthError, match="The subject token is not registered here"):
        federated(tmp_path, strict, "eyJhbGciOiJub25lIn0.e30.").refresh(request())


@pytest.mark.parametrize(
    ("path", "form", "error", "description"),
    [
        ("/token", {}, "invalid_request", "Required parameter is missing: grant_type"),
        ("/token", {"grant_type": "password"}, "unsupported_grant_type", "Invalid grant_type: password"),
        ("/token", {"grant_type": JWT_BEARER}, "invalid_request", "Required parameter is missing: assertion"),
        ("/token", {"grant_type": JWT_BEARER, "assertion": "x"}, "invalid_grant", "Invalid JWT Signature."),
        ("/token", {"grant_type": "x" * 70_000}, "invalid_request", "The request is too large."),
        ("/token", {f"f{number}": "x" for number in range(60)}, "invalid_request", "Bad Request"),
        ("/v1/token", {"grant_type": JWT_BEARER}, "unsupported_grant_type", NOT_AN_EXCHANGE),
    ],
)  # fmt: skip
def test_a_bad_request(strict: str, path: str, form: dict[str, str], error: str, description: str) -> None:
    assert post(f"{strict}{path}", **form) == (400, {"error": error, "error_description": description})


# The open mode.


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/token", {"grant_type": JWT_BEARER, "assertion": "anything"}),
        ("/token", {"grant_type": "refresh_token", "refresh_token": "anything"}),
        ("/v1/token", {"grant_type": TOKEN_EXCHANGE, "subject_token": "anything"}),
    ],
)
def test_open_gives_a_token_for_anything(serve: Serve, path: str, form: dict[str, str]) -> None:
    status, answer = post(f"{serve(OpenIssuer())}{path}", **form)

    assert status == 200
    assert answer["access_token"].startswith("ya29.")


# The metadata server.

FIND_CREDENTIALS = """
    import json, google.auth, google.auth.transport.requests
    credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    credentials.refresh(google.auth.transport.requests.Request())
    found = type(credentials).__module__, project, credentials.service_account_email, credentials.token
    print(json.dumps(found))
"""


def test_application_default_credentials_come_from_the_metadata(
    strict: str, key_file: dict[str, str], store: FileCredentials, tmp_path: Path
) -> None:
    host = strict.removeprefix("http://")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GOOGLE_")}
    environment = inherited | {
        "GCE_METADATA_HOST": host, "GCE_METADATA_IP": host, "NO_PROXY": "127.0.0.1",
        "CLOUDSDK_CONFIG": str(tmp_path),
    }  # fmt: skip

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(FIND_CREDENTIALS)],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    module, project, email, token = json.loads(done.stdout)
    assert (module, project, email) == ("google.auth.compute_engine.credentials", "p", EMAIL)
    assert admit(store, token) == Principal(EMAIL, "p", "access_token")


ACCOUNTS = "/computeMetadata/v1/instance/service-accounts"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", "instance/\nproject/\nuniverse/\n"),
        ("/computeMetadata/v1/", "instance/\nproject/\nuniverse/\n"),
        ("/computeMetadata/v1/instance", "service-accounts/\n"),
        ("/computeMetadata/v1/project/project-id", "p"),
        ("/computeMetadata/v1/universe/universe-domain", "googleapis.com"),
        (f"{ACCOUNTS}/", f"default/\n{EMAIL}/\n"),
        (f"{ACCOUNTS}/default/", "aliases\nemail\nscopes\ntoken\n"),
        (f"{ACCOUNTS}/default/email", EMAIL),
        (f"{ACCOUNTS}/{EMAIL}/scopes", f"{CLOUD_PLATFORM}\n"),
        (f"{ACCOUNTS}/default/aliases", "default\n"),
    ],
)
def test_the_metadata(serve: Serve, path: str, body: str) -> None:
    assert get(serve(OpenIssuer()) + path, Metadata_Flavor="Google") == (200, body, "Google")


@pytest.mark.parametrize(
    "path", ["/instance/zone", "/instance/service-accounts/you/token", "/instance/service-accounts/default/x"]
)
def test_what_the_metadata_do_not_hold(serve: Serve, path: str) -> None:
    server = serve(OpenIssuer())

    assert get(f"{server}/computeMetadata/v1{path}", Metadata_Flavor="Google") == (404, "Not found", "Google")


def test_the_account_as_a_whole(serve: Serve) -> None:
    _, body, _ = get(f"{serve(OpenIssuer())}{ACCOUNTS}/default/?recursive=true", Metadata_Flavor="Google")

    assert json.loads(body) == {"aliases": ["default"], "email": EMAIL, "scopes": [CLOUD_PLATFORM]}


def test_a_browser_or_a_proxy_gets_no_token(strict: str, key_file: dict[str, str]) -> None:
    token = f"{strict}{ACCOUNTS}/default/token"

    assert get(token)[:2] == (403, "Missing Metadata-Flavor:Google header.")
    assert get(token, Metadata_Flavor="Google", X_Forwarded_For="10.0.0.1")[0] == 403
    assert get(f"{strict}/")[0] == 404


def test_an_account_that_was_revoked_gets_no_token(
    strict: str, key_file: dict[str, str], store: FileCredentials
) -> None:
    asyncio.run(store.revoke(EMAIL))

    status, body, _ = get(f"{strict}{ACCOUNTS}/default/token", Metadata_Flavor="Google")

    assert (status, body) == (404, "Invalid grant: account not found")


@pytest.mark.parametrize(("local_only", "status"), [(True, 403), (False, 200)])
async def test_strict_metadata_answer_this_machine_alone(local_only: bool, status: int) -> None:
    app = Starlette(routes=metadata_routes(OpenIssuer(), Identity(EMAIL, "p"), local_only=local_only))
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {
        "type": "http", "method": "GET", "path": f"{ACCOUNTS}/default/token", "root_path": "", "query_string": b"",
        "headers": [(b"metadata-flavor", b"Google")], "client": ("10.0.0.1", 1),
    }  # fmt: skip
    await app(scope, receive, send)

    assert sent[0]["status"] == status
