"""What a mutation makes of a value. Shared by the server and by clients, which read their own writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum

VALUE_LIMIT = 100_000
KEY_LIMIT = 10_000
STAMP = 10
"""Bytes of a versionstamp."""


class Op(IntEnum):
    """Mutations, by the codes that the binding has for them; the first two are our own."""

    SET = 0
    CLEAR = 1
    """Of a range: the second key is the parameter."""
    ADD = 2
    BIT_AND = 6
    BIT_OR = 7
    BIT_XOR = 8
    APPEND_IF_FITS = 9
    MAX = 12
    MIN = 13
    SET_VERSIONSTAMPED_KEY = 14
    SET_VERSIONSTAMPED_VALUE = 15
    BYTE_MIN = 16
    BYTE_MAX = 17
    COMPARE_AND_CLEAR = 20


STAMPED = frozenset({Op.SET_VERSIONSTAMPED_KEY, Op.SET_VERSIONSTAMPED_VALUE})
SETTLED = frozenset({Op.SET, Op.CLEAR})
"""After one of these, a value does not depend on what was there before."""


def _number(value: bytes, length: int) -> int:
    return int.from_bytes(value[:length], "little")


def _add(old: bytes, given: bytes) -> bytes:
    size = len(given)
    total = _number(old, size) + _number(given, size)
    return (total % (1 << 8 * size)).to_bytes(size, "little")


def _fit(old: bytes, given: bytes) -> bytes:
    return old[: len(given)].ljust(len(given), b"\0")


def _bits(combine: Callable[[int, int], int]) -> Callable[[bytes, bytes], bytes]:
    return lambda old, given: bytes(map(combine, _fit(old, given), given))


def _greater(old: bytes, given: bytes) -> bytes:
    size = len(given)
    return given if _number(given, size) >= _number(old, size) else _fit(old, given)


def _lesser(old: bytes, given: bytes) -> bytes:
    size = len(given)
    return given if _number(given, size) <= _number(old, size) else _fit(old, given)


def _append(old: bytes, given: bytes) -> bytes:
    return old + given if len(old) + len(given) <= VALUE_LIMIT else old


_OF_TWO: Mapping[Op, Callable[[bytes, bytes], bytes]] = {
    Op.ADD: _add,
    Op.BIT_AND: _bits(int.__and__),
    Op.BIT_OR: _bits(int.__or__),
    Op.BIT_XOR: _bits(int.__xor__),
    Op.APPEND_IF_FITS: _append,
    Op.MAX: _greater,
    Op.MIN: _lesser,
    Op.BYTE_MIN: min,
    Op.BYTE_MAX: max,
}


def changed(op: Op, old: bytes | None, given: bytes) -> bytes | None:
    """Apply one mutation of one key to its value; ``None`` stands for no value."""
    if op is Op.SET:
        return given
    if op is Op.CLEAR:
        return None
    if op is Op.COMPARE_AND_CLEAR:
        return None if old == given else old
    return given if old is None else _OF_TWO[op](old, given)


def stamped(given: bytes, stamp: bytes) -> bytes:
    """Put a versionstamp where the last four bytes say, and leave those out."""
    at = int.from_bytes(given[-4:], "little")
    return given[:at] + stamp + given[at + STAMP : -4]
