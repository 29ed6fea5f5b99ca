"""Call plugins' code under a time limit, and do not call a plugin for a while after it failed.

A plugin's code runs on a thread of its own, since a thread cannot be made to return from a call that hangs. A
call that exceeds its limit is given up: its caller goes on, and Python code in it is interrupted. A call that
blocks in C stays behind on a thread that nothing waits for. Code that keeps all other threads from running
cannot be given up like this; the pool of a worker kills that worker. Knows no store and no particular plugin.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

from skunkqueue.clock import monotonic
from skunkqueue.errors import PluginError, PluginTimeoutError

T = TypeVar("T")

LIMIT = 5.0
"""Seconds for which a call of a strategy or hook may last; a third of the default lease."""
FIRST_REST = 60.0
"""Seconds for which a plugin is not called after it hung or ended its process, the first time."""
LONGEST_REST = 3_600.0
"""The longest such time; it doubles with each failure."""


class Call(NamedTuple):
    """A call of a plugin's code."""

    key: str
    """The key of the plugin, which is not called for a while if the call fails."""
    function: Callable[[], Any]
    about: Any = None
    """Passed to ``enter``."""


class Result(NamedTuple):
    """The outcome of a call."""

    value: Any
    error: BaseException | None
    """What it raised; PluginTimeoutError where it did not return in time."""


def call_within(limit: float, function: Callable[[], T]) -> T:
    """Call once; raise what it raises, or PluginTimeoutError where it does not return in so many seconds.

    An exception that would end the process, such as SystemExit, becomes a PluginError.
    """
    caller = Caller("skunkqueue-plugin", limit)
    try:
        (result,) = caller.call_each([Call("", function)])
    finally:
        caller.close()
    if result.error is None:
        value: T = result.value
        return value
    if isinstance(result.error, Exception):
        raise result.error
    msg = f"a plugin raised {type(result.error).__name__}: {result.error}"
    raise PluginError(msg) from result.error


class _GivenUp(BaseException):
    """Raised in a call that exceeds its limit."""


class _Batch:
    """Calls that were submitted together."""

    __slots__ = ("calls", "done", "results")

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = calls
        self.results: list[Result] = []
        # A bare lock takes a fifth of the time of an Event.
        self.done = threading.Lock()
        self.done.acquire()


class _Current(NamedTuple):
    """The call under way."""

    batch: _Batch
    began: float


