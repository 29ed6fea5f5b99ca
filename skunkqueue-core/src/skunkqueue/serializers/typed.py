"""Values of a closed list of types, kept exactly: what comes back equals what went in, type by type.

MessagePack carries None, bool, int of 64 bits, float, str, bytes, list and dict with str keys as they
are; every other type is an extension of ours (``_Ext``). Reading never runs code of the user's: a
dataclass is filled field by field without calling it, and an Enum member is looked up.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID

import msgspec

from skunkqueue.errors import DamagedPayloadError, JobNotFoundError, PayloadError, UnsupportedTypeError
from skunkqueue.imports import Gate
from skunkqueue.serializers import Serializer
from skunkqueue.serializers.classes import RefusedError, check_fields, class_name
from skunkqueue.serializers.fielded import FLAVOURS, Flavour, flavour_of
from skunkqueue.show import brief, written

_ATOMS = frozenset({type(None), bool, float, bytes, str})
_PLAIN = _ATOMS | {int}
_NO_KWARGS: dict[str, Any] = {}
_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1
_MAX_DEPTH = 100
_MAX_TRAIL = 10


class _Ext:
    """Numbers of our MessagePack extensions. They are stored: add, never change."""

    BIG_INT = 1
    TUPLE = 2
    DICT = 3
    SET = 4
    FROZENSET = 5
    DATETIME = 6
    DATE = 7
    TIME = 8
    TIMEDELTA = 9
    DECIMAL = 10
    UUID = 11
    ENUM = 12
    DATACLASS = 13
    SURROGATES = 14
    FIELDED = 15
    PATH = 16


@dataclasses.dataclass(frozen=True)
class Opaque:
    """A stored value of a class that was not imported, for people to look at."""

    name: str
    value: Any

    def __repr__(self) -> str:
        if isinstance(self.value, dict):
            return f"{self.name}({', '.join(f'{key}={written(value)}' for key, value in self.value.items())})"
        return f"{self.name}.{self.value if isinstance(self.value, str) else written(self.value)}"


_encode = msgspec.msgpack.Encoder().encode


class TypedSerializer(Serializer):
    """The default format."""

    def __init__(self) -> None:
        self._decoders: dict[int, tuple[Gate | None, msgspec.msgpack.Decoder[Any]]] = {}

    def dumps(self, value: Any, what: str) -> bytes:
        """Encode; UnsupportedTypeError names the place, the type and the way out."""
        try:
            try:
                return _encode(value if type(value) in _ATOMS else _pack(value, 0))
            except UnicodeEncodeError:
                return _encode(_pack(value, 0, careful=True))
        except RefusedError as error:
            trail = error.trail[::-1]
            place = what + "".join(trail if len(trail) <= _MAX_TRAIL else [*trail[:_MAX_TRAIL], "..."])
            msg = (
                f"{place} {error.reason}; convert it first, or use serializer='pickle' (signed) for this job"
            )
            raise UnsupportedTypeError(msg) from None

    def dumps_call(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], attrs: Mapping[str, Any] | None
    ) -> bytes:
        """Encode the arguments of a call; in one go where they are plain values."""
        if attrs is None and not kwargs and _PLAIN.issuperset(map(type, args)):
            try:
                return _encode((args, _NO_KWARGS, None))
            except (OverflowError, UnicodeEncodeError):
                pass  # a large int or a lone surrogate: the thorough way knows them
        return super().dumps_call(args, kwargs, attrs)

    def loads(self, data: bytes, gate: Gate | None) -> Any:
        """Decode; DamagedPayloadError for bytes that are not ours."""
        known = self._decoders.get(id(gate))
        if known is None:
            known = (gate, msgspec.msgpack.Decoder(ext_hook=_Reader(gate).read))
            self._decoders[id(gate)] = known
        try:
            return known[1].decode(data)
        except PayloadError:
            raise
        except JobNotFoundError as error:
            msg = f"a stored value is of a class that cannot be found: {error}"
            raise DamagedPayloadError(msg) from error
        # Whatever hand-made bytes provoke in a constructor is damage, and must not stop a worker.
        except (Exception, RecursionError) as error:
            msg = f"stored arguments or results of {len(data)} bytes are damaged: {type(error).__name__}: {error}"
            raise DamagedPayloadError(msg) from error


def _pack(value: Any, depth: int, *, careful: bool = False) -> Any:  # noqa: PLR0911 - one return a kind of value
    """Return what MessagePack carries for ``value``; ``careful`` looks at each string for surrogates."""
    kind = type(value)
    if kind in _ATOMS:
        if careful and kind is str and not value.isascii():
            return _pack_text(value)
        return value
    if kind is int:
        if _MIN_INT <= value <= _MAX_INT:
            return value
        return msgspec.msgpack.Ext(_Ext.BIG_INT, hex(value).encode())
    if depth >= _MAX_DEPTH:
        msg = f"is nested deeper than {_MAX_DEPTH} levels, or contains itself"
        raise RefusedError(msg)
    pack = _PACKERS.get(kind)
    if pack is not None:
        return pack(value, depth, careful)
    if isinstance(value, enum.Enum):
        return _pack_enum(value, depth)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _pack_dataclass(value, depth, careful)
    flavoured = flavour_of(kind)
    if flavoured is not None:
        return _pack_fielded(value, *flavoured, depth, careful)
    msg = f"is of type {kind.__module__}.{kind.__qualname__}, which cannot be stored exactly: {brief(value)}"
    raise RefusedError(msg)


def _pack_text(value: str) -> Any:
    try:
        value.encode()
    except UnicodeEncodeError:
        return msgspec.msgpack.Ext(_Ext.SURROGATES, value.encode("utf-8", "surrogatepass"))
    return value


def _pack_items(value: Any, depth: int, careful: bool) -> list[Any]:  # noqa: FBT001 - on the hot path
    packed = []
    for index, item in enumerate(value):
        try:
            packed.append(_pack(item, depth + 1, careful=careful))
        except RefusedError as error:
            error.trail.append(f"[{index}]")
            raise
    return packed


def _pack_dict(value: dict[Any, Any], depth: int, careful: bool) -> Any:  # noqa: FBT001 - on the hot path
    packed = {}
    plain = True
    for key, item in value.items():
        plain = plain and type(key) is str and not careful
        try:
            packed[key] = _pack(item, depth + 1, careful=careful)
        except RefusedError as error:
            error.trail.append(f"[{brief(key)}]")
            raise
    if plain:
        return packed
    keys = _pack_items(value, depth, careful)
    return msgspec.msgpack.Ext(_Ext.DICT, _encode([keys, list(packed.values())]))


def _nested(code: int) -> Callable[[Any, int, bool], Any]:
    def pack(value: Any, depth: int, careful: bool) -> Any:  # noqa: FBT001 - on the hot path
        return msgspec.msgpack.Ext(code, _encode(_pack_items(value, depth, careful)))

    return pack


def _flat(code: int, write: Callable[[Any], Any]) -> Callable[[Any, int, bool], Any]:
    def pack(value: Any, _depth: int, _careful: bool) -> Any:  # noqa: FBT001 - on the hot path
        return msgspec.msgpack.Ext(code, _encode(write(value)))

    return pack


def _write_zone(value: dt.datetime | dt.time) -> Any:
    zone = value.tzinfo
    if zone is None:
        return None
    if type(zone) is zoneinfo.ZoneInfo and zone.key is not None:
        return zone.key
    if type(zone) is dt.timezone:
        offset, name = zone.utcoffset(None), zone.tzname(None)
        parts = [offset.days, offset.seconds, offset.microseconds]
        return parts if name == dt.timezone(offset).tzname(None) else [*parts, name]
    msg = f"has a time zone of type {type(zone).__name__}, which cannot be stored: use zoneinfo or datetime.timezone"
    raise RefusedError(msg)


def _pack_enum(value: enum.Enum, depth: int) -> Any:
    module, qualname = class_name(type(value))
    if value.name in type(value).__members__:
        return msgspec.msgpack.Ext(_Ext.ENUM, _encode([module, qualname, value.name, None]))
    if not isinstance(value, enum.Flag) or type(value.value) is not int:
        msg = f"is {brief(value)}, which is not a member that {qualname} declares"
        raise RefusedError(msg)
    # A combination of flags has no name of its own, but its value is an int.
    return msgspec.msgpack.Ext(_Ext.ENUM, _encode([module, qualname, None, _pack(value.value, depth + 1)]))


def _pack_dataclass(value: Any, depth: int, careful: bool) -> Any:  # noqa: FBT001 - on the hot path
    kind = type(value)
    module, qualname = class_name(kind)
    check_fields(value, kind)
    values = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
    fields = _pack_fields(values, depth, careful)
    return msgspec.msgpack.Ext(_Ext.DATACLASS, _encode([module, qualname, fields]))


def _pack_fielded(value: Any, stored: str, flavour: Flavour, depth: int, careful: bool) -> Any:  # noqa: FBT001 - as above
    kind = type(value)
    module, qualname = class_name(kind)
    names = flavour.names(kind)
    rest = flavour.rest(value, kind, names)
    fields = _pack_fields(zip(names, flavour.values(value, names)), depth, careful)  # noqa: B905 - of one length
    parts = [stored, module, qualname, fields, _pack(rest, depth + 1, careful=careful)]
    return msgspec.msgpack.Ext(_Ext.FIELDED, _encode(parts))


def _pack_fields(
    items: Iterable[tuple[str, Any]],
    depth: int,
    careful: bool,  # noqa: FBT001 - as above
) -> dict[str, Any]:
    fields = {}
    for name, item in items:
        try:
            fields[name] = _pack(item, depth + 1, careful=careful)
        except RefusedError as error:
            error.trail.append(f".{name}")
            raise
    return fields


def _path(pure: bool) -> Callable[[Any, int, bool], Any]:  # noqa: FBT001 - said once, below
    def pack(value: PurePath, depth: int, careful: bool) -> Any:  # noqa: FBT001 - on the hot path
        flavour = type(value).__name__ if pure else Path.__name__
        return msgspec.msgpack.Ext(
            _Ext.PATH, _encode([flavour, _pack(str(value), depth + 1, careful=careful)])
        )

    return pack


_PACKERS: dict[type, Callable[[Any, int, bool], Any]] = {
    list: _pack_items,
    dict: _pack_dict,
    tuple: _nested(_Ext.TUPLE),
    set: _nested(_Ext.SET),
    frozenset: _nested(_Ext.FROZENSET),
    dt.datetime: _flat(
        _Ext.DATETIME, lambda v: [v.replace(tzinfo=None, fold=0).isoformat(), v.fold, _write_zone(v)]
    ),
    dt.date: _flat(_Ext.DATE, dt.date.isoformat),
    dt.time: _flat(_Ext.TIME, lambda v: [v.replace(tzinfo=None, fold=0).isoformat(), v.fold, _write_zone(v)]),
    dt.timedelta: _flat(_Ext.TIMEDELTA, lambda v: [v.days, v.seconds, v.microseconds]),
    Decimal: _flat(_Ext.DECIMAL, str),
    UUID: _flat(_Ext.UUID, lambda v: v.bytes),
    type(Path()): _path(pure=False),
    PurePosixPath: _path(pure=True),
    PureWindowsPath: _path(pure=True),
}
_PATHS: Mapping[str, type[PurePath]] = {
    kind.__name__: kind for kind in (Path, PurePosixPath, PureWindowsPath)
}
"""A path of the machine itself is one of the machine that reads it."""


class _Reader:
    """Reads our extensions; classes come through one gate."""

    def __init__(self, gate: Gate | None) -> None:
        self._gate = gate
        self._decode = msgspec.msgpack.Decoder(ext_hook=self.read).decode

    def read(self, code: int, data: memoryview) -> Any:
        if code == _Ext.BIG_INT:
            return int(bytes(data), 16)
        if code == _Ext.SURROGATES:
            return bytes(data).decode("utf-8", "surrogatepass")
        return _READERS[code](self, self._decode(data))

    def dict(self, value: Any) -> Any:
        keys, items = value
        return dict(zip(keys, items, strict=True))

    def datetime(self, value: Any) -> Any:
        text, fold, zone = value
        return dt.datetime.fromisoformat(text).replace(fold=fold, tzinfo=_read_zone(zone))

    def time(self, value: Any) -> Any:
        text, fold, zone = value
        return dt.time.fromisoformat(text).replace(fold=fold, tzinfo=_read_zone(zone))

    def enum(self, value: Any) -> Any:
        module, qualname, name, raw = value
        if self._gate is None:
            return Opaque(f"{module}:{qualname}", raw if name is None else name)
        found = self._gate.find(module, qualname)
        if not (isinstance(found, type) and issubclass(found, enum.Enum)):
            msg = f"{module}:{qualname} is not an Enum, but a stored value says so"
            raise DamagedPayloadError(msg)
        if name is not None:
            return found[name]
        if not issubclass(found, enum.Flag) or type(raw) is not int:
            # Looking up a value would let any `_missing_` of the user's work on bytes of others.
            msg = f"a stored value is not a member of {module}:{qualname}"
            raise DamagedPayloadError(msg)
        return found(raw)

    def fielded(self, value: Any) -> Any:
        stored, module, qualname, fields, rest = value
        if self._gate is None:
            return Opaque(f"{module}:{qualname}", fields)
        flavour, found = FLAVOURS[stored], self._gate.find(module, qualname)
        if not (isinstance(found, type) and flavour.matches(found)):
            msg = f"{module}:{qualname} is not a {flavour.what}, but a stored value says so"
            raise DamagedPayloadError(msg)
        names = flavour.names(found)
        if set(names) != fields.keys():
            raise DamagedPayloadError(_other_fields(module, qualname, names, fields))
        return flavour.make(found, {name: fields[name] for name in names}, rest)

    def path(self, value: Any) -> Any:
        flavour, text = value
        return _PATHS[flavour](text)

    def dataclass(self, value: Any) -> Any:
        module, qualname, fields = value
        if self._gate is None:
            return Opaque(f"{module}:{qualname}", fields)
        found = self._gate.find(module, qualname)
        if not (isinstance(found, type) and dataclasses.is_dataclass(found)):
            msg = f"{module}:{qualname} is not a dataclass, but a stored value says so"
            raise DamagedPayloadError(msg)
        names = {field.name for field in dataclasses.fields(found)}
        if names != fields.keys():
            raise DamagedPayloadError(_other_fields(module, qualname, names, fields))
        made = object.__new__(found)
        for name, item in fields.items():
            object.__setattr__(made, name, item)
        return made


_READERS: dict[int, Callable[[_Reader, Any], Any]] = {
    _Ext.TUPLE: lambda _, value: tuple(value),
    _Ext.DICT: _Reader.dict,
    _Ext.SET: lambda _, value: set(value),
    _Ext.FROZENSET: lambda _, value: frozenset(value),
    _Ext.DATETIME: _Reader.datetime,
    _Ext.DATE: lambda _, value: dt.date.fromisoformat(value),
    _Ext.TIME: _Reader.time,
    _Ext.TIMEDELTA: lambda _, value: dt.timedelta(*value),
    _Ext.DECIMAL: lambda _, value: Decimal(value),
    _Ext.UUID: lambda _, value: UUID(bytes=value),
    _Ext.ENUM: _Reader.enum,
    _Ext.DATACLASS: _Reader.dataclass,
    _Ext.FIELDED: _Reader.fielded,
    _Ext.PATH: _Reader.path,
}


def _other_fields(module: str, qualname: str, names: Iterable[str], fields: Mapping[str, Any]) -> str:
    return (
        f"{module}:{qualname} has other fields than when it was stored: {sorted(set(names) ^ fields.keys())}"
    )


def _read_zone(zone: Any) -> dt.tzinfo | None:
    if zone is None:
        return None
    if isinstance(zone, str):
        return zoneinfo.ZoneInfo(zone)
    return dt.timezone(dt.timedelta(*zone[:3]), *zone[3:])
