"""The error tree: google.rpc codes, Google's wording, typed details. Imports nothing of geminid.

Every failure that a client may see is one of these; doors map them to their own form (HTTP status and JSON,
gRPC status and trailers) by ``code`` alone.

    ApiError
    ├── Cancelled            1  499      ├── Aborted             10  409
    ├── InvalidArgument      3  400      ├── OutOfRange          11  400
    │   └── PromptTooLong               ├── Unimplemented       12  501
    ├── DeadlineExceeded     4  504      ├── Internal            13  500
    ├── NotFound             5  404      ├── Unavailable         14  503
    ├── AlreadyExists        6  409      └── Unauthenticated     16  401
    ├── PermissionDenied     7  403
    ├── ResourceExhausted    8  429
    └── FailedPrecondition   9  400
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar


class Code(enum.IntEnum):
    """google.rpc.Code; ``http`` is the status that Google's front end gives it (google/rpc/code.proto)."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16

    @property
    def http(self) -> int:
        return _HTTP[self]


_HTTP = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}


class Detail:
    """One entry of ``error.details``: a google.rpc message, written as its JSON object without ``@type``."""

    type_name: ClassVar[str]

    def fields(self) -> dict[str, object]:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One broken rule. ``field`` is the proto path (``contents[0].parts[1].text``)."""

    field: str
    description: str


@dataclass(frozen=True)
class BadRequest(Detail):
    type_name: ClassVar[str] = "google.rpc.BadRequest"
    violations: Sequence[FieldViolation]

    def fields(self) -> dict[str, object]:
        rows = []
        for violation in self.violations:
            row = {"field": violation.field} if violation.field else {}
            rows.append(row | {"description": violation.description})
        return {"fieldViolations": rows}


@dataclass(frozen=True)
class ErrorInfo(Detail):
    type_name: ClassVar[str] = "google.rpc.ErrorInfo"
    reason: str
    domain: str = "googleapis.com"
    metadata: dict[str, str] = field(default_factory=dict)

    def fields(self) -> dict[str, object]:
        info: dict[str, object] = {"reason": self.reason, "domain": self.domain}
        return info | {"metadata": self.metadata} if self.metadata else info


@dataclass(frozen=True)
class RetryInfo(Detail):
    """In how many seconds it is worth to ask again."""

    type_name: ClassVar[str] = "google.rpc.RetryInfo"
    seconds: float

    def fields(self) -> dict[str, object]:
        return {"retryDelay": f"{self.seconds:.3f}".rstrip("0").rstrip(".") + "s"}


@dataclass(frozen=True, slots=True)
class QuotaViolation:
    """One quota that was exceeded. ``value`` is the limit."""

    metric: str
    id: str
    value: int
    dimensions: dict[str, str] = field(default_factory=dict)

    def fields(self) -> dict[str, object]:
        named: dict[str, object] = {"quotaMetric": self.metric, "quotaId": self.id}
        return named | {"quotaDimensions": self.dimensions, "quotaValue": str(self.value)}


@dataclass(frozen=True)
class QuotaFailure(Detail):
    type_name: ClassVar[str] = "google.rpc.QuotaFailure"
    violations: Sequence[QuotaViolation]

    def fields(self) -> dict[str, object]:
        return {"violations": [one.fields() for one in self.violations]}


@dataclass(frozen=True)
class Help(Detail):
    type_name: ClassVar[str] = "google.rpc.Help"
    description: str
    url: str

    def fields(self) -> dict[str, object]:
        return {"links": [{"description": self.description, "url": self.url}]}


class ApiError(Exception):
    """A failure with a google.rpc code. ``message`` is sent to the client as it stands."""

    code: ClassVar[Code] = Code.UNKNOWN

    def __init__(self, message: str, *details: Detail) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def as_object(self) -> dict[str, object]:
        """google.rpc.Status as Google's JSON has it; ``details`` only where there are any."""
        plain: dict[str, object] = {"code": self.code.http, "message": self.message, "status": self.code.name}
        if self.details:
            plain["details"] = [
                {"@type": f"type.googleapis.com/{detail.type_name}"} | detail.fields() for detail in self.details
            ]
        return plain


class Cancelled(ApiError):
    code = Code.CANCELLED


class InvalidArgument(ApiError):
    code = Code.INVALID_ARGUMENT

    @classmethod
    def of(cls, violations: Sequence[FieldViolation]) -> InvalidArgument:
        """All violations of one request, joined as Google's front end joins them."""
        return cls("\n".join(violation.description for violation in violations), BadRequest(violations))


class PromptTooLong(InvalidArgument):
    """The prompt does not fit the model's window. ``tokens`` and ``limit`` are counts of input tokens."""

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(
            f"Unable to submit request because the input token count is {tokens} but model only supports up to "
            f"{limit}. Reduce the input token count and try again. You can also use the CountTokens API to "
            "calculate prompt token count and billable characters. Learn more: "
            "https://cloud.google.com/vertex-ai/generative-ai/docs/learn/models"
        )
        self.tokens = tokens
        self.limit = limit


class DeadlineExceeded(ApiError):
    code = Code.DEADLINE_EXCEEDED


class NotFound(ApiError):
    code = Code.NOT_FOUND


class AlreadyExists(ApiError):
    code = Code.ALREADY_EXISTS


class PermissionDenied(ApiError):
    code = Code.PERMISSION_DENIED


class ResourceExhausted(ApiError):
    code = Code.RESOURCE_EXHAUSTED


class FailedPrecondition(ApiError):
    code = Code.FAILED_PRECONDITION


class Aborted(ApiError):
    code = Code.ABORTED


class OutOfRange(ApiError):
    code = Code.OUT_OF_RANGE


class Unimplemented(ApiError):
    """A field or method that geminid knows and does not serve yet; the message names it."""

    code = Code.UNIMPLEMENTED


class Internal(ApiError):
    code = Code.INTERNAL


class Unavailable(ApiError):
    code = Code.UNAVAILABLE


class Unauthenticated(ApiError):
    code = Code.UNAUTHENTICATED


UNAVAILABLE = "The service is currently unavailable."
OVERLOADED = "The model is overloaded. Please try again later."
INTERNAL = "Internal error encountered."
EXPIRED = "Deadline expired before operation could complete."


def by_code(code: Code) -> type[ApiError]:
    """The class for a code that arrives as data: an upstream's answer, a script."""
    return _BY_CODE.get(code, ApiError)


_BY_CODE = {cls.code: cls for cls in ApiError.__subclasses__()}
