"""A transaction of the stand-in: reads are asked for together, writes are kept until it commits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.fdb_standin.errors import MAYBE_COMMITTED, NOT_COMMITTED, FDBError
from tests.support.fdb_standin.futures import Future, Key, Value
from tests.support.fdb_standin.keyspace import Pair, Range, Selector
from tests.support.fdb_standin.line import Line
from tests.support.fdb_standin.mutations import KEY_LIMIT, Op
from tests.support.fdb_standin.options import TransactionOptions
from tests.support.fdb_standin.writes import RANGE, Writes

if TYPE_CHECKING:
    from tests.support.fdb_standin.database import Database

FIRST_PAUSE = 0.01
"""Seconds that ``on_error`` waits at first."""


class KeySelector(NamedTuple):
    """A key by its place among others."""

    key: bytes
    or_equal: bool
    offset: int

    @classmethod
    def last_less_than(cls, key: bytes) -> KeySelector:
        return cls(key, or_equal=False, offset=0)

    @classmethod
    def last_less_or_equal(cls, key: bytes) -> KeySelector:
        return cls(key, or_equal=True, offset=0)

    @classmethod
    def first_greater_than(cls, key: bytes) -> KeySelector:
        return cls(key, or_equal=True, offset=1)

    @classmethod
    def first_greater_or_equal(cls, key: bytes) -> KeySelector:
        return cls(key, or_equal=False, offset=1)


class KeyValue(NamedTuple):
    """A pair that was read."""

    key: bytes
    value: bytes


class KeyRange:
    """A range that is read; asked for at once, and given when it is looked at."""

    def __init__(self, future: Future[list[Pair]]) -> None:
        self._future = future

    def to_list(self) -> list[KeyValue]:
        return [KeyValue(*pair) for pair in self._future.wait()]

    def __iter__(self) -> Iterator[KeyValue]:
        return iter(self.to_list())


def strinc(prefix: bytes) -> bytes:
    """Give the end of all keys with a prefix."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1])


def place(selector: Selector) -> bytes | None:
    """Give the key from which on a selector's range goes, where that needs no look at the store."""
    key, or_equal, offset = selector
    return (key + b"\0" * or_equal) if offset == 1 else None


class Reads:
    """The reads of a transaction; as a snapshot, they conflict with nobody."""

    def __init__(self, transaction: Transaction, *, snapshot: bool) -> None:
        self._transaction = transaction
        self._is_snapshot = snapshot

    def get_read_version(self) -> Future[int]:
        return self._transaction.read_version()

    def get(self, key: bytes) -> Value:
        return self._transaction.read_value(key, snapshot=self._is_snapshot)

    def get_key(self, key_selector: Selector) -> Key:
        return self._transaction.read_key(key_selector, snapshot=self._is_snapshot)

    def get_range(
        self,
        begin: bytes | Selector | None,
        end: bytes | Selector | None,
        limit: int = 0,
        reverse: bool = False,  # noqa: FBT001, FBT002 - as the binding has it
        streaming_mode: int = -1,
    ) -> KeyRange:
        del streaming_mode
        first, last = (
            KeySelector.first_greater_or_equal(one) if isinstance(one, bytes) else one
            for one in (begin or b"", end or b"\xff")
        )
        future = self._transaction.read_range(
            first, last, limit, snapshot=self._is_snapshot, backwards=reverse
        )
        return KeyRange(future)

    def get_range_startswith(self, prefix: bytes, *args: Any, **kwargs: Any) -> KeyRange:
        return self.get_range(prefix, strinc(prefix), *args, **kwargs)

    def __getitem__(self, key: bytes | slice) -> Any:
        if isinstance(key, slice):
            return self.get_range(key.start, key.stop, reverse=key.step == -1)
        return self.get(key)


