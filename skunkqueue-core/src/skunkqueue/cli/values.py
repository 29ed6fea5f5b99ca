"""Values of jobs as text and as JSON, whatever they are. Knows no firing and no store.

Python refuses to write an integer of more than 4,300 digits in decimals (``sys.set_int_max_str_digits``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from skunkqueue.serializers.typed import Opaque

MAX_DEPTH = 20
"""Levels of nested values that JSON shows; what is deeper is a text."""
MAX_BITS = 13_000
"""Bits of the longest integer that is written in decimals, of some 3,900 digits."""
HEX_SHOWN = 18
"""Hexadecimal digits that people see of a longer one."""

_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
    dict: ("{", "}"),
}


def shown(value: Any) -> str:
    """Write a value as Python would, for people; an integer that Python refuses to write is cut."""
    try:
        return repr(value)
    except (ValueError, RecursionError):
        return _written(value, 0)


def jsonable(value: Any, depth: int = 0) -> Any:
    """Turn any value into what JSON can carry.

    NaN and the infinities, integers of more than ``MAX_BITS`` bits (in hexadecimal) and all other types become
    strings.
    """
    if value is None or isinstance(value, (bool, str)):
        # Also the values of our string enums.
        return value if type(value) in (type(None), bool, str) else getattr(value, "value", value)
    if isinstance(value, int):
        return int(value) if _is_short(value) else hex(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if depth < MAX_DEPTH:
        if isinstance(value, (list, tuple)):
            return [jsonable(item, depth + 1) for item in value]
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            return {str(key): jsonable(item, depth + 1) for key, item in value.items()}
    return shown(value)


def _is_short(value: int) -> bool:
    if value.bit_length() > MAX_BITS:
        return False
    try:
        # The limit may be set lower than usual.
        str(value)
    except ValueError:
        return False
    return True


def _written(value: Any, depth: int) -> str:
    """Do what ``repr`` does, with integers of any size and no more levels than ``MAX_DEPTH``."""
    if isinstance(value, int):
        return repr(value) if _is_short(value) else _cut(value)
    brackets = _BRACKETS.get(type(value))
    if brackets is None and not isinstance(value, Opaque):
        return _as_repr(value)
    if depth >= MAX_DEPTH:
        return "..."

    def part(item: Any) -> str:
        return _written(item, depth + 1)

    if isinstance(value, Opaque):
        if isinstance(value.value, dict):
            return f"{value.name}({', '.join(f'{key}={part(item)}' for key, item in value.value.items())})"
        return f"{value.name}.{value.value if isinstance(value.value, str) else part(value.value)}"
    if isinstance(value, dict):
        parts = [f"{part(key)}: {part(item)}" for key, item in value.items()]
    else:
        parts = [part(item) for item in value]
    first, last = brackets or ("", "")
    return f"{first}{', '.join(parts)}{',' * (type(value) is tuple and len(parts) == 1)}{last}"


def _as_repr(value: Any) -> str:
    try:
        return repr(value)
    except (ValueError, RecursionError):
        return f"<{type(value).__name__}>"


def _cut(value: int) -> str:
    return f"{value:#x}"[: HEX_SHOWN + 2 + (value < 0)] + f"… ({value.bit_length():,} bits)"
