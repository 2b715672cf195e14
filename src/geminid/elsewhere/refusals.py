"""Errors as Google's JSON tells them <-> ``ApiError``: of another service's answers, and of recordings.

An error that it gives is passed on as it is, with its details, but for two things: names of the operator's
project become the caller's, and what is wrong with the operator's own credentials is not the caller's business.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from google.protobuf import json_format
from google.rpc import error_details_pb2

from geminid.errors import UNAVAILABLE, ApiError, Code, Detail, RetryInfo, Unavailable, by_code

_log = logging.getLogger(__name__)

_RPC = "google.rpc."
_PASSED = (
    "BadRequest", "ErrorInfo", "Help", "LocalizedMessage", "PreconditionFailure", "QuotaFailure", "RequestInfo",
    "ResourceInfo",
)  # fmt: skip
"""Those of google/rpc/error_details.proto that are for clients; RetryInfo is read apart."""

_OPERATORS = frozenset({Code.UNAUTHENTICATED, Code.PERMISSION_DENIED})
_KEY_REASON = "API_KEY_"
"""What reasons of ErrorInfo begin with where a key is refused, which Google does with INVALID_ARGUMENT."""

_BY_HTTP = {
    400: Code.INVALID_ARGUMENT, 401: Code.UNAUTHENTICATED, 403: Code.PERMISSION_DENIED, 404: Code.NOT_FOUND,
    409: Code.ABORTED, 429: Code.RESOURCE_EXHAUSTED, 499: Code.CANCELLED, 500: Code.INTERNAL,
    501: Code.UNIMPLEMENTED, 504: Code.DEADLINE_EXCEEDED,
}  # fmt: skip


class _Passed(Detail):
    """A detail with the fields that were told, of one of the types below."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        self._fields = dict(fields)

    def fields(self) -> dict[str, object]:
        return self._fields


_TYPES: Mapping[str, type[_Passed]] = {
    name: type(name, (_Passed,), {"type_name": f"{_RPC}{name}"}) for name in _PASSED
}


def error_of(plain: Mapping[str, Any], http: int = 500) -> ApiError:
    """The error of an object with ``code``, ``message``, ``status`` and ``details``, or some of them."""
    code = Code.__members__.get(str(plain.get("status")), _BY_HTTP.get(plain.get("code", http), Code.UNAVAILABLE))
    message = str(plain.get("message") or UNAVAILABLE)
    details = plain.get("details")
    return by_code(code)(message, *_details(details if isinstance(details, list) else ()))


def _details(told: Sequence[Any]) -> list[Detail]:
    """Only what can be told over gRPC too; fields that protobuf does not know stay behind."""
    details: list[Detail] = []
    for one in told:
        name = str(one.get("@type", "")).rpartition(_RPC)[2] if isinstance(one, dict) else ""
        if name == "RetryInfo" and (seconds := _SECONDS.fullmatch(str(one.get("retryDelay")))):
            details.append(RetryInfo(float(seconds[1])))
        elif name in _TYPES:
            fields = {key: value for key, value in one.items() if key != "@type"}
            message = getattr(error_details_pb2, name)()
            try:
                json_format.ParseDict(fields, message, ignore_unknown_fields=True)
            except json_format.ParseError:
                continue
            details.append(_TYPES[name](json_format.MessageToDict(message)))
    return details


_SECONDS = re.compile(r"(\d+(?:\.\d+)?)s")


@dataclass(frozen=True, slots=True)
class Refusals:
    """Reads errors of another service. ``project`` is the operator's there; empty where requests name none."""

    project: str = ""

    def read(self, http: int, body: bytes, resource: str, name: str) -> ApiError:
        """The error for the caller, who named the model ``name`` where the service was asked for ``resource``."""
        try:
            told = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            told = {}
        if isinstance(told, list):
            told = told[0] if told else {}
        plain = told.get("error") if isinstance(told, dict) else None
        error = error_of(plain if isinstance(plain, dict) else {}, http)
        if _is_operators(error):
            _log.error("the other service refuses the credentials of this server: %.500s", error.message)
            return Unavailable(UNAVAILABLE)
        return error_of(self._renamed(error.as_object(), resource, name))

    def _renamed(self, value: Any, resource: str, name: str) -> Any:
        match value:
            case str():
                return self._without_project(value.replace(resource, name), name)
            case list():
                return [self._renamed(one, resource, name) for one in value]
            case dict():
                return {key: self._renamed(one, resource, name) for key, one in value.items()}
        return value

    def _without_project(self, text: str, name: str) -> str:
        if not self.project:
            return text
        caller = _PROJECT.match(name)
        ours = rf"(projects?[/ :=]+[`'\"]?)(?:{re.escape(self.project)}|\d{{6,}})(?![\w.-])"
        return re.sub(ours, lambda found: found[1] + (caller[1] if caller else "-"), text)


_PROJECT = re.compile("projects/([^/]+)/")


def _is_operators(error: ApiError) -> bool:
    reasons = (str(detail.fields().get("reason", "")) for detail in error.details)
    return error.code in _OPERATORS or any(reason.startswith(_KEY_REASON) for reason in reasons)
