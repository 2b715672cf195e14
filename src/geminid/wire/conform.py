"""Plain JSON values -> a message, by its description: all that Google's front end accepts, and its complaints.

The slow path of ``json.py``, taken when the strict decoder has refused a body. It collects every violation, in
the words and with the snake_case paths of Google's front end (protobuf's proto_writer.cc and datapiece.cc hold
most of the texts).
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

from geminid.errors import FieldViolation, InvalidArgument
from geminid.wire import convert, dialect
from geminid.wire.message import FieldSpec, Kind, Message, WireEnum, describe, full_name

_MAX_VIOLATIONS = 100
_LONGEST_ECHO = 300
"""Characters of a refused value that its violation repeats; an image would be 20 MB."""

_NOT_REPEATED = "Proto field is not repeating, cannot start list."

_M = TypeVar("_M", bound=Message)


def conform(cls: type[_M], plain: Any, version: str, path: str = "") -> _M:
    """The message that ``plain`` says. Raises InvalidArgument with all violations, or the first hundred.

    ``path`` is where in the request the message is.
    """
    conformer = _Conformer(version)
    if isinstance(plain, dict):
        message = conformer.message(cls, plain, path)
        if not conformer.violations:
            return message
    else:
        conformer.unknown("", path, "Root element must be a message.")
    raise InvalidArgument.of(conformer.violations)


class _Conformer:
    """One body on its way into messages. ``version`` names the types in violations.

    A value that cannot be taken leaves a violation and stands as None; nobody sees a message with violations.
    """

    def __init__(self, version: str) -> None:
        self.violations: list[FieldViolation] = []
        self._version = version

    def message(self, cls: type[_M], plain: dict[str, Any], path: str) -> _M:
        by_name = describe(cls).by_name
        found: dict[str, Any] = {}
        oneofs: set[str] = set()
        for name, value in plain.items():
            spec = by_name.get(name)
            if spec is None:
                self._undeclared(cls, name, value, path, found)
            elif value is None and (spec.kind is not Kind.VALUE or spec.repeated):
                continue
            elif spec.name in found:
                self.unknown(name, path, "The field is already set by its other name.")
            elif spec.oneof in oneofs:
                taken = f"oneof field '{spec.oneof}' is already set. Cannot set '{name}'"
                self.invalid(path, "oneof", taken)
            else:
                if spec.oneof:
                    oneofs.add(spec.oneof)
                found[spec.name] = self._field(spec, value, path, name)
        return cls(**found)

    def _undeclared(self, cls: type[Message], name: str, value: Any, path: str, found: dict[str, Any]) -> None:
        whole = dialect.spread(cls, name)
        if whole and isinstance(value, dict):
            inner = self.message(whole, value, _below(path, dialect.snake_case(name)))
            for spec in describe(cls).fields:
                if spec.name in whole.declared:
                    found.setdefault(spec.name, getattr(inner, spec.name))
        elif not dialect.is_ignored(cls, name):
            self.unknown(name, path, "Cannot find field.")

    def _field(self, spec: FieldSpec, value: Any, path: str, name: str) -> Any:
        if spec.map:
            return self._map(spec, value, path, name)
        here = _below(path, spec.name)
        if not isinstance(value, list):
            one = self._one(spec, value, here)
            return [one] if spec.repeated else one
        if spec.repeated:
            return self._list(spec, value, here)
        if spec.kind is Kind.VALUE:
            return value
        return self.unknown(name, path, _NOT_REPEATED)

    def _map(self, spec: FieldSpec, value: Any, path: str, name: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            what = "a list" if isinstance(value, list) else "a scalar"
            self.invalid(path, "Map", f"Cannot bind {what} to map for field '{name}'.")
            return {}
        here = _below(path, spec.name)
        entries: dict[str, Any] = {}
        for index, (key, item) in enumerate(value.items()):
            if isinstance(item, list):
                self.unknown("value", f"{here}[{index}]", _NOT_REPEATED)
            elif item is not None:
                entries[key] = self._one(spec, item, f"{here}[{index}].value")
        return entries

    def _list(self, spec: FieldSpec, value: list[Any], here: str) -> list[Any]:
        items = []
        for index, item in enumerate(value):
            if spec.kind is Kind.VALUE:
                items.append(item)
            elif isinstance(item, list):
                self.unknown("", f"{here}[{index}]", _NOT_REPEATED)
            elif item is not None:
                items.append(self._one(spec, item, f"{here}[{index}]"))
        return items

    def _one(self, spec: FieldSpec, value: Any, here: str) -> Any:
        """One value of a field, no list."""
        kind = spec.kind
        if kind is Kind.VALUE:
            return value
        if kind in convert.WELL_KNOWN:
            return self._well_known(spec, value, here)
        if not isinstance(value, dict):
            return self._scalar(spec, value, here)
        if kind is Kind.MESSAGE:
            return self.message(cast("type[Message]", spec.type), value, here)
        if kind is Kind.STRUCT:
            return value
        path, _, name = here.rpartition(".")
        return self.invalid(path, name.partition("[")[0], "Starting an object on a scalar field")

    def _scalar(self, spec: FieldSpec, value: Any, here: str) -> Any:
        try:
            if spec.kind is Kind.ENUM:
                return convert.enum(cast("type[WireEnum]", spec.type), value)
            if spec.kind in convert.SCALARS:
                return convert.SCALARS[spec.kind](value)
        except (ValueError, OverflowError):
            pass
        is_base64 = spec.kind is Kind.BYTES and isinstance(value, str)
        problem = f"Base64 decoding failed for {_echo(value)}" if is_base64 else _echo(value)
        return self.invalid(here, self._type_name(spec), problem)

    def _well_known(self, spec: FieldSpec, value: Any, here: str) -> Any:
        try:
            return convert.WELL_KNOWN[spec.kind](value)
        except ValueError as error:
            problem = f"Field '{spec.name}', {str(error)[:_LONGEST_ECHO]}"
            return self.invalid(here, self._type_name(spec), problem)

    def _type_name(self, spec: FieldSpec) -> str:
        """``TYPE_FLOAT``, or the URL of a message or an enum."""
        if spec.type:
            return f"type.googleapis.com/{full_name(spec.type, self._version)}"
        is_message = "." in spec.kind.value
        return f"type.googleapis.com/{spec.kind.value}" if is_message else f"TYPE_{spec.kind.name}"

    def unknown(self, name: str, path: str, problem: str) -> None:
        where = f" at '{path}'" if path else ""
        shown = name[:_LONGEST_ECHO]
        self._violate(path, f'Invalid JSON payload received. Unknown name "{shown}"{where}: {problem}')

    def invalid(self, path: str, expected: str, problem: str) -> None:
        where = f" at '{path}'" if path else ""
        self._violate(path, f"Invalid value{where} ({expected}), {problem}")

    def _violate(self, path: str, description: str) -> None:
        self.violations.append(FieldViolation(path, description))
        if len(self.violations) == _MAX_VIOLATIONS:
            raise InvalidArgument.of(self.violations)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _echo(value: Any) -> str:
    """A refused scalar as Google's messages show it: strings in quotes as they are."""
    match value:
        case str():
            return f'"{value[:_LONGEST_ECHO]}"'
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value).removesuffix(".0")
    return str(value)[:_LONGEST_ECHO]
