"""Putting firings in within a transaction of the application, so that they are stored if its data is, and otherwise not.

The application commits, and runs its function once more where that fails (``@fdb.transactional``). So the same firing would get
another id in each try, and a commit whose outcome is unknown would put it in twice. Therefore the Nth firing
of a transaction object keeps the id that it had in the tries before, and each try leaves a mark. A try that finds
the mark of an earlier one knows that the earlier one was committed, and puts nothing in again.

A second firing of the same try finds its own mark as well. The versionstamp tells the two cases apart: it comes, or an error
does, once a try has ended. Nothing here commits, resets or cancels, and the binding's errors are left to the application.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from skunkqueue.errors import BackendError
from skunkqueue.persistence.fdb import enqueue, staged_batch
from skunkqueue.persistence.fdb.binding import Future, RawTransaction
from skunkqueue.persistence.fdb.keys import moment
from skunkqueue.persistence.fdb.transactions import Link, Transaction
from skunkqueue.records import Firing
from skunkqueue.turns import Exclusive

_USED = ("get_read_version", "get_versionstamp", "set", "commit")


class Joined:
    """The transactions of an application in which firings were put in, as long as it keeps them."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._of: weakref.WeakKeyDictionary[Any, _Tries] = weakref.WeakKeyDictionary()
        self._marker = link.keys.marker + link.unique() + b"a"
        self._slots: list[int] = []
        self._numbers = itertools.count()

    def enqueue(self, raw: Any, firings: Sequence[Firing]) -> list[str]:
        """Put firings in, in a transaction of the binding; return the ids that count."""
        link = self._link
        link.check()
        if not all(hasattr(raw, name) for name in _USED):
            msg = f"transaction={type(raw).__name__}: give the FoundationDB transaction itself, as db.create_transaction() or @fdb.transactional makes it"
            raise BackendError(msg)
        if not firings:
            return []
        if staged_batch.is_large(firings):
            msg = (
                f"{len(firings)} firings are more than one FoundationDB transaction takes beside its other data:"
                f" fire fewer in it, or without transaction="
            )
            raise BackendError(msg)
        tries = self._tries_of(raw)
        link.waits.part()
        put_in = tries.turn.run(lambda: tries.put(link, raw, firings), otherwise=None)
        if put_in is None:
            msg = (
                "a signal handler cannot fire in a FoundationDB transaction while the thread that it interrupted does so: fire"
                " without transaction= there"
            )
            raise BackendError(msg)
        return put_in

    def _tries_of(self, raw: Any) -> _Tries:
        found = self._of.get(raw)
        if found is not None:
            return found
        # Without a lock: a signal handler or the collector may have interrupted this thread here.
        try:
            slot = self._slots.pop()
        except IndexError:
            slot = next(self._numbers)
        made = _Tries(self._marker + slot.to_bytes(2, "big"))
        found = self._of.setdefault(raw, made)
        if found is made:
            weakref.finalize(raw, self._slots.append, slot).atexit = False
        else:
            self._slots.append(slot)
        return found


class _Tries:
    """What was put in by the tries of one transaction object."""

    def __init__(self, key: bytes) -> None:
        self.turn = Exclusive()
        self._key = key
        self._mark = b""
        self._stamp: Future | None = None
        """That of the last try."""
        self._ids: list[str] = []
        """Of the Nth firing of each try."""
        self._number = 0
        """Firings of this try so far."""
        self._landed = 0
        """How many of them an earlier try has put in."""
        self._grown: set[tuple[str, str]] | None = None
        self._widened: set[tuple[str, str]] | None = None

    def put(self, link: Link, raw: RawTransaction, firings: Sequence[Firing]) -> list[str]:
        """Put firings in; see ``Joined``."""
        if not self._is_same_try(link, raw):
            self._begin(link, raw)
        first, self._number = self._number, self._number + len(firings)
        self._ids += [firing.id for firing in firings][max(len(self._ids) - first, 0) :]
        kept = self._ids[first : self._number]
        landed = min(max(self._landed - first, 0), len(firings))
        tr = Transaction(link, raw)
        tr.grown, tr.widened = self._grown, self._widened
        new = [replace(one, id=id_) for one, id_ in zip(firings[landed:], kept[landed:], strict=True)]
        put_in = enqueue.put(tr, new)
        self._grown, self._widened = tr.grown, tr.widened
        return kept[:landed] + put_in

    def _is_same_try(self, link: Link, raw: RawTransaction) -> bool:
        """Return whether this try has put firings in already."""
        found = raw.get(self._key)
        layout = raw.get(link.keys.layout)
        is_last = found.value == self._mark
        if is_last and self._stamp is not None and not self._stamp.is_ready():
            return True
        if layout.value is None:
            msg = (
                f"the transaction does not see the store {link.settings.dbname!r} of {link.settings.place}: begin it on a"
                f" database of the same cluster, and not in a tenant"
            )
            raise BackendError(msg)
        if self._is_known_committed(link):
            # The application was told so, and this is another transaction.
            self._ids = []
        elif is_last:
            self._landed = max(self._landed, self._number)
        return False

    def _is_known_committed(self, link: Link) -> bool:
        stamp = self._stamp
        if stamp is None or not stamp.is_ready():
            return False
        try:
            stamp.wait()
        except link.error:
            return False
        return True

    def _begin(self, link: Link, raw: RawTransaction) -> None:
        """Leave the mark of a new try."""
        if not link.time.saw(raw.get_read_version().wait()):
            link.try_to_anchor()
        if not self._ids:
            self._landed = 0
        self._number = 0
        self._grown = self._widened = None
        self._stamp = raw.get_versionstamp()
        self._mark = link.unique() + moment(link.time.now())
        raw.set(self._key, self._mark)
        if raw.get(self._key).value == self._mark:
            return
        msg = "transaction= needs a FoundationDB transaction that reads its own writes: leave out read_your_writes_disable"
        raise BackendError(msg)
