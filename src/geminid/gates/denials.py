"""What a caller is told whose credentials do not suffice, in the words of Google's front end.

Reasons and texts are Google's: google/api/error_reason.proto, and answers that clients of Google have published.
Nothing here holds any part of a credential.
"""

from __future__ import annotations

from typing import Final

from geminid.call import Call
from geminid.errors import ApiError, ErrorInfo, InvalidArgument, PermissionDenied, Unauthenticated

AIPLATFORM: Final = "aiplatform.googleapis.com"
GENERATIVE_LANGUAGE: Final = "generativelanguage.googleapis.com"

PERMISSIONS: Final = {
    "CreateCachedContent": "aiplatform.cachedContents.create",
    "GetCachedContent": "aiplatform.cachedContents.get",
    "ListCachedContents": "aiplatform.cachedContents.list",
    "UpdateCachedContent": "aiplatform.cachedContents.update",
    "DeleteCachedContent": "aiplatform.cachedContents.delete",
    "GetPublisherModel": "aiplatform.publisherModels.get",
    "ListPublisherModels": "aiplatform.publisherModels.list",
}
"""By method; what is not named here is a prediction (https://cloud.google.com/vertex-ai/docs/general/iam-permissions)."""

_PREDICT: Final = "aiplatform.endpoints.predict"

_EXPECTED: Final = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)


def service(call: Call) -> str:
    """The host name of the Google service that has the method."""
    return GENERATIVE_LANGUAGE if call.method.startswith("google.ai.generativelanguage.") else AIPLATFORM


def missing(call: Call) -> ApiError:
    if service(call) == GENERATIVE_LANGUAGE:
        return PermissionDenied(
            "Method doesn't allow unregistered callers (callers without established identity). Please use API Key "
            "or other form of API consumer identity to call this API."
        )
    text = f"Request is missing required authentication credential. {_EXPECTED}"
    return Unauthenticated(text, _info(call, "CREDENTIALS_MISSING"))


def invalid(call: Call, reason: str = "") -> ApiError:
    """A bearer that is good for nothing; a JWT is refused without a ``reason``."""
    text = f"Request had invalid authentication credentials. {_EXPECTED}"
    return Unauthenticated(text, _info(call, reason)) if reason else Unauthenticated(text)


def key_not_supported(call: Call) -> ApiError:
    return Unauthenticated(
        "API keys are not supported by this API. Expected OAuth2 access token or other authentication credentials "
        "that assert a principal. See https://cloud.google.com/docs/authentication",
        _info(call, "CREDENTIALS_MISSING"),
    )


def insufficient_scopes(call: Call) -> ApiError:
    text = "Request had insufficient authentication scopes."
    return PermissionDenied(text, _info(call, "ACCESS_TOKEN_SCOPE_INSUFFICIENT"))


def invalid_key(call: Call) -> ApiError:
    return InvalidArgument("API key not valid. Please pass a valid API key.", _key_info(call))


def expired_key(call: Call) -> ApiError:
    return InvalidArgument("API key expired. Please renew the API key.", _key_info(call))


def two_projects() -> ApiError:
    return InvalidArgument("The API Key and the authentication credential are from different projects.")


def other_project(call: Call) -> ApiError:
    permission = PERMISSIONS.get(call.rpc, _PREDICT)
    return PermissionDenied(
        f"Permission '{permission}' denied on resource '//{AIPLATFORM}/{call.resource}' (or it may not exist).",
        ErrorInfo("IAM_PERMISSION_DENIED", AIPLATFORM, {"permission": permission, "resource": call.resource}),
    )


def _info(call: Call, reason: str) -> ErrorInfo:
    return ErrorInfo(reason, metadata={"service": service(call), "method": call.method})


def _key_info(call: Call) -> ErrorInfo:
    return ErrorInfo("API_KEY_INVALID", metadata={"service": service(call)})
