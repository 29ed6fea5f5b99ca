"""What MessagePack carries for each value: the value itself, or one of our extensions around its parts."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import zoneinfo
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID

import msgspec

from skunkqueue.serializers.classes import RefusedError, check_fields, class_name
from skunkqueue.serializers.extensions import Ext
from skunkqueue.serializers.fielded import Flavour, flavour_of
from skunkqueue.show import brief

ATOMS = frozenset({type(None), bool, float, bytes, str})
"""Types that MessagePack carries as they are, each value of them."""
_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1
_MAX_DEPTH = 100

encode = msgspec.msgpack.Encoder().encode


def pack(value: Any, depth: int, *, careful: bool = False) -> Any:  # noqa: PLR0911 - one return a kind of value
    """Return what MessagePack carries for ``value``; ``careful`` looks at each string for surrogates."""
    kind = type(value)
    if kind in ATOMS:
        if careful and kind is str and not value.isascii():
            return _pack_text(value)
        return value
    if kind is int:
        if _MIN_INT <= value <= _MAX_INT:
            return value
        return msgspec.msgpack.Ext(Ext.BIG_INT, hex(value).encode())
    if depth >= _MAX_DEPTH:
        msg = f"is nested deeper than {_MAX_DEPTH} levels, or contains itself"
        raise RefusedError(msg)
    packer = _PACKERS.get(kind)
    if packer is not None:
        return packer(value, depth, careful)
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
        return msgspec.msgpack.Ext(Ext.SURROGATES, value.encode("utf-8", "surrogatepass"))
    return value


def _pack_items(value: Any, depth: int, careful: bool) -> list[Any]:  # noqa: FBT001 - on the hot path
    packed = []
    for index, item in enumerate(value):
        try:
            packed.append(pack(item, depth + 1, careful=careful))
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
            packed[key] = pack(item, depth + 1, careful=careful)
        except RefusedError as error:
            error.trail.append(f"[{brief(key)}]")
            raise
    if plain:
        return packed
    keys = _pack_items(value, depth, careful)
    return msgspec.msgpack.Ext(Ext.DICT, encode([keys, list(packed.values())]))


def _nested(code: int) -> Callable[[Any, int, bool], Any]:
    def packed(value: Any, depth: int, careful: bool) -> Any:  # noqa: FBT001 - on the hot path
        return msgspec.msgpack.Ext(code, encode(_pack_items(value, depth, careful)))

    return packed


def _flat(code: int, write: Callable[[Any], Any]) -> Callable[[Any, int, bool], Any]:
    def packed(value: Any, _depth: int, _careful: bool) -> Any:  # noqa: FBT001 - on the hot path
        return msgspec.msgpack.Ext(code, encode(write(value)))

    return packed


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
        return msgspec.msgpack.Ext(Ext.ENUM, encode([module, qualname, value.name, None]))
    if not isinstance(value, enum.Flag) or type(value.value) is not int:
        msg = f"is {brief(value)}, which is not a member that {qualname} declares"
        raise RefusedError(msg)
    # A combination of flags has no name of its own, but its value is an int.
    return msgspec.msgpack.Ext(Ext.ENUM, encode([module, qualname, None, pack(value.value, depth + 1)]))


def _pack_dataclass(value: Any, depth: int, careful: bool) -> Any:  # noqa: FBT001 - on the hot path
    kind = type(value)
    module, qualname = class_name(kind)
    check_fields(value, kind)
    values = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
    fields = _pack_fields(values, depth, careful)
    return msgspec.msgpack.Ext(Ext.DATACLASS, encode([module, qualname, fields]))


def _pack_fielded(value: Any, stored: str, flavour: Flavour, depth: int, careful: bool) -> Any:  # noqa: FBT001 - as above
    kind = type(value)
    module, qualname = class_name(kind)
    names = flavour.names(kind)
    rest = flavour.rest(value, kind, names)
    fields = _pack_fields(zip(names, flavour.values(value, names)), depth, careful)  # noqa: B905 - of one length
    parts = [stored, module, qualname, fields, pack(rest, depth + 1, careful=careful)]
    return msgspec.msgpack.Ext(Ext.FIELDED, encode(parts))


def _pack_fields(
    items: Iterable[tuple[str, Any]],
    depth: int,
    careful: bool,  # noqa: FBT001 - as above
) -> dict[str, Any]:
    fields = {}
    for name, item in items:
        try:
            fields[name] = pack(item, depth + 1, careful=careful)
        except RefusedError as error:
            error.trail.append(f".{name}")
            raise
    return fields


def _path(pure: bool) -> Callable[[Any, int, bool], Any]:  # noqa: FBT001 - said once, below
    def packed(value: PurePath, depth: int, careful: bool) -> Any:  # noqa: FBT001 - on the hot path
        flavour = type(value).__name__ if pure else Path.__name__
        return msgspec.msgpack.Ext(Ext.PATH, encode([flavour, pack(str(value), depth + 1, careful=careful)]))

    return packed


_PACKERS: dict[type, Callable[[Any, int, bool], Any]] = {
    list: _pack_items,
    dict: _pack_dict,
    tuple: _nested(Ext.TUPLE),
    set: _nested(Ext.SET),
    frozenset: _nested(Ext.FROZENSET),
    dt.datetime: _flat(
        Ext.DATETIME, lambda v: [v.replace(tzinfo=None, fold=0).isoformat(), v.fold, _write_zone(v)]
    ),
    dt.date: _flat(Ext.DATE, dt.date.isoformat),
    dt.time: _flat(Ext.TIME, lambda v: [v.replace(tzinfo=None, fold=0).isoformat(), v.fold, _write_zone(v)]),
    dt.timedelta: _flat(Ext.TIMEDELTA, lambda v: [v.days, v.seconds, v.microseconds]),
    Decimal: _flat(Ext.DECIMAL, str),
    UUID: _flat(Ext.UUID, lambda v: v.bytes),
    type(Path()): _path(pure=False),
    PurePosixPath: _path(pure=True),
    PureWindowsPath: _path(pure=True),
}