class Transaction(Reads):
    """One transaction, as the binding has it."""

    def __init__(self, database: Database) -> None:
        super().__init__(self, snapshot=False)
        self.db = database
        self.snapshot = Reads(self, snapshot=True)
        self._settings = database.settings.anew()
        self.options = TransactionOptions(self._settings)
        self._cancelled = False
        self._line: Line | None = None
        self._failures = 0
        self._committed = -1
        self._stamp: Future[bytes] | None = None
        self._watched: list[tuple[bytes, Value, Future[None]]] = []
        self._begin()

    def _begin(self) -> None:
        self._ended = False
        """Whether it has committed; there is no other use for it before it is reset."""
        self._version = 0
        self._writes = Writes()
        self._points: list[bytes] = []
        self._ranges: list[Range] = []
        self._asked: list[tuple[list[Any], Callable[[Any], None], Future[Any]]] = []
        self._leave_watches(1025)
        stamp, self._stamp = self._stamp, None
        if stamp is not None:
            stamp.settle(error=1025)

    def _leave_watches(self, error: int) -> None:
        watched, self._watched = self._watched, []
        for _, _, future in watched:
            future.settle(error=error)

    # --- reading ----------------------------------------------------------------------------------

    def set_read_version(self, version: int) -> None:
        self._version = version

    def read_version(self) -> Future[int]:
        """Give the version at which it reads."""

        def drive() -> None:
            self._flush(future, always=True)
            future.settle(self._version)

        future: Future[int] = Future(drive)
        return future

    def read_value(self, key: bytes, *, snapshot: bool) -> Value:
        """Read one value, with the transaction's own writes in it."""
        future = Value(self._flush_for(lambda: future), self._break)
        self._refuse_beyond(key + b"\0")
        writes, until = self._writes, len(self._writes.mutations)
        known = self._settings.read_your_writes and writes.settled(key)
        if known:
            try:
                self._check()
                future.settle(writes.seen(key, None, until))
            except FDBError as error:
                future.settle(error=error.code)
            return future
        if not snapshot:
            self._points.append(key)

        def come(stored: bytes | None) -> None:
            future.settle(writes.seen(key, stored, until) if self._settings.read_your_writes else stored)

        self._asked.append(([key], come, future))
        return future

    def read_key(self, selector: Selector, *, snapshot: bool) -> Key:
        """Find a key by its place; own writes are not seen."""
        future = Key(self._flush_for(lambda: future), self._break)

        def come(found: bytes) -> None:
            if not snapshot:
                first, last = sorted((found, selector[0]))
                self._ranges.append((first, last + b"\0"))
            future.settle(found)

        self._asked.append((list(selector), come, future))
        return future

    def read_range(
        self, begin: Selector, end: Selector, limit: int, *, snapshot: bool, backwards: bool
    ) -> Future[list[Pair]]:
        """Read a range, with the transaction's own writes in it."""
        first, last = (
            KeySelector.first_greater_or_equal(self.read_key(one, snapshot=snapshot).value or b"")
            if place(one) is None
            else one
            for one in (begin, end)
        )
        low, high = place(first) or b"", place(last) or b""
        self._refuse_beyond(low, high)
        future: Future[list[Pair]] = Future(self._flush_for(lambda: future), self._break)
        writes, until = self._writes, len(self._writes.mutations)
        mixed = self._settings.read_your_writes and writes.concern(low, high)

        def come(stored: list[Pair]) -> None:
            found = stored
            if mixed:
                found = writes.laid_over(low, high, map(tuple, stored), until)  # type: ignore[arg-type]
                if backwards:
                    found.reverse()
                found = found[:limit] if limit else found
            if not snapshot and low < high:
                cut = bool(limit) and len(found) == limit
                edge = found[-1][0] if cut else b""
                first, last = (
                    edge if cut and backwards else low,
                    edge + b"\0" if cut and not backwards else high,
                )
                self.add_read_conflict_range(first, last)
            future.settle(found)

        asked = [list(first), list(last), 0 if mixed else limit, backwards]
        self._asked.append((asked, come, future))
        return future

    def _refuse_beyond(self, *keys: bytes) -> None:
        if any(key > b"\xff" for key in keys) and not self._settings.system_keys:
            self._writes.refused = self._writes.refused or 2004
        if any(len(key) > KEY_LIMIT + 1 for key in keys):
            self._writes.refused = self._writes.refused or 2102

    def _flush_for(self, future: Callable[[], Future[Any]]) -> Callable[[], None]:
        return lambda: self._flush(future())

    def _flush(self, wanted: Future[Any], *, always: bool = False) -> None:
        """Ask for all that was not asked for yet."""
        self._check()
        asked, self._asked = self._asked, []
        if not asked and (self._version or not always):
            return
        try:
            while True:
                try:
                    self._version, found = self._ask(["read", self._version, [item for item, _, _ in asked]])
                    break
                except ConnectionError:
                    if wanted.is_ready():
                        return
        except FDBError as error:
            for _, _, future in asked:
                future.settle(error=error.code)
            raise
        for (_, come, future), one in zip(asked, found, strict=True):
            try:
                come(one)
            except FDBError as error:
                future.settle(error=error.code)

    # --- writing ----------------------------------------------------------------------------------

    def _write(self, op: Op, key: bytes, given: bytes) -> None:
        self._writes.silent = self.options.silence_next_write
        self.options.silence_next_write = False
        self._writes.add(op, bytes(key), bytes(given))

    def set(self, key: bytes, value: bytes) -> None:
        self._write(Op.SET, key, value)

    def clear(self, key: bytes) -> None:
        self._write(Op.CLEAR, key, key + b"\0")

    def clear_range(self, begin: bytes | None, end: bytes | None) -> None:
        self._write(Op.CLEAR, begin or b"", b"\xff" if end is None else end)

    def clear_range_startswith(self, prefix: bytes) -> None:
        self.clear_range(prefix, strinc(prefix))

    def add(self, key: bytes, param: bytes) -> None:
        self._write(Op.ADD, key, param)

    def bit_and(self, key: bytes, param: bytes) -> None:
        self._write(Op.BIT_AND, key, param)

    def bit_or(self, key: bytes, param: bytes) -> None:
        self._write(Op.BIT_OR, key, param)

    def bit_xor(self, key: bytes, param: bytes) -> None:
        self._write(Op.BIT_XOR, key, param)

    def append_if_fits(self, key: bytes, param: bytes) -> None:
        self._write(Op.APPEND_IF_FITS, key, param)

    def max(self, key: bytes, param: bytes) -> None:
        self._write(Op.MAX, key, param)

    def min(self, key: bytes, param: bytes) -> None:
        self._write(Op.MIN, key, param)

    def byte_max(self, key: bytes, param: bytes) -> None:
        self._write(Op.BYTE_MAX, key, param)

    def byte_min(self, key: bytes, param: bytes) -> None:
        self._write(Op.BYTE_MIN, key, param)

    def compare_and_clear(self, key: bytes, param: bytes) -> None:
        self._write(Op.COMPARE_AND_CLEAR, key, param)

    def set_versionstamped_key(self, key: bytes, param: bytes) -> None:
        self._write(Op.SET_VERSIONSTAMPED_KEY, key, param)

    def set_versionstamped_value(self, key: bytes, param: bytes) -> None:
        self._write(Op.SET_VERSIONSTAMPED_VALUE, key, param)

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.set(key, value)

    def __delitem__(self, key: bytes | slice) -> None:
        if isinstance(key, slice):
            self.clear_range(key.start, key.stop)
        else:
            self.clear(key)

    def add_read_conflict_range(self, begin: bytes, end: bytes) -> None:
        read_own = self._settings.read_your_writes
        self._ranges += self._writes.unsettled(begin, end) if read_own else [(begin, end)]

    def add_read_conflict_key(self, key: bytes) -> None:
        if not (self._settings.read_your_writes and self._writes.settled(key)):
            self._points.append(bytes(key))

    def add_write_conflict_range(self, begin: bytes, end: bytes) -> None:
        self._writes.ranges.append((bytes(begin), bytes(end)))

    def add_write_conflict_key(self, key: bytes) -> None:
        self.add_write_conflict_range(key, key + b"\0")

    def watch(self, key: bytes) -> Future[None]:
        future: Future[None] = Future()
        self._watched.append((key, self.get(key), future))
        return future

    # --- the end ----------------------------------------------------------------------------------

    def commit(self) -> Future[None]:
        future: Future[None] = Future(lambda: self._commit(future), self._break)
        return future

    def _commit(self, future: Future[None]) -> None:
        try:
            watched = [(key, seen.value, one) for key, seen, one in self._watched]
            self._check()
            version = self._land(future)
        except FDBError as error:
            self._leave_watches(error.code)
            raise
        self._watched = []
        for key, seen, one in watched:
            if self._writes.seen(key, seen, len(self._writes.mutations)) == seen:
                self.db.watches.add(key, seen, one)
            else:
                one.settle()
        stamp, self._stamp = self._stamp, None
        self._committed = version
        self._failures = 0
        self._ended = True
        if stamp is not None:
            stamp.settle(version.to_bytes(8, "big") + b"\0\0", 0 if version >= 0 else 2021)
        future.settle()

    def _land(self, future: Future[None]) -> int:
        writes = self._writes
        if not writes.mutations and not writes.ranges:
            return -1
        if self._size() > self._settings.size:
            raise FDBError(2101)
        if not self._version and (self._points or self._ranges):
            self.read_version().wait()
        request = ["commit", self._version, writes.mutations, self._points, self._ranges, writes.ranges]
        try:
            (version,) = self._ask(request)
        except ConnectionError:
            raise FDBError(1101 if future.is_ready() else 1021) from None
        landed: int = version
        return landed

    def _size(self) -> int:
        conflicts = sum(2 * len(key) + 1 + RANGE for key in self._points)
        conflicts += sum(
            len(first) + len(last) + RANGE for first, last in [*self._ranges, *self._writes.ranges]
        )
        return self._writes.size + conflicts

    def get_approximate_size(self) -> Future[int]:
        future: Future[int] = Future()
        future.settle(self._size())
        return future

    def get_committed_version(self) -> int:
        return self._committed

    def get_versionstamp(self) -> Future[bytes]:
        if self._stamp is None:
            self._stamp = Key()
        return self._stamp

    def on_error(self, error: FDBError | int) -> Future[None]:
        code = error if isinstance(error, int) else error.code

        def drive() -> None:
            retried = self._settings.retries < 0 or self._failures < self._settings.retries
            if code not in MAYBE_COMMITTED | NOT_COMMITTED or not retried:
                raise FDBError(code)
            self._check(soft=True)
            time.sleep(min(FIRST_PAUSE * 2**self._failures, 1.0))
            self._failures += 1
            self._begin()
            future.settle()

        future: Future[None] = Future(drive)
        return future

    def reset(self) -> None:
        self._begin()
        self._cancelled = False
        self._settings.begun = time.monotonic()

    def cancel(self) -> None:
        self._cancelled = True
        self._break()
        self._leave_watches(1025)

    # --- the way to the server --------------------------------------------------------------------

    def _break(self) -> None:
        line = self._line
        if line is not None:
            line.cut()

    def _check(self, *, soft: bool = False) -> None:
        if self._cancelled:
            raise FDBError(1025)
        deadline = self._settings.deadline
        if deadline is not None and time.monotonic() >= deadline:
            raise FDBError(1031)
        if self._ended:
            raise FDBError(2017)
        if self._writes.refused and not soft:
            raise FDBError(self._writes.refused)

    def _ask(self, message: list[Any]) -> list[Any]:
        """Ask the server; raises ``ConnectionError`` where a line broke with the answer under way."""
        deadline = self._settings.deadline
        line = self.db.way.take(deadline, lambda: self._cancelled)
        self._line = line
        kept = False
        try:
            self._check()
            line.send(message)
            ((code, *found),) = line.receive(
                None if deadline is None else max(1e-3, deadline - time.monotonic())
            )
            kept = True
        except TimeoutError:
            raise FDBError(1031) from None
        except ConnectionError:
            if self._cancelled:
                raise FDBError(1025) from None
            raise
        finally:
            self._line = None
            if kept:
                self.db.way.give_back(line)
            else:
                line.close()
        if code:
            raise FDBError(code)
        answer: list[Any] = found
        return answer
