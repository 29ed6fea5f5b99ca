"""Values from what MessagePack carries. Classes come through a gate; without one, their values are ``Opaque``."""

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

from skunkqueue.errors import DamagedPayloadError
from skunkqueue.imports import Gate
from skunkqueue.serializers.extensions import Ext
from skunkqueue.serializers.fielded import FLAVOURS
from skunkqueue.show import written

_PATHS: Mapping[str, type[PurePath]] = {
    kind.__name__: kind for kind in (Path, PurePosixPath, PureWindowsPath)
}
"""A path of the machine itself is one of the machine that reads it."""


@dataclasses.dataclass(frozen=True)
class Opaque:
    """A stored value of a class that was not imported, for people to look at."""

    name: str
    value: Any

    def __repr__(self) -> str:
        if isinstance(self.value, dict):
            return f"{self.name}({', '.join(f'{key}={written(value)}' for key, value in self.value.items())})"
        return f"{self.name}.{self.value if isinstance(self.value, str) else written(self.value)}"


def decoder(gate: Gate | None) -> msgspec.msgpack.Decoder[Any]:
    """Make a decoder that finds classes through this gate."""
    return msgspec.msgpack.Decoder(ext_hook=_Reader(gate).read)


class _Reader:
    """Reads our extensions; classes come through one gate."""

    def __init__(self, gate: Gate | None) -> None:
        self._gate = gate
        self._decode = msgspec.msgpack.Decoder(ext_hook=self.read).decode

    def read(self, code: int, data: memoryview) -> Any:
        if code == Ext.BIG_INT:
            return int(bytes(data), 16)
        if code == Ext.SURROGATES:
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
    Ext.TUPLE: lambda _, value: tuple(value),
    Ext.DICT: _Reader.dict,
    Ext.SET: lambda _, value: set(value),
    Ext.FROZENSET: lambda _, value: frozenset(value),
    Ext.DATETIME: _Reader.datetime,
    Ext.DATE: lambda _, value: dt.date.fromisoformat(value),
    Ext.TIME: _Reader.time,
    Ext.TIMEDELTA: lambda _, value: dt.timedelta(*value),
    Ext.DECIMAL: lambda _, value: Decimal(value),
    Ext.UUID: lambda _, value: UUID(bytes=value),
    Ext.ENUM: _Reader.enum,
    Ext.DATACLASS: _Reader.dataclass,
    Ext.FIELDED: _Reader.fielded,
    Ext.PATH: _Reader.path,
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
