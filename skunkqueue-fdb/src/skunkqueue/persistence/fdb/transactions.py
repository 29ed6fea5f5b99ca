"""Running a transaction: time limits, retries, commits whose outcome is unknown, and closing.

A verb hands in a function that reads and writes in a ``Transaction``. It may be called several times, so it must change
nothing but the store. After a commit whose outcome is unknown the mark of the call tells whether it happened:
each call writes its number under a key of its thread, in the same transaction. A function that finds its own traces itself
(``repeatable``) needs no mark.

Knows no verb.
"""

from __future__ import annotations

import itertools
import logging
import os
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from skunkqueue.clock import Clock, monotonic
from skunkqueue.errors import BackendError
from skunkqueue.latch import Latch
from skunkqueue.persistence.fdb import anchors, errors
from skunkqueue.persistence.fdb.binding import Binding, Database, KeyValue, RawTransaction
from skunkqueue.persistence.fdb.keys import Keys
from skunkqueue.persistence.fdb.marks import Marked, Unique
from skunkqueue.persistence.fdb.recent import RecentVersions
from skunkqueue.persistence.fdb.server_time import ServerTime
from skunkqueue.persistence.fdb.settings import Settings
from skunkqueue.persistence.fdb.waits import Waits

T = TypeVar("T")

log = logging.getLogger("skunkqueue.fdb")

FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.5
"""Seconds between tries; the binding's own begin at 10 ms. After a conflict they stay short."""
LONGEST_AFTER_CONFLICT = 0.02
ASKING = 0.5
"""Seconds that the client has to tell of its connections."""
LAST = 2.0
"""Seconds for which ``run_last`` tries."""


class Settable(Protocol):
    """An event, or what ends a wait likewise."""

    def set(self) -> None:
        """End it."""


class _JumpedError(Exception):
    """Versions jumped: the store's clock must be set right."""


class Transaction:
    """One try. Its methods are the binding's own, so that none costs a call more."""

    __slots__ = (
        "_exact",
        "_want_all",
        "add",
        "at",
        "clear",
        "clear_range",
        "conflicts",
        "get",
        "grown",
        "keys",
        "link",
        "now",
        "only_reads",
        "raw",
        "set",
        "snapshot",
        "unchanged",
        "widened",
    )

    def __init__(self, link: Link, raw: RawTransaction, conflicts: int = 0, at: int | None = None) -> None:
        self.link = link
        self.at = at
        """The version it reads, where it was given one."""
        if at is not None:
            raw.set_read_version(at)
        self.conflicts = conflicts
        """Tries before this one that ended in a conflict."""
        self.keys = link.keys
        self.raw = raw
        self.snapshot = raw.snapshot
        self.get = raw.get
        """Ask for a value: ``get(key).value``. Ask for all that is needed before waiting for any."""
        self.set = raw.set
        self.clear = raw.clear
        self.clear_range = raw.clear_range
        self.add = raw.add
        self.now = link.time.now()
        """The store's time, for all that this transaction does."""
        self.only_reads = False
        """Nothing is committed, so nothing conflicts."""
        self.unchanged = False
        """Set it where nothing was written after all: then nothing is committed."""
        self.grown: set[tuple[str, str]] | None = None
        """Routes to whose jobs it has added one."""
        self.widened: set[tuple[str, str]] | None = None
        """Routes to whose priorities in use it has added one."""
        self._exact, self._want_all = link.modes

    def get_range(
        self,
        begin: bytes,
        end: bytes,
        limit: int = 0,
        *,
        newest: bool = False,
        snapshot: bool = False,
        passed: int = 0,
    ) -> Callable[[], Sequence[KeyValue]]:
        """Ask for a range, from its end where ``newest``, without its first ``passed`` keys; what is returned waits for it."""
        reading = self.snapshot if snapshot else self.raw
        mode = self._exact if limit else self._want_all
        first = self.link.selector(begin, False, 1 + passed) if passed else begin  # noqa: FBT003 - the binding's order
        return reading.get_range(first, end, limit, newest, mode).to_list


