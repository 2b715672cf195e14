"""The protobuf descriptors of the messages, made from their declarations in a pool of our own.

A private pool, since the default one refuses a second definition of the names that Google's own client packages
define, and both may live in one process. Used by ``proto.py``; gRPC reflection can serve the pool.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from google.protobuf import descriptor_pb2, duration_pb2, empty_pb2, field_mask_pb2, struct_pb2, timestamp_pb2
from google.protobuf.descriptor_pool import DescriptorPool

from geminid.wire import caching, content, generation, grounding, models, output, safety, tokens, tools
from geminid.wire.message import FieldSpec, Kind, Message, WireEnum, describe, full_name

_MODULES = (caching, content, generation, grounding, models, output, safety, tokens, tools)
_WELL_KNOWN = (duration_pb2, empty_pb2, field_mask_pb2, struct_pb2, timestamp_pb2)

_Field: TypeAlias = descriptor_pb2.FieldDescriptorProto
_File: TypeAlias = descriptor_pb2.FileDescriptorProto
_Message: TypeAlias = descriptor_pb2.DescriptorProto

_SCALARS = {
    Kind.STRING: _Field.TYPE_STRING,
    Kind.BOOL: _Field.TYPE_BOOL,
    Kind.INT32: _Field.TYPE_INT32,
    Kind.INT64: _Field.TYPE_INT64,
    Kind.FLOAT: _Field.TYPE_FLOAT,
    Kind.DOUBLE: _Field.TYPE_DOUBLE,
    Kind.BYTES: _Field.TYPE_BYTES,
}


def declared_types() -> Iterator[type[Message] | type[WireEnum]]:
    """Every message and enum class of the API, in the order of their modules and lines."""
    for module in _MODULES:
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module.__name__:
                assert issubclass(value, Message | WireEnum)
                yield value


def build_pool(*versions: str) -> DescriptorPool:
    """A pool with all messages and enums of these versions, and the well-known types."""
    pool = DescriptorPool()
    for module in _WELL_KNOWN:
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    for version in versions:
        for file in _Files(version).in_order():
            pool.AddSerializedFile(file.SerializeToString())
    return pool


def file_name(package: str) -> str:
    """The file of a pool that holds a package."""
    return f"{package.replace('.', '/')}/geminid.proto"


class _Files:
    """The files of one version, one for each package; Vertex AI's own comes last, since it uses the others."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._files: dict[str, _File] = {}
        self._messages: dict[str, _Message] = {}
        types = [cls for cls in declared_types() if not full_name(cls, version).startswith("google.protobuf.")]
        # A message stands before those nested in it when sorted by name.
        for cls in sorted(types, key=lambda cls: full_name(cls, version)):
            if issubclass(cls, Message):
                self._add_message(cls)
            else:
                self._add_enum(cls)

    def in_order(self) -> list[_File]:
        *others, vertex = (self._files[package] for package in sorted(self._files, key=lambda p: "cloud" in p))
        vertex.dependency.extend(module.DESCRIPTOR.name for module in _WELL_KNOWN)
        vertex.dependency.extend(file.name for file in others)
        return [*others, vertex]

    def _file(self, package: str) -> _File:
        if package not in self._files:
            self._files[package] = _File(name=file_name(package), package=package, syntax="proto3")
        return self._files[package]

    def _add_message(self, cls: type[Message]) -> None:
        scope, _, name = full_name(cls, self._version).rpartition(".")
        parent = self._messages.get(scope)
        message = parent.nested_type.add() if parent else self._file(scope).message_type.add()
        message.name = name
        self._messages[full_name(cls, self._version)] = message
        specs = describe(cls).fields
        for oneof in dict.fromkeys(spec.oneof for spec in specs if spec.oneof):
            message.oneof_decl.add(name=oneof)
        for spec in specs:
            self._add_field(message, spec)

    def _add_enum(self, cls: type[WireEnum]) -> None:
        scope, _, name = full_name(cls, self._version).rpartition(".")
        parent = self._messages.get(scope)
        enum = parent.enum_type.add() if parent else self._file(scope).enum_type.add()
        enum.name = name
        for member in cls:
            enum.value.add(name=member.value, number=member.number)

    def _add_field(self, message: _Message, spec: FieldSpec) -> None:
        field = message.field.add(name=spec.name, number=spec.number, json_name=spec.json_name)
        field.label = _Field.LABEL_REPEATED if spec.repeated or spec.map else _Field.LABEL_OPTIONAL
        if spec.map:
            entry = message.nested_type.add(name=spec.name.title().replace("_", "") + "Entry")
            entry.options.map_entry = True
            entry.field.add(name="key", number=1, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
            self._set_type(entry.field.add(name="value", number=2, label=_Field.LABEL_OPTIONAL), spec)
            field.type = _Field.TYPE_MESSAGE
            field.type_name = entry.name
            return
        self._set_type(field, spec)
        if spec.oneof:
            names = [oneof.name for oneof in message.oneof_decl]
            field.oneof_index = names.index(spec.oneof)
        elif spec.optional and spec.kind in _SCALARS:
            field.proto3_optional = True
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{spec.name}")

    def _set_type(self, field: _Field, spec: FieldSpec) -> None:
        if spec.kind in _SCALARS:
            field.type = _SCALARS[spec.kind]
            return
        field.type = _Field.TYPE_ENUM if spec.kind is Kind.ENUM else _Field.TYPE_MESSAGE
        name = full_name(spec.type, self._version) if spec.type else spec.kind.value
        field.type_name = f".{name}"
