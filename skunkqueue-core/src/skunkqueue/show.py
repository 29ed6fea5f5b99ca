"""Any value as a text for people, whatever its ``__repr__`` does.

Python refuses to write an integer of more than 4,300 digits in decimals (``sys.set_int_max_str_digits``).
"""

from __future__ import annotations

import signal
from typing import Any

MAX_DEPTH = 20
"""Levels of nested values that are written where Python itself refuses."""
MAX_BITS = 13_000
"""Bits of the longest integer that is written in decimals, of some 3,900 digits."""
HEX_SHOWN = 18
"""Hexadecimal digits that people see of a longer one."""
MAX_BRIEF = 80
"""Characters of a value in an error."""

_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
    dict: ("{", "}"),
}


def shown(value: Any) -> str:
    """Write a value as Python would; an integer that Python refuses to write is cut."""
    try:
        return repr(value)
    except (ValueError, RecursionError):
        return written(value)


def signal_name(number: int) -> str:
    """Name a signal: ``SIGKILL``; one without a name on this machine by its number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def brief(value: Any) -> str:
    """Write a value in at most ``MAX_BRIEF`` characters, for an error about it."""
    try:
        text = shown(value)
    except Exception:  # noqa: BLE001 - a broken __repr__ must not hide the error it appears in
        text = f"<{type(value).__name__}>"
    return text if len(text) <= MAX_BRIEF else f"{text[: MAX_BRIEF - 3]}..."


def named(value: Any) -> str:
    """Name a function or class by its module and qualified name; write anything else in brief."""
    try:
        module, qualname = value.__module__, value.__qualname__
    except Exception:  # noqa: BLE001 - as above: any object may come here
        return brief(value)
    if not isinstance(qualname, str):
        return brief(value)
    return f"{module}.{qualname}" if isinstance(module, str) else qualname


def is_short(value: int) -> bool:
    """Return whether Python writes an integer in decimals."""
    if value.bit_length() > MAX_BITS:
        return False
    try:
        # The limit may be set lower than usual.
        str(value)
    except ValueError:
        return False
    return True


def written(value: Any, depth: int = 0) -> str:
    """Do what ``repr`` does, with integers of any size and no more levels than ``MAX_DEPTH``."""
    if isinstance(value, int):
        return repr(value) if is_short(value) else _cut(value)
    brackets = _BRACKETS.get(type(value))
    if brackets is None or not value:
        return _as_repr(value)
    if depth >= MAX_DEPTH:
        return "..."

    def part(item: Any) -> str:
        return written(item, depth + 1)

    if isinstance(value, dict):
        parts = [f"{part(key)}: {part(item)}" for key, item in value.items()]
    else:
        parts = [part(item) for item in value]
    first, last = brackets
    return f"{first}{', '.join(parts)}{',' * (type(value) is tuple and len(parts) == 1)}{last}"


def _as_repr(value: Any) -> str:
    try:
        return repr(value)
    except (ValueError, RecursionError) as error:
        return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"


def _cut(value: int) -> str:
    return f"{value:#x}"[: HEX_SHOWN + 2 + (value < 0)] + f"… ({value.bit_length():,} bits)"