class Caller:
    """Makes calls one after another, in the order of their submission, from any thread.

    ``enter`` and ``leave`` are called around each; ``leave`` also for one that is given up, and then ``given_up``
    before the next call is made. The thread is started by the first call.
    """

    def __init__(
        self,
        name: str,
        limit: float = LIMIT,
        *,
        enter: Callable[[Call], None] | None = None,
        leave: Callable[[], None] | None = None,
        given_up: Callable[[Call], None] | None = None,
    ) -> None:
        self._name = name
        self._limit = limit
        self._enter = enter
        self._leave = leave
        self._given_up = given_up
        self._prepare()

    def _prepare(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._queue: SimpleQueue[_Batch | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._current: _Current | None = None

    def hand_over(self, calls: Sequence[Call]) -> _Batch:
        """Submit calls without waiting for them."""
        if self._pid != os.getpid():
            # This process is a fork, and the thread exists in its parent only.
            self._prepare()
        batch = _Batch(calls)
        with self._lock:
            self._queue.put(batch)
            if self._thread is None:
                self._begin(None)
        return batch

    def call_each(self, calls: Sequence[Call]) -> list[Result]:
        """Make calls and wait for them; each may take as long as the limit."""
        batch = self.hand_over(calls)
        self.wait_for(batch)
        return batch.results

    def wait_for(self, batch: _Batch) -> None:
        """Wait until all calls of a batch have been made, or given up."""
        while not batch.done.acquire(timeout=self._left()):
            self.watch()

    def watch(self) -> None:
        """Give up the call under way if it exceeds its limit; the next ones are made on a new thread."""
        if self._current is None:
            return
        with self._lock:
            current = self._current
            if current is None or monotonic() - current.began < self._limit:
                return
            self._current = None
            text = f"it did not return within {self._limit:g} s"
            current.batch.results.append(Result(None, PluginTimeoutError(text)))
            if self._leave is not None:
                self._leave()
            if self._given_up is not None:
                self._given_up(current.batch.calls[len(current.batch.results) - 1])
            old = self._thread
            self._begin(current.batch)
            # Under the lock the thread cannot have ended, so its number belongs to no other thread.
            if old is not None and old.ident is not None:
                raise_in(old.ident, _GivenUp)

    def current(self) -> Call | None:
        """Return the call under way."""
        current = self._current
        return None if current is None else current.batch.calls[len(current.batch.results)]

    def close(self) -> None:
        """Let the thread end once all calls are made; another call starts a new one."""
        with self._lock:
            if self._thread is not None:
                self._queue.put(None)

    def _left(self) -> float:
        current = self._current
        passed = 0.0 if current is None else monotonic() - current.began
        return max(self._limit - passed, 0.01)

    def _begin(self, batch: _Batch | None) -> None:
        thread = threading.Thread(target=self._work, args=(batch,), name=self._name, daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError as error:
            # The system gives no more threads now. Nothing may wait for this batch.
            self._thread = None
            while batch is not None or not self._queue.empty():
                batch = batch or self._queue.get()
                if batch is not None:
                    missing = len(batch.calls) - len(batch.results)
                    batch.results += [Result(None, error)] * missing
                    batch.done.release()
                batch = None

    def _work(self, batch: _Batch | None) -> None:
        me = threading.current_thread()
        try:
            while True:
                if batch is None and (batch := self._queue.get()) is None:
                    with self._lock:
                        if self._thread is not me:
                            return
                        if self._queue.empty():
                            self._thread = None
                            return
                    continue
                if not self._make(me, batch):
                    return
                batch.done.release()
                batch = None
        except BaseException:
            # The interruption came late: the call was given up just as it returned.
            if self._thread is me:
                raise

    def _make(self, me: threading.Thread, batch: _Batch) -> bool:
        """Make the remaining calls of a batch; False: this thread was given up."""
        process = os.getpid()
        while len(batch.results) < len(batch.calls):
            call = batch.calls[len(batch.results)]
            with self._lock:
                if self._thread is not me:
                    return False
                self._current = _Current(batch, monotonic())
                if self._enter is not None:
                    self._enter(call)
            try:
                result = Result(call.function(), None)
            except BaseException as error:  # noqa: BLE001 - a plugin may raise anything
                result = Result(None, error)
            if os.getpid() != process:
                # A copy of the process, made by the plugin: it has no other thread, and must not go on in this one.
                os._exit(1)
            with self._lock:
                if self._thread is not me:
                    return False
                self._current = None
                if self._leave is not None:
                    self._leave()
                batch.results.append(result)
        return True


class Rests:
    """The plugins of this process that are not called for a while, by key, since they hung or ended a process.

    Threads may share it.
    """

    def __init__(
        self, until: dict[str, float] | None = None, *, monotonic: Callable[[], float] = monotonic
    ) -> None:
        """``until``: seconds from now for which some are still not called."""
        now = monotonic()
        self._until = {key: now + seconds for key, seconds in (until or {}).items()}
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()
        self._monotonic = monotonic

    def begin(self, key: str) -> float:
        """Stop calling a plugin for a while; return for how many seconds.

        While a rest lasts, another one does not begin: several calls may have been under way when the plugin hung.
        """
        with self._lock:
            now = self._monotonic()
            until = self._until.get(key, now)
            if until > now:
                return until - now
            rest = min(2 * self._last.get(key, FIRST_REST / 2), LONGEST_REST)
            self._last[key] = rest
            self._until[key] = now + rest
            return rest

    def end(self, key: str) -> None:
        """Forget a plugin's failures, since a call of it returned."""
        if self._last:
            self._last.pop(key, None)

    def has(self, key: str) -> bool:
        """Return whether a plugin is not to be called now."""
        until = self._until.get(key) if self._until else None
        if until is None:
            return False
        if self._monotonic() < until:
            return True
        with self._lock:
            # Unless another thread has begun a new one.
            if self._until.get(key) == until:
                del self._until[key]
        return False

    def left(self) -> dict[str, float]:
        """Return the keys of the plugins that are not to be called now, and for how many seconds."""
        now = self._monotonic()
        return {key: until - now for key, until in tuple(self._until.items()) if until > now}


def raise_in(thread: int, kind: type[BaseException] | None) -> None:
    """Raise an exception of a class in another thread, once it runs Python code; ``None`` takes that back."""
    import ctypes  # noqa: PLC0415 - large, and plugins rarely hang

    def ask(ident: int, what: type[BaseException] | None) -> None:
        given = None if what is None else ctypes.py_object(what)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), given)

    ask(thread, kind)
    if sys.version_info[:2] != (3, 11):
        return
    # Python 3.11 notes for the whole process that some thread has an exception to raise, also where it is told of none,
    # until any has raised one; and while that stands, a thread that begins under a tracer (coverage, a debugger) never gets beyond its first
    # instruction. The other thread may block for ever, so this thread raises one. The other still gets its own.
    with suppress(_GivenUp):
        ask(threading.get_ident(), _GivenUp)
        for _ in range(1_000):
            pass
