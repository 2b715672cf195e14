"""The descriptors that gRPC reflection shows: the messages of every version, and the services over them."""

from __future__ import annotations

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from geminid.wire.descriptors import build_pool, file_name
from geminid.wire.message import VERTEX, full_name
from geminid.wire.routes import METHODS


def reflected_pool(*versions: str) -> DescriptorPool:
    """A private pool. gRPC's own services are in it, since clients look them up, too."""
    pool = build_pool(*versions)
    for module in (health_pb2, reflection_pb2):
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    for version in versions:
        pool.AddSerializedFile(_services(version).SerializeToString())
    return pool


def _services(version: str) -> descriptor_pb2.FileDescriptorProto:
    package = f"{VERTEX}.{version}"
    messages = file_name(package)
    name = messages.replace("geminid", "geminid_services")
    file = descriptor_pb2.FileDescriptorProto(name=name, package=package, syntax="proto3", dependency=[messages])
    services: dict[str, descriptor_pb2.ServiceDescriptorProto] = {}
    for method in METHODS:
        bare_name = method.service_name(version).rpartition(".")[2]
        if bare_name not in services:
            services[bare_name] = file.service.add(name=bare_name)
        services[bare_name].method.add(
            name=method.name,
            input_type=f".{full_name(method.request, version)}",
            output_type=f".{full_name(method.response, version)}",
            server_streaming=method.streams,
        )
    return file
