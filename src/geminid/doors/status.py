"""An error as google.rpc.Status, for the trailers of a gRPC call."""

from __future__ import annotations

from google.protobuf import any_pb2, json_format
from google.rpc import error_details_pb2, status_pb2

from geminid.errors import ApiError, Detail

KEY = "grpc-status-details-bin"


def trailers(error: ApiError) -> tuple[tuple[str, bytes], ...]:
    """``grpc-status-details-bin`` where the error has details; nothing otherwise, as Google does."""
    if not error.details:
        return ()
    status = status_pb2.Status(code=error.code, message=error.message, details=map(_packed, error.details))
    return ((KEY, status.SerializeToString()),)


def _packed(detail: Detail) -> any_pb2.Any:
    message = getattr(error_details_pb2, detail.type_name.rpartition(".")[2])()
    json_format.ParseDict(detail.fields(), message)
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
