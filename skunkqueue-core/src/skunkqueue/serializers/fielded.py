"""Objects that are their fields, of classes other than dataclasses: named tuples, msgspec, attrs, pydantic.

None of these libraries is imported: a program with an object of one has imported it. Reading an object calls nothing of its
class, so no validator and no ``__init__`` runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from skunkqueue.serializers.classes import RefusedError, check_attributes, check_heirs

_ATTRS_CACHE = "_attrs_cached_hash"
_PYDANTIC_STATE = ("__pydantic_extra__", "__pydantic_private__")


class Flavour(NamedTuple):
    """One kind of class whose objects are their fields."""

    what: str
    """The name of such a class for people."""
    matches: Callable[[type], bool]
    names: Callable[[type], tuple[str, ...]]
    """The names of a class's fields, in order."""
    values: Callable[[Any, tuple[str, ...]], Iterable[Any]]
    """The values of an object's fields, in that order."""
    rest: Callable[[Any, type, tuple[str, ...]], Any]
    """What else of an object must be stored; RefusedError where its fields would not bring it back."""
    make: Callable[[type, Mapping[str, Any], Any], Any]
    """Make an object from its fields and the rest."""


def flavour_of(kind: type) -> tuple[str, Flavour] | None:
    """Return the kind of a class, with the name under which that is stored; ``None``: none of these."""
    for name, flavour in FLAVOURS.items():
        if flavour.matches(kind):
            return name, flavour
    return None


def _is_namedtuple(kind: type) -> bool:
    names = getattr(kind, "_fields", None)
    return issubclass(kind, tuple) and isinstance(names, tuple) and all(type(name) is str for name in names)


def _namedtuple_names(kind: Any) -> tuple[str, ...]:
    names: tuple[str, ...] = kind._fields
    return names


def _namedtuple_values(value: Any, _names: tuple[str, ...]) -> Iterable[Any]:
    # By position, since a subclass may have a property in a field's place.
    return tuple.__iter__(value)


def _by_name(value: Any, names: tuple[str, ...]) -> Iterable[Any]:
    return (getattr(value, name) for name in names)


def _namedtuple_rest(value: Any, kind: type, names: tuple[str, ...]) -> None:
    size = tuple.__len__(value)
    if size != len(names):
        msg = f"is of the named tuple {kind.__qualname__}, but has {size} items and not {len(names)}"
        raise RefusedError(msg)
    check_attributes(value, kind, "named tuple", ())


def _make_namedtuple(kind: type, fields: Mapping[str, Any], _rest: Any) -> Any:
    return tuple.__new__(kind, fields.values())


def _is_struct(kind: type) -> bool:
    return issubclass(kind, msgspec.Struct)


def _struct_names(kind: Any) -> tuple[str, ...]:
    names: tuple[str, ...] = kind.__struct_fields__
    return names


def _struct_rest(value: Any, kind: type, names: tuple[str, ...]) -> None:
    if hasattr(kind, "__post_init__"):
        msg = f"is of the msgspec.Struct {kind.__qualname__}, whose __post_init__ would run again where it is read"
        raise RefusedError(msg)
    check_attributes(value, kind, "msgspec.Struct", names)


def _make_struct(kind: type, fields: Mapping[str, Any], _rest: Any) -> Any:
    if hasattr(kind, "__post_init__"):
        msg = f"{kind.__qualname__} has a __post_init__"
        raise ValueError(msg)
    return kind(**fields)


def _is_attrs(kind: type) -> bool:
    return "__attrs_attrs__" in vars(kind)


def _attrs_names(kind: Any) -> tuple[str, ...]:
    return tuple(attribute.name for attribute in kind.__attrs_attrs__)


def _attrs_rest(value: Any, kind: type, names: tuple[str, ...]) -> bool | None:
    """Return whether the object has a place for its hash, which its class expects to be set."""
    check_heirs(kind, "attrs class")
    check_attributes(value, kind, "attrs class", names, frozenset({_ATTRS_CACHE}))
    return hasattr(value, _ATTRS_CACHE) or None


def _make_attrs(kind: type, fields: Mapping[str, Any], rest: Any) -> Any:
    made: Any = object.__new__(kind)
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    if rest:
        # A hash is valid in one process only.
        object.__setattr__(made, _ATTRS_CACHE, None)
    return made


def _is_pydantic(kind: type) -> bool:
    base: Any = getattr(sys.modules.get("pydantic"), "BaseModel", None)
    return isinstance(base, type) and issubclass(kind, base) and hasattr(kind, "__pydantic_fields__")


def _pydantic_names(kind: Any) -> tuple[str, ...]:
    return tuple(kind.__pydantic_fields__)


def _pydantic_rest(value: Any, kind: type, names: tuple[str, ...]) -> list[Any]:
    check_attributes(value, kind, "pydantic model", names)
    given = sorted(value.__pydantic_fields_set__)
    return [given, *(getattr(value, name, None) for name in _PYDANTIC_STATE)]


def _make_pydantic(kind: type, fields: Mapping[str, Any], rest: Any) -> Any:
    given, *state = rest
    made: Any = object.__new__(kind)
    object.__setattr__(made, "__dict__", dict(fields))
    object.__setattr__(made, "__pydantic_fields_set__", set(given))
    for name, value in zip(_PYDANTIC_STATE, state, strict=True):
        object.__setattr__(made, name, value)
    return made


FLAVOURS: Mapping[str, Flavour] = {
    "namedtuple": Flavour(
        "named tuple",
        _is_namedtuple,
        _namedtuple_names,
        _namedtuple_values,
        _namedtuple_rest,
        _make_namedtuple,
    ),
    "struct": Flavour("msgspec.Struct", _is_struct, _struct_names, _by_name, _struct_rest, _make_struct),
    "attrs": Flavour("attrs class", _is_attrs, _attrs_names, _by_name, _attrs_rest, _make_attrs),
    "pydantic": Flavour(
        "pydantic model", _is_pydantic, _pydantic_names, _by_name, _pydantic_rest, _make_pydantic
    ),
}
"""By the names under which they are stored: add, never change."""
