"""What a transaction has written so far, and what its own reads see of it. Knows no server."""

from __future__ import annotations

from collections.abc import Iterable

from tests.support.fdb_standin.errors import FDBError
from tests.support.fdb_standin.keyspace import NO_CONFLICT, Mutation, Pair, Range
from tests.support.fdb_standin.mutations import KEY_LIMIT, SETTLED, STAMPED, VALUE_LIMIT, Op, changed

MUTATION, RANGE = 44, 24
"""Bytes that a mutation and a conflict range count for by themselves."""


class Writes:
    """Mutations in their order."""

    def __init__(self) -> None:
        self.mutations: list[Mutation] = []
        self.ranges: list[Range] = []
        """Where the transaction says by itself that it writes."""
        self.size = 0
        self.refused = 0
        """The error of a mutation that cannot be; it is raised by what comes next."""
        self.silent = False
        """Whether the next mutation is to conflict with nobody."""
        self._of: dict[bytes, list[tuple[int, Op, bytes]]] = {}
        self._cleared: list[tuple[int, bytes, bytes]] = []

    def add(self, op: Op, key: bytes, given: bytes) -> None:
        """Write one thing more."""
        limits = (len(key) > KEY_LIMIT + (op is Op.SET_VERSIONSTAMPED_KEY) * 4, len(given) > VALUE_LIMIT)
        if key >= b"\xff" or (op is Op.CLEAR and given > b"\xff"):
            self.refused = self.refused or 2004
        elif op is Op.CLEAR and key > given:
            self.refused = self.refused or 2005
        elif any(limits):
            self.refused = self.refused or (2102 if limits[0] else 2103)
        number = len(self.mutations)
        self.mutations.append((op | NO_CONFLICT if self.silent else int(op), key, given))
        self.size += len(key) + len(given) + MUTATION
        if not self.silent:
            self.size += len(key) + (len(given) if op is Op.CLEAR else len(key) + 1) + RANGE
        self.silent = False
        if op is Op.CLEAR:
            self._cleared.append((number, key, given))
        elif op is not Op.SET_VERSIONSTAMPED_KEY:
            self._of.setdefault(key, []).append((number, op, given))

    def concern(self, begin: bytes, end: bytes) -> bool:
        """Say whether anything was written in a range."""
        return any(first < end and begin < last for _, first, last in self._cleared) or any(
            begin <= key < end for key in self._of
        )

    def settled(self, key: bytes) -> bool:
        """Say whether a key's value is known without a look at the store."""
        if not self._of and not self._cleared:
            return False
        return self._last_clear(key, len(self.mutations)) >= 0 or any(
            op in SETTLED for _, op, _ in self._of.get(key, ())
        )

    def unsettled(self, begin: bytes, end: bytes) -> list[Range]:
        """Leave out of a range what is known without a look at the store; the rest is what a read conflicts on."""
        known = [(first, last) for _, first, last in self._cleared if first < end]
        known += [(key, key + b"\0") for key in self._of if begin <= key < end and self.settled(key)]
        found, at = [], begin
        for first, last in sorted(known):
            if at < first:
                found.append((at, first))
            at = max(at, last)
        return [*found, (at, end)] if at < end else found

    def seen(self, key: bytes, stored: bytes | None, until: int) -> bytes | None:
        """Tell what a read of a key finds that was begun after so many mutations; the store has this value."""
        cleared = self._last_clear(key, until)
        value = None if cleared >= 0 else stored
        for number, op, given in self._of.get(key, ()):
            if cleared < number < until:
                if op in STAMPED:
                    raise FDBError(1036)
                value = changed(op, value, given)
        return value

    def laid_over(self, begin: bytes, end: bytes, stored: Iterable[Pair], until: int) -> list[Pair]:
        """Tell what a read of a range finds, in order; the store has these."""
        there = dict(stored)
        keys = {*there, *(key for key in self._of if begin <= key < end)}
        found = ((key, self.seen(key, there.get(key), until)) for key in sorted(keys))
        return [(key, value) for key, value in found if value is not None]

    def _last_clear(self, key: bytes, until: int) -> int:
        clears = (number for number, first, last in self._cleared if number < until and first <= key < last)
        return max(clears, default=-1)
