"""Putting firings in within a transaction of the application, so that they are stored if its data is, and otherwise not.

Nothing here commits or resets, and the binding's errors are left to the application. A transaction is cancelled only where the
cluster does not answer in time, or an exception of another kind came while a firing was being written. An application tries its
transaction again where the commit fails: what each try has put in is kept by ``application_tries``, and here is which tries a
transaction object has had.
"""

from __future__ import annotations

import itertools
import os
import weakref
from collections.abc import Sequence
from typing import Any

from skunkqueue.errors import BackendError
from skunkqueue.persistence.fdb import staged_batch
from skunkqueue.persistence.fdb.application_tries import Tries
from skunkqueue.persistence.fdb.marks import Unique
from skunkqueue.persistence.fdb.transactions import Link
from skunkqueue.records import Firing

_USED = ("get_read_version", "get_versionstamp", "set", "commit")


def put_in(link: Link, raw: Any, firings: Sequence[Firing]) -> list[str]:
    """Put firings in, in a transaction of the binding; return the ids that count."""
    link.check()
    if not all(hasattr(raw, name) for name in _USED):
        msg = f"transaction={type(raw).__name__}: give the FoundationDB transaction itself, as db.create_transaction() or @fdb.transactional makes it"
        raise BackendError(msg)
    if not firings:
        return []
    if staged_batch.is_large(firings):
        size = sum(len(firing.body) for firing in firings)
        msg = (
            f"{len(firings)} firings with {size} bytes of arguments are more than one FoundationDB transaction takes beside"
            f" its other data: fire less in it, or without transaction="
        )
        raise BackendError(msg)
    tries = _objects.tries_of(raw, link)
    link.waits.part()
    stored = tries.turn.run(lambda: tries.put(link, raw, firings), otherwise=None)
    if stored is None:
        msg = (
            "a signal handler cannot fire in a FoundationDB transaction while the thread that it interrupted does so: fire"
            " without transaction= there"
        )
        raise BackendError(msg)
    return stored


class _Objects:
    """The transaction objects in which this process has fired, as long as the application keeps them.

    They are of no one store, since a store may be closed and opened again between two tries.
    """

    def __init__(self) -> None:
        self._of: weakref.WeakKeyDictionary[Any, tuple[int, dict[bytes, Tries]]] = weakref.WeakKeyDictionary()
        self._slots: list[int] = []
        self._numbers = itertools.count()
        self._process = 0, b""

    def tries_of(self, raw: Any, link: Link) -> Tries:
        """Return what is known of a transaction object's tries in one store."""
        slot, by_store = self._known(raw)
        marker = link.keys.marker
        found = by_store.get(marker)
        if found is not None:
            return found
        if self._process[0] != os.getpid():
            self._process = os.getpid(), Unique()() + b"a"
        return by_store.setdefault(marker, Tries(marker + self._process[1] + slot.to_bytes(2, "big")))

    def _known(self, raw: Any) -> tuple[int, dict[bytes, Tries]]:
        found = self._of.get(raw)
        if found is not None:
            return found
        # Without a lock: a signal handler or the collector may have interrupted this thread here.
        try:
            slot = self._slots.pop()
        except IndexError:
            slot = next(self._numbers)
        made: tuple[int, dict[bytes, Tries]] = (slot, {})
        found = self._of.setdefault(raw, made)
        if found is made:
            weakref.finalize(raw, self._slots.append, slot).atexit = False
        else:
            self._slots.append(slot)
        return found


_objects = _Objects()
