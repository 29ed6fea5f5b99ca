"""What a class must fulfil, so that its objects can be stored by name and fields, and made again elsewhere."""

from __future__ import annotations

import dataclasses
import functools
import sys
from typing import Any

from skunkqueue.imports import member, public_module_name

_MADE_IN_PYTHON = 1 << 9
"""Py_TPFLAGS_HEAPTYPE: set for a class that a class statement made, and not the interpreter's own C code."""


class RefusedError(Exception):
    """A value cannot be stored."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.trail: list[str] = []
        """Where it is, innermost first."""
        super().__init__(reason)


def class_name(kind: type) -> tuple[str, str]:
    """Return the module and qualified name by which others find a class; RefusedError where they cannot."""
    module = public_module_name(kind.__module__)
    if module is None or not _is_found(kind):
        msg = f"is of class {kind.__qualname__}, which others cannot import: define it at the top of a module"
        raise RefusedError(msg)
    return module, kind.__qualname__


def check_fields(value: Any, kind: type) -> None:
    """Refuse an object of a dataclass that its fields alone would not bring back."""
    check_heirs(kind, "dataclass")
    check_attributes(value, kind, "dataclass", tuple(field.name for field in dataclasses.fields(value)))


def check_heirs(kind: type, what: str) -> None:
    """Refuse an object of a class that inherits from a built-in type, which may keep more than attributes."""
    if not all(parent is object or parent.__flags__ & _MADE_IN_PYTHON for parent in kind.__mro__):
        msg = f"is of the {what} {kind.__qualname__}, which inherits more than fields from a built-in type"
        raise RefusedError(msg)


def check_attributes(
    value: Any, kind: type, what: str, names: tuple[str, ...], derived: frozenset[str] = frozenset()
) -> None:
    """Refuse an object that lacks one of these fields, or has an attribute beside them, which would be lost.

    ``derived``: attributes that are worked out again.
    """
    for name in names:
        if not hasattr(value, name):
            msg = f"is of the {what} {kind.__qualname__}, and its field {name!r} has no value"
            raise RefusedError(msg)
    for name in {*getattr(value, "__dict__", ()), *_filled_slots(value, kind)} - set(names) - derived:
        # `__orig_class__` and the like are Python's own, and what is cached is worked out again.
        if not (name.startswith("__") or isinstance(getattr(kind, name, None), functools.cached_property)):
            hint = ": declare it as field(init=False)" if what == "dataclass" else ""
            msg = (
                f"is of the {what} {kind.__qualname__} and has the attribute {name!r}, which is not a field "
                f"and would be lost{hint}"
            )
            raise RefusedError(msg)


@functools.lru_cache(maxsize=1024)
def _slots(kind: type) -> tuple[str, ...]:
    """Return the attributes that a class and its parents declare in ``__slots__``, by the names under which they are set."""
    found = []
    for parent in kind.__mro__:
        declared = vars(parent).get("__slots__", ())
        # Those of an attrs class are its fields, and what it caches.
        if "__attrs_attrs__" not in vars(parent):
            found += [
                _mangled(parent, name) for name in ((declared,) if isinstance(declared, str) else declared)
            ]
    return tuple(found)


def _mangled(kind: type, name: str) -> str:
    is_private = name.startswith("__") and not name.endswith("__")
    return f"_{kind.__name__.lstrip('_')}{name}" if is_private else name


def _filled_slots(value: Any, kind: type) -> list[str]:
    return [name for name in _slots(kind) if not name.startswith("__") and hasattr(value, name)]


def _is_found(kind: type) -> bool:
    try:
        return member(sys.modules[kind.__module__], kind.__qualname__) is kind
    except LookupError:
        return False
