"""What a transaction has written so far, and what its own reads see of it. Knows no server."""

from __future__ import annotations

from collections.abc import Iterable

from tests.support.fdb_standin.errors import FDBError
from tests.support.fdb_standin.keyspace import NO_CONFLICT, Mutation, Pair, Range
from tests.support.fdb_standin.mutations import KEY_LIMIT, SETTLED, STAMPED, VALUE_LIMIT, Op, changed

OVERHEAD = 28
"""Bytes that a mutation or a conflict range counts for by itself."""


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
        self.size += len(key) + len(given) + OVERHEAD
        if not self.silent:
            self.size += 2 * len(key) + 1 + OVERHEAD
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
        return self._last_clear(key) >= 0 or any(op in SETTLED for _, op, _ in self._of.get(key, ()))

    def seen(self, key: bytes, stored: bytes | None) -> bytes | None:
        """Tell what a read of a key finds, where the store has this value."""
        cleared = self._last_clear(key)
        value = None if cleared >= 0 else stored
        for number, op, given in self._of.get(key, ()):
            if number > cleared:
                if op in STAMPED:
                    raise FDBError(1036)
                value = changed(op, value, given)
        return value

    def laid_over(self, begin: bytes, end: bytes, stored: Iterable[Pair]) -> list[Pair]:
        """Tell what a read of a range finds, in order, where the store has these."""
        there = dict(stored)
        keys = {*there, *(key for key in self._of if begin <= key < end)}
        found = ((key, self.seen(key, there.get(key))) for key in sorted(keys))
        return [(key, value) for key, value in found if value is not None]

    def _last_clear(self, key: bytes) -> int:
        return max((number for number, first, last in self._cleared if first <= key < last), default=-1)
