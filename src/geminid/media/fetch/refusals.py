"""Why a file is not brought, in Google's words where they are known.

The statuses are those of Vertex AI that stand in public reports of users; the ones marked as ours are made in
their likeness. No text tells what a name resolved to.
"""

from __future__ import annotations

import enum

from geminid import errors
from geminid.media.refusals import shown as shown

_CREDENTIALS = "https://cloud.google.com/vertex-ai/generative-ai/docs/access-control"
_REFERENCE = "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini"


class Status(enum.StrEnum):
    """How a fetch over HTTP ended."""

    NOT_FOUND = "URL_ERROR-ERROR_NOT_FOUND"
    NO_RESPONSE = "URL_UNREACHABLE-UNREACHABLE_NO_RESPONSE"
    SERVER_ERROR = "URL_UNREACHABLE-UNREACHABLE_5xx"
    TIMEOUT = "URL_TIMEOUT-TIMEOUT_FETCHPROXY"
    RATE_LIMITED = "URL_REJECTED-REJECTED_RATE_LIMITED"
    TOO_MANY_PENDING = "URL_REJECTED-REJECTED_FC_TOO_MANY_PENDING"
    BROKEN = "URL_REJECTED-REJECTED_RPC_APP_ERROR"
    OTHER = "URL_ERROR-ERROR_OTHER"  # ours
    FORBIDDEN = "URL_ERROR-ERROR_ACCESS_DENIED"  # ours
    REDIRECTS = "URL_REJECTED-REJECTED_REDIRECT"  # ours
    ADDRESS = "URL_REJECTED-REJECTED_ADDRESS"  # ours

    @classmethod
    def of(cls, http: int) -> Status:
        """For an answer that is not the file."""
        match http:
            case 404 | 410:
                return cls.NOT_FOUND
            case 401 | 403 | 407 | 451:
                return cls.FORBIDDEN
            case 429:
                return cls.RATE_LIMITED
        return cls.SERVER_ERROR if http >= 500 else cls.OTHER


def unsupported(uri: str, why: str = "") -> errors.InvalidArgument:
    return errors.InvalidArgument(f"Unsupported file uri: {shown(uri)}" + (f" ({why})" if why else ""))


def unfetched(status: Status, why: str = "") -> errors.InvalidArgument:
    """``why`` is a sentence that says more than the status."""
    return errors.InvalidArgument(_cannot_fetch(status) + (f". {why}" if why else ""))


def crowded() -> errors.ResourceExhausted:
    """More downloads are asked for than may run and wait."""
    return errors.ResourceExhausted(_cannot_fetch(Status.TOO_MANY_PENDING))


def no_room() -> errors.ResourceExhausted:
    """The cache is full of what requests under way use, or the disk is."""
    return errors.ResourceExhausted(
        "There is no room for another file: the space that is set aside for media is in use. "
        "Please try again later."
    )


def require_size(uri: str, size: int, limit: int) -> None:
    """Refuses the file at ``uri`` if its ``size``, found or announced, is more than ``limit`` bytes."""
    if size > limit:
        raise errors.InvalidArgument(
            f"Unable to submit request because the file {shown(uri)} is larger than the supported limit of "
            f"{limit} bytes. Learn more: {_REFERENCE}"
        )


def denied(why: str = "") -> errors.PermissionDenied:
    text = "Permission denied while accessing input file. Learn more about providing the appropriate credentials: "
    return errors.PermissionDenied(text + _CREDENTIALS + (f" ({why})" if why else ""))


def without_storage(uri: str) -> errors.Unimplemented:
    """Objects of buckets that no folder stands for need a library."""
    return errors.Unimplemented(
        f"{shown(uri)} cannot be fetched: obstore is not installed on this server. Install it with: pip install "
        "'geminid[media]', or let a folder stand for the bucket under [media.buckets]."
    )


def _cannot_fetch(status: Status) -> str:
    return (
        "Cannot fetch content from the provided URL. Please ensure the URL is valid and accessible by Vertex AI. "
        "Vertex AI respects robots.txt rules, so confirm the URL is allowed to be crawled. "
        f"Status: {status}"
    )
