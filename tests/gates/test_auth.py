"""What each kind of credential is worth, and what a caller is told whose own is worth nothing."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import jwt
import pytest

from geminid.call import Call, Credentials, Principal, Stream, chain
from geminid.errors import ApiError, Code, ErrorInfo
from geminid.gates import denials
from geminid.gates.auth import CLOUD_PLATFORM, Authenticate, Open, Strict
from geminid.storage.base import Account, Kind
from geminid.storage.file import FileCredentials
from geminid.storage.minting import mint, service_account
from geminid.wire import routes
from geminid.wire.generation import GenerateContentRequest, GenerateContentResponse

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
EMAIL = "me@p.iam.gserviceaccount.com"
AIPLATFORM = "https://aiplatform.googleapis.com/"

VERTEX = "google.cloud.aiplatform.v1.PredictionService.GenerateContent"
DEVELOPER = "google.ai.generativelanguage.v1beta.GenerativeService.GenerateContent"
MODEL = "projects/p/locations/us-central1/publishers/google/models/gemini-1.5-flash"
EXPRESS = "publishers/google/models/gemini-1.5-flash"

TAIL = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
MISSING = f"Request is missing required authentication credential. {TAIL}"
INVALID = f"Request had invalid authentication credentials. {TAIL}"
NO_KEYS = (
    "API keys are not supported by this API. Expected OAuth2 access token or other authentication credentials "
    "that assert a principal. See https://cloud.google.com/docs/authentication"
)
SCOPES = "Request had insufficient authentication scopes."
BAD_KEY = "API key not valid. Please pass a valid API key."
OLD_KEY = "API key expired. Please renew the API key."
MIXED = "The API Key and the authentication credential are from different projects."
UNREGISTERED = (
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or "
    "other form of API consumer identity to call this API."
)
DENIED = (
    "Permission 'aiplatform.endpoints.predict' denied on resource '//aiplatform.googleapis.com/{}' "
    "(or it may not exist)."
)


@dataclass(frozen=True)
class World:
    """A store with an account and a secret of each sort, and those secrets by name."""

    store: FileCredentials
    private_key: str
    kid: str
    secrets: Mapping[str, str]

    def jwt(self, claims: Mapping[str, object], *, kid: str | None = None, algorithm: str = "RS256") -> str:
        key = self.private_key if algorithm == "RS256" else "k" * 64 if algorithm == "HS256" else None
        headers = {"kid": kid or self.kid}
        return jwt.encode(dict(claims), key, algorithm, headers)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def account() -> tuple[dict[str, str], Account]:
    return service_account("me", "p", token_uri="http://127.0.0.1/token", now=NOW)


@pytest.fixture
async def world(tmp_path: Path, account: tuple[dict[str, str], Account]) -> World:
    store = FileCredentials(tmp_path / "credentials.json", clock=lambda: NOW)
    key_file, record = account
    await store.put_account(record)
    secrets = {}
    for name, kind, project, lifetime, scopes in (
        ("token", Kind.ACCESS_TOKEN, "p", HOUR, (CLOUD_PLATFORM,)),
        ("expired token", Kind.ACCESS_TOKEN, "p", -HOUR, (CLOUD_PLATFORM,)),
        ("revoked token", Kind.ACCESS_TOKEN, "p", HOUR, (CLOUD_PLATFORM,)),
        ("token of q", Kind.ACCESS_TOKEN, "q", HOUR, (CLOUD_PLATFORM,)),
        ("drive token", Kind.ACCESS_TOKEN, "p", HOUR, ("https://www.googleapis.com/auth/drive",)),
        ("refresh token", Kind.REFRESH_TOKEN, "p", None, (CLOUD_PLATFORM,)),
        ("key", Kind.API_KEY, "p", None, ()),
        ("key of q", Kind.API_KEY, "q", None, ()),
        ("expired key", Kind.API_KEY, "p", -HOUR, ()),
        ("revoked key", Kind.API_KEY, "p", None, ()),
    ):
        secrets[name], secret = mint(kind, name=name, project=project, now=NOW, lifetime=lifetime, scopes=scopes)
        await store.put_secret(secret)
    await store.revoke("revoked token")
    await store.revoke("revoked key")
    return World(store, key_file["private_key"], key_file["private_key_id"], secrets)


def claims(**changes: object) -> dict[str, object]:
    """Those of a self-signed JWT as google-auth makes it; None takes one away."""
    now = int(NOW.timestamp())
    usual: dict[str, object] = {"iss": EMAIL, "sub": EMAIL, "aud": AIPLATFORM, "iat": now, "exp": now + 3600}
    return {key: value for key, value in (usual | changes).items() if value is not None}


def at(minutes: float) -> int:
    return int(NOW.timestamp() + 60 * minutes)


def nested(depth: int) -> str:
    parts = (b'{"alg":"RS256"}', b"[" * depth, b"x")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


Presents = Callable[[World], Credentials]


def bearer(name: str) -> Presents:
    return lambda world: Credentials(bearer=world.secrets.get(name, name))


def key(name: str) -> Presents:
    return lambda world: Credentials(api_key=world.secrets.get(name, name))


def both(token: str, api_key: str) -> Presents:
    return lambda world: Credentials(world.secrets[token], world.secrets.get(api_key, api_key))


def signed(*, kid: str | None = None, algorithm: str = "RS256", **changes: object) -> Presents:
    return lambda world: Credentials(bearer=world.jwt(claims(**changes), kid=kid, algorithm=algorithm))


def tampered(world: World) -> Credentials:
    head, _, signature = world.jwt(claims()).split(".")
    _, body, _ = world.jwt(claims(sub="root")).split(".")
    return Credentials(bearer=f"{head}.{body}.{signature}")


def a_call(credentials: Credentials, method: str = VERTEX, resource: str = MODEL) -> Call:
    return Call(method, GenerateContentRequest(), NOW, "test", resource=resource, credentials=credentials)


@dataclass(frozen=True)
class Refused:
    code: Code
    reason: str
    text: str


def no(code: int, reason: str, text: str) -> Refused:
    return Refused(next(known for known in Code if known == code), reason, text)


DRIVE = "https://www.googleapis.com/auth/drive"
OTHER = "projects/q/locations/us-central1/publishers/google/models/gemini-1.5-flash"
UNKNOWN = no(16, "ACCESS_TOKEN_TYPE_UNSUPPORTED", INVALID)
OVER = no(16, "ACCESS_TOKEN_EXPIRED", INVALID)
NOT_A_JWT = no(16, "", INVALID)
WRONG_KEY = no(3, "API_KEY_INVALID", BAD_KEY)
FOREIGN = no(7, "IAM_PERMISSION_DENIED", DENIED.format(OTHER))
ACCOUNT = Principal(EMAIL, "p", "service_account")

ON_VERTEX = {
    "nothing": (lambda world: Credentials(), no(16, "CREDENTIALS_MISSING", MISSING)),
    "token": (bearer("token"), Principal("token", "p", "access_token")),
    "garbage": (bearer("garbage"), UNKNOWN),
    "garbage that begins like a token": (bearer("ya29.garbage"), UNKNOWN),
    "another scheme": (bearer("Basic dXNlcjpwYXNz"), UNKNOWN),
    "quotes": (bearer("' OR 1=1 --"), UNKNOWN),
    "beyond ASCII": (bearer("ya29.\x00é\N{SNOWMAN}"), UNKNOWN),
    "expired token": (bearer("expired token"), OVER),
    "revoked token": (bearer("revoked token"), OVER),
    "token without the scope": (bearer("drive token"), no(7, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", SCOPES)),
    "refresh token for an access token": (bearer("refresh token"), UNKNOWN),
    "API key as a bearer": (bearer("key"), UNKNOWN),
    "API key": (key("key"), no(16, "CREDENTIALS_MISSING", NO_KEYS)),
    "token and key": (both("token", "key"), Principal("token", "p", "access_token")),
    "token and key of another project": (both("token", "key of q"), no(3, "", MIXED)),
    "token and garbage": (both("token", "AIza"), WRONG_KEY),
    "signed for the service": (signed(), ACCOUNT),
    "signed for a region": (signed(aud="https://us-central1-aiplatform.googleapis.com/"), ACCOUNT),
    "signed for a multi-region": (signed(aud="https://aiplatform.eu.rep.googleapis.com/"), ACCOUNT),
    "signed for the gRPC service": (signed(aud=f"{AIPLATFORM}google.cloud.X"), ACCOUNT),
    "signed for this host": (signed(aud="https://gemini.example:8443/"), ACCOUNT),
    "signed with the scope": (signed(aud=None, scope=f"openid {CLOUD_PLATFORM}"), ACCOUNT),
    "signed with another scope": (signed(aud=None, scope=DRIVE), no(7, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", SCOPES)),
    "signed for nothing": (signed(aud=None), NOT_A_JWT),
    "signed for another service": (signed(aud="https://storage.googleapis.com/"), NOT_A_JWT),
    "signed for a like-named host": (signed(aud="https://aiplatform.googleapis.com.evil.example/"), NOT_A_JWT),
    "signed for a broken audience": (signed(aud="https://[/"), NOT_A_JWT),
    "signed by a clock that is ahead": (signed(iat=at(4), exp=at(64)), ACCOUNT),
    "signed in the future": (signed(iat=at(6), exp=at(66)), NOT_A_JWT),
    "signed an hour ago": (signed(iat=at(-64), exp=at(-4)), ACCOUNT),
    "signed long ago": (signed(iat=at(-66), exp=at(-6)), OVER),
    "signed for two hours": (signed(exp=at(120)), NOT_A_JWT),
    "signed for ever": (signed(exp=10**400), NOT_A_JWT),
    "signed until no number": (signed(exp=float("nan")), NOT_A_JWT),
    "signed without an end": (signed(exp=None), NOT_A_JWT),
    "signed by a stranger": (signed(iss="you@p.iam.gserviceaccount.com"), NOT_A_JWT),
    "signed by nobody": (signed(iss=None), NOT_A_JWT),
    "signed by an unknown key": (signed(kid="../../etc/passwd"), NOT_A_JWT),
    "signed with a shared secret": (signed(algorithm="HS256"), NOT_A_JWT),
    "not signed": (signed(algorithm="none"), NOT_A_JWT),
    "changed after it was signed": (tampered, NOT_A_JWT),
    "too large a JWT": (signed(filler="x" * 20_000), NOT_A_JWT),
    "a JWT of brackets": (bearer(nested(8_000)), NOT_A_JWT),
    "no JWT, though it looks like one": (bearer("eyJ.e30.x"), NOT_A_JWT),
}  # fmt: skip


async def outcome(world: World, call: Call) -> Principal | Refused:
    strict = Strict(world.store, hosts=["gemini.example"], clock=lambda: NOW)
    try:
        return await strict.admit(call)
    except ApiError as error:
        reasons = [detail.reason for detail in error.details if isinstance(detail, ErrorInfo)]
        return Refused(error.code, "".join(reasons), error.message)


@pytest.mark.parametrize("name", ON_VERTEX)
async def test_a_project_of_vertex_wants_oauth(world: World, name: str) -> None:
    presents, expected = ON_VERTEX[name]

    assert await outcome(world, a_call(presents(world))) == expected


@pytest.mark.parametrize("presents", [bearer("token"), signed()])
@pytest.mark.parametrize(
    "project", ["q", "P", "p%20", "", "p.example", "1234"], ids=lambda project: f"project={project}"
)
async def test_another_project_is_as_if_it_did_not_exist(world: World, presents: Presents, project: str) -> None:
    resource = MODEL.replace("/p/", f"/{project}/")

    refused = await outcome(world, a_call(presents(world), resource=resource))

    assert refused == no(7, "IAM_PERMISSION_DENIED", DENIED.format(resource))


async def test_a_call_that_names_no_resource_does_not_slip_through(world: World) -> None:
    for credentials in (bearer("token")(world), key("key")(world)):
        refused = await outcome(world, a_call(credentials, resource=""))
        assert refused == no(7, "IAM_PERMISSION_DENIED", DENIED.format(""))


@pytest.mark.parametrize("method", [VERTEX, DEVELOPER])
@pytest.mark.parametrize(
    ("presents", "expected"),
    [
        (key("key"), Principal("key", "p", "api_key")),
        (key("garbage"), WRONG_KEY),
        (key("AIza\x00é"), WRONG_KEY),
        (key("revoked key"), WRONG_KEY),
        (key("expired key"), no(3, "API_KEY_INVALID", OLD_KEY)),
        (key("token"), WRONG_KEY),
        (bearer("token"), Principal("token", "p", "access_token")),
    ],
)
async def test_without_a_project_an_api_key_does(
    world: World, method: str, presents: Presents, expected: Principal | Refused
) -> None:
    assert await outcome(world, a_call(presents(world), method, EXPRESS)) == expected


async def test_what_is_missing_depends_on_the_service(world: World) -> None:
    nothing = Credentials()

    assert await outcome(world, a_call(nothing, VERTEX, EXPRESS)) == no(16, "CREDENTIALS_MISSING", MISSING)
    assert await outcome(world, a_call(nothing, DEVELOPER, "models/m")) == no(7, "", UNREGISTERED)


async def test_the_details_name_service_and_method(world: World) -> None:
    with pytest.raises(ApiError) as caught:
        await Strict(world.store).admit(a_call(Credentials(bearer="ya29.x")))
    assert caught.value.details == (
        ErrorInfo(
            "ACCESS_TOKEN_TYPE_UNSUPPORTED", metadata={"service": "aiplatform.googleapis.com", "method": VERTEX}
        ),
    )

    with pytest.raises(ApiError) as caught:
        await Strict(world.store).admit(a_call(Credentials(api_key="x"), DEVELOPER, "models/m"))
    assert caught.value.details == (
        ErrorInfo("API_KEY_INVALID", metadata={"service": "generativelanguage.googleapis.com"}),
    )


async def test_a_denial_names_permission_and_resource(world: World) -> None:
    call = a_call(bearer("token")(world), VERTEX.replace("GenerateContent", "DeleteCachedContent"), OTHER)

    with pytest.raises(ApiError) as caught:
        await Strict(world.store, clock=lambda: NOW).admit(call)

    metadata = {"permission": "aiplatform.cachedContents.delete", "resource": OTHER}
    assert caught.value.details == (ErrorInfo("IAM_PERMISSION_DENIED", "aiplatform.googleapis.com", metadata),)


async def test_no_refusal_repeats_what_was_presented(world: World) -> None:
    for credentials in (Credentials("ya29.my-own-secret"), Credentials(api_key="AIza-my-own-secret")):
        for resource in (MODEL, EXPRESS):
            refused = await outcome(world, a_call(credentials, resource=resource))
            assert "my-own-secret" not in repr(refused)


async def test_a_revocation_holds_for_the_next_call(world: World) -> None:
    call = a_call(signed()(world))
    assert await outcome(world, call) == ACCOUNT

    await world.store.revoke(EMAIL)

    assert await outcome(world, call) == NOT_A_JWT


@pytest.mark.parametrize(
    ("credentials", "name", "kind"),
    [
        (Credentials(), "anonymous", "anonymous"),
        (Credentials(bearer="anything", api_key="at all"), "anonymous", "anonymous"),
        (Credentials(bearer=jwt.encode({"iss": EMAIL}, "k" * 64)), EMAIL, "unverified"),
        (Credentials(bearer=jwt.encode({"sub": "me"}, "k" * 64)), "me", "unverified"),
        (Credentials(bearer=jwt.encode({"aud": "x"}, "k" * 64)), "anonymous", "anonymous"),
        (Credentials(bearer=nested(8_000)), "anonymous", "anonymous"),
    ],
)
async def test_the_open_policy_believes_everything(credentials: Credentials, name: str, kind: str) -> None:
    assert await Open().admit(a_call(credentials)) == Principal(name, None, kind)


async def test_the_gate_tells_who_calls_or_lets_nothing_run(world: World) -> None:
    async def answers(call: Call) -> Stream:
        assert call.principal is not None
        yield GenerateContentResponse(model_version=call.principal.name)

    handler = chain([Authenticate(Strict(world.store, clock=lambda: NOW))], answers)

    answered = [message async for message in handler(a_call(bearer("token")(world)))]
    with pytest.raises(ApiError):
        await anext(handler(a_call(Credentials())))

    assert answered == [GenerateContentResponse(model_version="token")]


def test_every_method_has_its_permission() -> None:
    """A method that creates, changes or reads something must not pass for a prediction."""
    for method in routes.METHODS:
        predicts = method.service in ("PredictionService", "LlmUtilityService", "GenerativeService")
        assert predicts or method.name in denials.PERMISSIONS, method.name