class Link:
    """An open cluster, and one store in it."""

    def __init__(self, settings: Settings, binding: Binding, database: Database, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.pid = os.getpid()
        self.keys = Keys(settings.dbname)
        self.time = ServerTime(clock)
        self.api = binding.get_api_version()
        self.error: type[Exception] = binding.FDBError
        self.modes: tuple[int, int] = (binding.StreamingMode.exact, binding.StreamingMode.want_all)
        self.selector: Callable[[bytes, bool, int], Any] = binding.KeySelector
        self.closed = Latch()
        self.sleepers: set[Settable] = set()
        """To be set by ``close``."""
        self.unique = Unique()
        self.conflicts = 0
        """Transactions that were tried once more after a conflict, so far."""
        self.routes: dict[tuple[str, str], int] = {}
        """Priorities in use on routes, as far as they were seen in the store; none ever goes."""
        self.jobs: dict[tuple[str, str], tuple[str, ...]] = {}
        """Jobs that are told apart on routes, as far as they were seen in the store; none ever goes."""
        self.recent = RecentVersions()
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="skunkqueue-claim")
        """It has no thread before something is run there."""
        self.slots: dict[tuple[str, str], float] = {}
        """Over how many places of the line claims of a route are spread, where they conflicted recently."""
        self.strips: dict[tuple[str, str], tuple[bytes, int]] = {}
        """Where in such a line the next claim goes on (RANK, DUE and ID), and how many more do."""
        self.waits = Waits(binding)
        self._database = database
        self._open: set[Any] = set()
        self._slots: list[int] = []
        self._mark = self.keys.marker + self.unique.process
        self._numbers = itertools.count()

    # --- verbs ------------------------------------------------------------------------------------

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run a function that only reads, and commit nothing."""
        return self._try(work, commits=False)

    def run(self, work: Callable[[Transaction], T], *, repeatable: bool = False, at: int | None = None) -> T:
        """Run a function and commit what it writes, exactly once.

        ``repeatable``: running it again after it was committed does no harm and returns the same, even where the first commit
        comes to pass only later. ``at``: a version that the first try reads, so that it need not ask for one (``recent``).
        """
        if repeatable:
            return self._try(work, commits=True, at=at)
        with self._slot() as slot:
            found: T = self._try(Marked(self.unique, work, slot), commits=True)
            return found

    def beside(self, work: Callable[[], T]) -> Callable[[], T]:
        """Run a function on a thread of this store's own; what is returned waits for what it returns."""
        self.check()
        try:
            future = self._beside.submit(work)
        except RuntimeError as error:
            raise self.closed_error() from error

        def answer() -> T:
            try:
                return future.result()
            except CancelledError as error:
                raise self.closed_error() from error

        return answer

    def run_at(self, work: Callable[[Transaction], T]) -> tuple[T, int]:
        """Run what is repeatable; return the version of its commit as well."""
        kept: list[RawTransaction] = []

        def noted(transaction: Transaction) -> T:
            kept[:] = [transaction.raw]
            return work(transaction)

        found = self._try(noted, commits=True)
        return found, kept[0].get_committed_version()

    def run_last(self, work: Callable[[Transaction], object]) -> None:
        """Run what is repeatable although the store was closed, or give up after a moment."""
        end = monotonic() + LAST
        tries = 0
        while (left := end - monotonic()) > 0 and self.pid == os.getpid():
            raw: RawTransaction = self._database.create_transaction()
            raw.options.set_timeout(max(int(left * 1000), 10))
            try:
                work(Transaction(self, raw))
                raw.commit().wait()
            except self.error as error:
                code = errors.code_of(error)
                if code in errors.AGAIN:
                    tries += 1
                    # Not at ``closed``, which is set.
                    Latch().wait(_pause_after(tries, code))
                    continue
                log.warning(
                    "%s: not taken back what was lent at close: %s", self.settings.place, errors.told(error)
                )
            return

    def _try(self, work: Callable[[Transaction], T], *, commits: bool, at: int | None = None) -> T:
        self.waits.part()
        begun = monotonic()
        end = begun + self.settings.retry_for
        tries = conflicts = 0
        while True:
            self.check()
            raw = self._begin(end)
            try:
                # Once more: ``close`` may not have seen it.
                self.check()
                transaction = Transaction(self, raw, conflicts, at if tries == 0 else None)
                transaction.only_reads = not commits
                found = work(transaction)
                if commits and not transaction.unchanged:
                    raw.commit().wait()
                    self._committed(raw.get_committed_version())
            except self.error as error:
                code = errors.code_of(error)
                self._refuse(error, begun, end)
            except _JumpedError:
                self.anchor_anew()
                continue
            except BaseException:
                self.waits.forget()
                raw.cancel()
                raise
            else:
                return found
            finally:
                self._open.discard(raw)
            if code == errors.NOT_COMMITTED:
                self.conflicts += 1
                conflicts += 1
            tries += 1
            self._pause(tries, code, end)

    def _begin(self, end: float) -> RawTransaction:
        """Begin a try, which ``close`` can cancel, and that ends at ``end`` at the latest."""
        raw: RawTransaction = self._database.create_transaction()
        # Not as an option of the database, which is the application's too where it has opened the same cluster file.
        raw.options.set_timeout(max(int(min(end - monotonic(), self.settings.timeout) * 1000), 10))
        self._open.add(raw)
        return raw

    def _committed(self, version: int) -> None:
        """Take note of the version of a commit."""
        if version <= 0:
            return
        if not self.time.saw(version):
            self.try_to_anchor()
        self.recent.note(version)

    def _refuse(self, error: Exception, begun: float, end: float) -> None:
        """Raise what a failure means, where it is not worth another try."""
        code = errors.code_of(error)
        if self.closed.is_set() and code in errors.CLOSED:
            raise self.closed_error() from error
        if code not in errors.AGAIN or monotonic() >= end:
            tried = monotonic() - begun if code in errors.AGAIN else None
            reached = self._reached() if code == errors.TIMED_OUT else ""
            raise errors.explained(self.settings.place, error, tried, reached) from error

    def _reached(self) -> str:
        """Ask the client whom it does not reach; a binding older than 7.3 does not tell."""
        ask = getattr(self._database, "get_client_status", None)
        if ask is None:
            return ""
        answered = Latch()
        try:
            future = ask()
            future.on_ready(lambda _: answered.set())
            return errors.reached(future.value) if answered.wait(ASKING) else ""
        except self.error:
            return ""

    def _pause(self, tries: int, code: int, end: float) -> None:
        self.closed.wait(min(_pause_after(tries, code), max(end - monotonic(), 0.0)))

    def note_version(self, version: int) -> None:
        """Take note of the version that a transaction reads. Where versions jumped, it is tried again with a clock set right."""
        if not self.time.saw(version):
            raise _JumpedError

    # --- the clock --------------------------------------------------------------------------------

    def anchor_anew(self) -> None:
        """Set the store's clock right after versions jumped, or take what another process has set meanwhile."""
        self.waits.part()
        begun = monotonic()
        end = begun + self.settings.retry_for
        for tries in itertools.count(1):
            # Not by ``run``: this commit must not be judged by the anchor that it replaces.
            self.check()
            raw = self._begin(end)
            try:
                # Once more: ``close`` may not have seen it.
                self.check()
                anchor, version = anchors.agree(raw, self.keys.clock, self.time)
            except self.error as error:
                code = errors.code_of(error)
                self._refuse(error, begun, end)
            else:
                self.time.adopt(anchor, version)
                return
            finally:
                self._open.discard(raw)
            self._pause(tries, code, end)

    def try_to_anchor(self) -> None:
        """Do so, if the cluster lets us."""
        try:
            self.anchor_anew()
        except BackendError as error:
            # What was committed is committed; the next transaction sees the same, and tries again.
            log.warning("%s: clock not set after versions jumped: %s", self.settings.place, error)

    # --- life -------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise BackendError where nothing can be asked any more."""
        if self.pid != os.getpid():
            msg = (
                f"{self.settings.place}: FoundationDB's client cannot be used in a forked process: its network thread"
                f" stayed with the parent. Start the process fresh (multiprocessing: set_start_method('spawn')), or"
                f" open the first store in the child"
            )
            raise BackendError(msg)
        if self.closed.is_set():
            raise self.closed_error()

    def closed_error(self) -> BackendError:
        """Return what a verb raises after ``close``."""
        return BackendError(f"{self.settings.place} was closed: open the store again")

    def close(self) -> None:
        """Have all that waits for the cluster return, and let nothing more begin."""
        self.closed.set()
        for event in list(self.sleepers):
            event.set()
        for raw in list(self._open):
            raw.cancel()
        self._beside.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def _slot(self) -> Iterator[bytes]:
        """Lend the key of a mark: as many are used as calls are under way at once."""
        # Without a lock: a signal handler that fires may have interrupted its own thread here.
        try:
            slot = self._slots.pop()
        except IndexError:
            slot = next(self._numbers)
        try:
            yield self._mark + slot.to_bytes(2, "big")
        finally:
            self._slots.append(slot)


def _pause_after(tries: int, code: int) -> float:
    """Return for how many seconds to wait after so many tries, the last of which ended in this error."""
    longest = LONGEST_AFTER_CONFLICT if code == errors.NOT_COMMITTED else LONGEST_PAUSE
    pause: float = min(FIRST_PAUSE * 2 ** min(tries, 12), longest)
    return pause * random.random()  # noqa: S311 - no secret
