"""Marks of calls, by which a call finds out whether a commit of its own happened.

Each call writes a name that no other call makes under a key of its thread, in the transaction that does its work.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from skunkqueue.persistence.fdb.keys import END, moment, seconds

if TYPE_CHECKING:
    from skunkqueue.persistence.fdb.transactions import Transaction

KEPT = 7 * 86_400.0
"""Seconds after which no call asks for a mark any more: it tries for an hour at most."""
_AT_ONCE = 50
"""Marks looked at by one ``forget_old``."""


class Unique:
    """Makes names of 8 bytes that no other process makes, and no other thread or signal handler of this one."""

    def __init__(self) -> None:
        self.process = _name_of_process()
        self._names = self.process, itertools.count(1)

    def __call__(self) -> bytes:
        """Make one."""
        # Without a lock: a signal handler that fires may have interrupted its own thread here.
        while True:
            process, numbers = self._names
            number = next(numbers)
            if not number >> 24:
                return process + number.to_bytes(3, "big")
            self._names = _name_of_process(), itertools.count(1)


def _name_of_process() -> bytes:
    # Without the top bit, so that none sorts behind ``keys.END``.
    return (int.from_bytes(os.urandom(5), "big") >> 1).to_bytes(5, "big")


class Marked:
    """A function that is run with the mark of its call, so that it takes effect once."""

    __slots__ = ("_found", "_key", "_tries", "_unique", "_work")

    def __init__(self, unique: Unique, work: Callable[[Transaction], Any], key: bytes) -> None:
        self._unique = unique
        self._work = work
        self._key = key
        self._tries: list[bytes] = []
        self._found: list[Any] = []

    def __call__(self, transaction: Transaction) -> Any:
        """Return what the try returned that was committed, or try."""
        raw = transaction.raw
        if self._tries:
            # Reading it makes this try conflict with one that is still under way, and setting it makes that one
            # conflict with this.
            mark = raw.get(self._key).value
            if mark in self._tries:
                transaction.unchanged = True
                return self._found[self._tries.index(mark)]
        else:
            raw.add_read_conflict_key(self._key)
        found = self._work(transaction)
        if transaction.unchanged and not self._tries:
            return found
        transaction.unchanged = False
        mark = self._unique() + moment(transaction.now)
        raw.set(self._key, mark)
        self._tries.append(mark)
        self._found.append(found)
        return found


def forget_old(tr: Transaction) -> None:
    """Remove old marks among some that are chosen at random: each process leaves a few, which nobody else uses."""
    table = tr.keys.marker
    begin = table + _name_of_process()
    pairs = list(tr.get_range(begin, table + END, _AT_ONCE, snapshot=True)())
    if len(pairs) < _AT_ONCE:
        pairs += tr.get_range(table, begin, _AT_ONCE - len(pairs), snapshot=True)()
    old = [pair.key for pair in pairs if seconds(pair.value[-8:]) < tr.now - KEPT]
    for key in old:
        # Unless its process has written it anew.
        tr.raw.add_read_conflict_key(key)
        tr.clear(key)
    tr.unchanged = not old
