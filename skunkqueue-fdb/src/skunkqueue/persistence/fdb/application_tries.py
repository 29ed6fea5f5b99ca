"""The tries of one transaction of the application, so that what several of them fire is put in once.

The application commits, and runs its function once more where that fails (``@fdb.transactional``). So the same firing would get
another id in each try, and a commit whose outcome is unknown would put it in twice. Therefore a firing keeps the id that it had
in the tries before, and each try leaves a mark. A try that finds the mark of an earlier one knows that the earlier one
was committed, and does not put in again what that one has.

The same firing is one that differs in nothing but its id; alike ones of a try are told apart by their order. A later try may do
other work than the one that was committed, as when it takes the next order from a list. What it fires then is put in.

A second call of the same try finds its own mark as well. The versionstamp tells the two cases apart: it comes, or an error
does, once a try has ended.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.persistence.fdb import enqueue
from skunkqueue.persistence.fdb.binding import Future, RawTransaction
from skunkqueue.persistence.fdb.keys import moment
from skunkqueue.persistence.fdb.transactions import Link, Transaction
from skunkqueue.records import Firing
from skunkqueue.turns import Exclusive

_MOST_OPEN = 100
"""Tries of one transaction object that are remembered, where it is never known whether they were committed."""
_encode = msgspec.msgpack.Encoder().encode


class Tries:
    """What was put in by the tries of one transaction object."""

    def __init__(self, key: bytes) -> None:
        self.turn = Exclusive()
        self._key = key
        self._mark = b""
        self._stamp: Future | None = None
        """That of the last try."""
        self._ids: dict[bytes, list[str]] = {}
        """Of what was fired, by what it was: one for each time that one try has fired it."""
        self._stored: dict[str, str] = {}
        """What a try has put in that was committed: its id, and the one that counts, which another one has that holds its key."""
        self._alike: Counter[bytes] = Counter()
        """How often this try has fired the same."""
        self._put_in: dict[str, str] = {}
        """What this try has put in, likewise."""
        self._open: dict[bytes, dict[str, str]] = {}
        """The same of each try of which it is not known whether it was committed, by its mark."""
        self._grown: set[tuple[str, str]] | None = None
        self._widened: set[tuple[str, str]] | None = None

    def put(self, link: Link, raw: RawTransaction, firings: Sequence[Firing]) -> list[str]:
        """Put firings in within the store's time limit; return the ids that count."""
        with _time_limit(link, raw):
            return self._put(link, raw, firings)

    def _put(self, link: Link, raw: RawTransaction, firings: Sequence[Firing]) -> list[str]:
        if not self._is_same_try(link, raw):
            self._begin(link, raw)
        alike = self._alike.copy()
        ids = [self._id_of(firing, alike) for firing in firings]
        tr = Transaction(link, raw)
        tr.grown, tr.widened = self._grown, self._widened
        new = [replace(one, id=id_) for one, id_ in zip(firings, ids, strict=True) if id_ not in self._stored]
        try:
            counting = enqueue.put(tr, new)
        except link.error:
            # It fails the whole try, whatever the application does.
            raise
        except BaseException:
            # A signal handler's, say. Half a firing may be written, and must not be committed.
            raw.cancel()
            raise
        self._put_in.update(zip([one.id for one in new], counting, strict=True))
        self._grown, self._widened = tr.grown, tr.widened
        # At last: where something was raised before, the application may fire the same again.
        self._alike = alike
        return [self._stored.get(id_) or self._put_in[id_] for id_ in ids]

    def _id_of(self, firing: Firing, alike: Counter[bytes]) -> str:
        """Return the id that a firing had in an earlier try, or its own."""
        same = blake2b(_encode(replace(firing, id="")), digest_size=16).digest()
        known = self._ids.setdefault(same, [])
        number = alike[same]
        if number == len(known):
            known.append(firing.id)
        alike[same] = number + 1
        return known[number]

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
                f" database of the same cluster, and not in a tenant. If the store was made after the transaction has begun,"
                f" begin it again"
            )
            raise BackendError(msg)
        if self._is_known_committed(link):
            # The application was told so, and this is another transaction.
            self._ids, self._stored = {}, {}
            self._open.clear()
        elif found.value in self._open:
            # It may also be one before the last: a commit may come to pass after it was given up.
            self._stored |= self._open[found.value]
            self._open.clear()
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
        if len(self._open) >= _MOST_OPEN:
            self._forget()
        self._alike = Counter()
        self._grown = self._widened = None
        # The stamp comes last: without it this try is not taken for one that was begun.
        self._stamp = None
        self._mark = link.unique() + moment(link.time.now())
        self._put_in = self._open[self._mark] = {}
        raw.set(self._key, self._mark)
        if raw.get(self._key).value == self._mark:
            self._stamp = raw.get_versionstamp()
            return
        msg = "transaction= needs a FoundationDB transaction that reads its own writes: leave out read_your_writes_disable"
        raise BackendError(msg)

    def _forget(self) -> None:
        """Forget tries that were given up long ago, and the ids of what only they have fired."""
        for mark in list(self._open)[: -_MOST_OPEN // 2]:
            del self._open[mark]
        kept = {*self._stored, *itertools.chain.from_iterable(self._open.values())}
        self._ids = {same: ids for same, ids in self._ids.items() if not kept.isdisjoint(ids)}


@contextmanager
def _time_limit(link: Link, raw: RawTransaction) -> Iterator[None]:
    """Cancel the transaction after the store's time limit: the application may have set none, and a cluster may go away."""
    is_over: list[bool] = []
    # The watch ends a moment later than this, and must not keep the transaction until then.
    watched = weakref.ref(raw)

    def end() -> None:
        is_over.append(True)
        transaction = watched()
        if transaction is not None:
            transaction.cancel()

    watch = threading.Timer(link.settings.timeout, end)
    watch.daemon = True
    # No thread can be started where the interpreter is about to end.
    with suppress(RuntimeError):
        watch.start()
    try:
        yield
    except link.error as error:
        if is_over:
            raise _unanswered(link) from error
        raise
    else:
        if is_over:
            raise _unanswered(link)
    finally:
        watch.cancel()


def _unanswered(link: Link) -> BackendUnavailableError:
    msg = (
        f"{link.settings.place}: the cluster does not answer the application's transaction after"
        f" {link.settings.timeout:g} s, so it was cancelled: look at `fdbcli --exec status`, and begin it again once the"
        f" cluster answers"
    )
    return BackendUnavailableError(msg)
