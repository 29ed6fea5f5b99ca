"""Many counts in one key: numbers side by side in one large little-endian integer, to which the store adds another.

FoundationDB's ADD takes integers of any length. As a sum of numbers, each shifted to its place, is an integer, adding two such
sums adds number by number, also negative ones, as long as no number as such becomes negative or outgrows its place. So what a
batch of firings counts is one mutation, with which nothing conflicts. All values under one key must have the same length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from skunkqueue.counters import tally
from skunkqueue.records import State, Verdict

STATES = tuple(State)
_WIDTH = 64
"""Bits of a number."""
_MASK = (1 << _WIDTH) - 1
MICRO = 1e6
"""Sums of seconds are kept in microseconds."""
EVENTS = (
    "enqueued",
    "complete",
    "error",
    "killed",
    "expired",
    "retried",
    "snoozed",
    "released",
    "deaths",
    "wait",
    "run",
)
_SUMS = frozenset({"wait", "run"})
_EVENT = {name: place for place, name in enumerate(EVENTS)}
_FIRST, _BUCKETS = -66, 153
_BUCKET_WIDTH = 40
"""Bits of a number in a histogram."""
_BUCKET = {
    f"{kind}:{_FIRST + number}": half * _BUCKETS + number
    for half, kind in enumerate("wr")
    for number in range(_BUCKETS)
}
_BUCKET_NAMES = tuple(_BUCKET)
_ANYTHING = re.compile(rb"[^\0]+")
_STATE = {state: place for place, state in enumerate(STATES)}
_COUNTS_SIZE = len(STATES) * _WIDTH // 8
_EVENTS_SIZE = len(EVENTS) * _WIDTH // 8
_BUCKETS_SIZE = len(_BUCKET) * _BUCKET_WIDTH // 8


def counts(changes: Mapping[State, int]) -> bytes:
    """Pack by how much the counts of states change; a count may fall."""
    total = sum(change << _WIDTH * _STATE[state] for state, change in changes.items())
    return (total & ((1 << 8 * _COUNTS_SIZE) - 1)).to_bytes(_COUNTS_SIZE, "little")


def counts_of(packed: bytes) -> dict[State, int]:
    """Read counts back; every state is there."""
    total = int.from_bytes(packed, "little")
    return {state: total >> _WIDTH * place & _MASK for state, place in _STATE.items()}


def events(values: Mapping[str, float]) -> bytes:
    """Pack what happened: the counters that are in EVENTS."""
    total = 0
    for name, value in values.items():
        place = _EVENT.get(name)
        if place is not None:
            total += round(value * MICRO if name in _SUMS else value) << _WIDTH * place
    return total.to_bytes(_EVENTS_SIZE, "little")


def histograms(values: Mapping[str, float]) -> bytes | None:
    """Pack the buckets among counters; ``None`` where there are none."""
    total = 0
    for name, value in values.items():
        place = _BUCKET.get(name)
        if place is not None:
            total += int(value) << _BUCKET_WIDTH * place
    return total.to_bytes(_BUCKETS_SIZE, "little") if total else None


def total(values: Iterable[bytes]) -> bytes:
    """Add up values of one kind; none: an empty one."""
    number = size = 0
    for value in values:
        number += int.from_bytes(value, "little")
        size = len(value)
    return number.to_bytes(size, "little")


def counters_of(packed: bytes) -> dict[str, float]:
    """Read counters back, those that are not 0; whether events or histograms shows by the length."""
    found: dict[str, float] = {}
    if len(packed) == _EVENTS_SIZE:
        total = int.from_bytes(packed, "little")
        for name, place in _EVENT.items():
            value = total >> _WIDTH * place & _MASK
            if value:
                found[name] = value / MICRO if name in _SUMS else float(value)
        return found
    size = _BUCKET_WIDTH // 8
    last = -1
    # Most buckets are empty: only those are looked at in which there is anything.
    for anything in _ANYTHING.finditer(packed):
        for bucket in range(max(anything.start() // size, last + 1), (anything.end() - 1) // size + 1):
            last = bucket
            count = packed[bucket * size : bucket * size + size]
            found[_BUCKET_NAMES[bucket]] = float(int.from_bytes(count, "little"))
    # Where attempts were counted there are sums of their times, also such as are 0.
    return {"wait": 0.0, "run": 0.0, **found} if found else found


def tallied(verdict: Verdict, due: float, began: float | None, took: float) -> dict[str, float]:
    """Return what one outcome counts."""
    values: dict[str, float] = {}
    tally(values, verdict, due, began, took)
    return values
