"""The test mode itself: diverts the queues of this process to a throw-away store, and runs what is due there.

The jobs are run by a worker as ``skunq work`` starts it, but in the test's own thread, and for as long as something is due.
"""

from __future__ import annotations

import contextlib
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import FrameType
from typing import Any

from skunkqueue.application import FailedFiring, handlers_of
from skunkqueue.context import StandIn, current
from skunkqueue.errors import ConfigError, TestModeError, WrongTypeError
from skunkqueue.handle import failed
from skunkqueue.imports import Gate, suppress_firing
from skunkqueue.listings import Query, Row
from skunkqueue.opening import divert as divert_queues
from skunkqueue.opening import end_diversion
from skunkqueue.persistence.backend import BackendConfig
from skunkqueue.plugins.notify import default_notifier
from skunkqueue.processes.exit_codes import Ending
from skunkqueue.processes.settings import WorkerSettings
from skunkqueue.queue import SkunkQueue
from skunkqueue.records import State
from skunkqueue.show import brief
from skunkqueue.testing.attempts import Attempted, attempts_of
from skunkqueue.testing.clock import MovableClock
from skunkqueue.testing.fired import Fired, JobLike, describe, fired_of, listing, matching
from skunkqueue.testing.standing_in import find_context
from skunkqueue.testing.store import ThrowAwayStore
from skunkqueue.times import as_delay
from skunkqueue.worker.worker import Worker

MOST = 10_000
"""Attempts that one ``run_pending`` makes at most; more are taken for a loop without end."""
_GRACE = 86_400.0
"""Seconds that ``on_worker_stop`` has: its limit in a test is that of the test runner."""
_PAGE = 1_000


class JobStore:
    """A test's store, and what a test does with it. The functions of ``skunkqueue.testing`` are its methods."""

    def __init__(self, folder: Path) -> None:
        self.config = BackendConfig(backend="sqlite", url=f"sqlite:///{folder}/store.db")
        self._clock = MovableClock()
        self._opened: ThrowAwayStore | None = None
        self._opening = threading.RLock()
        self._running = threading.RLock()
        self._asked = False
        """In an eager block, something was fired that no thread runs yet."""
        self._gate = Gate()
        self._ended = False

    @property
    def url(self) -> str:
        """The URL of the store, for programs that the test starts."""
        return self.config.url or ""

    @property
    def backend(self) -> ThrowAwayStore:
        """The store, opened if need be."""
        opened = self._opened
        if opened is not None:
            return opened
        with self._opening:
            if self._ended:
                msg = "this test store is gone, since its `divert` or its test has ended: use the one of the present test"
                raise TestModeError(msg)
            if self._opened is None:
                self._opened = ThrowAwayStore.open(self.config, clock=self._clock)
            return self._opened

    def close(self) -> None:
        """Close the store for good."""
        with self._opening:
            opened, self._opened, self._ended = self._opened, None, True
        if opened is not None:
            opened.close()

    # --- time -----------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The store's time."""
        return datetime.fromtimestamp(self._clock.now(), timezone.utc)

    def advance(
        self, span: timedelta | float = 0.0, *, minutes: float = 0.0, hours: float = 0.0, days: float = 0.0
    ) -> None:
        """Let time pass; see ``skunkqueue.testing.advance``."""
        _refuse_in_job("advance")
        self._clock.advance(_length("advance", span, minutes, hours, days))

    # --- running --------------------------------------------------------------------------------------

    def run_pending(self, queue: SkunkQueue | None = None, *, errors: bool = False) -> list[Attempted]:
        """Run what is due; see ``skunkqueue.testing.run_pending``."""
        _refuse_in_job("run_pending")
        return self._run(lambda failures: self._run_due(_name_of(queue), failures, MOST), errors=errors)

    def run_for(
        self,
        span: timedelta | float = 0.0,
        *,
        minutes: float = 0.0,
        hours: float = 0.0,
        days: float = 0.0,
        queue: SkunkQueue | None = None,
        errors: bool = False,
    ) -> list[Attempted]:
        """Let time pass and run everything at its time; see ``skunkqueue.testing.run_for``."""
        _refuse_in_job("run_for")
        end = self._clock.now() + _length("run_for", span, minutes, hours, days)
        name = _name_of(queue)

        def work(failures: dict[str, BaseException]) -> None:
            left = MOST
            while True:
                left -= self._run_due(name, failures, left)
                coming = [row.due for row in self._pending(name) if row.waits in _FOR_TIME]
                next_due = min((due for due in coming if due <= end), default=end)
                now = self._clock.now()
                if now >= end:
                    return
                # What becomes due meanwhile, by the machine's own clock, runs at the next look.
                self._clock.advance(max(0.0, min(next_due, end) - now))

        return self._run(work, errors=errors)

    @contextlib.contextmanager
    def eager(self, *, errors: bool = False) -> Iterator[None]:
        """Have everything that is fired in this block, and is due, run before ``fire`` returns, in the thread that fires.

        What a job fires runs after it; and where another thread runs jobs just now, that one runs it. A firing that fails for good raises FiringFailedError out of ``fire``, unless
        ``errors``.
        """

        def run() -> None:
            # What a job fires is run by the thread that runs the job.
            self._asked = True
            while self._asked and current.get() is None and self._running.acquire(blocking=False):
                try:
                    self._asked = False
                    self.run_pending(errors=errors)
                finally:
                    self._running.release()

        before = self.backend.after_enqueue
        self.backend.after_enqueue = run
        try:
            yield
        finally:
            self.backend.after_enqueue = before

    def _run(self, work: Callable[[dict[str, BaseException]], object], *, errors: bool) -> list[Attempted]:
        store = self.backend
        failures: dict[str, BaseException] = {}
        with self._running:
            first = len(store.settled)
            store.is_worked_on = True
            try:
                with _stoppable():
                    work(failures)
            finally:
                store.is_worked_on = False
            made = store.settled[first:]
        if not errors:
            for one in made:
                record = store.get([one.claim.id])[0]
                if one.outcome.verdict.state is State.ERROR and record is not None:
                    raise failed(record, State.ERROR) from failures.get(record.id)
        return attempts_of(made, store, self._gate)

    def _run_due(self, queue: str | None, failures: dict[str, BaseException], most: int) -> int:
        """Run what is due until nothing is; return how many attempts that took."""
        store = self.backend
        before = len(store.settled)
        while places := {(row.queue, row.route): row for row in self._pending(queue) if row.waits == "turn"}:
            start = len(store.settled)
            for place, row in places.items():
                left = most - (len(store.settled) - before)
                ending = self._work(place, failures, left) if left > 0 else Ending.RECYCLED
                if ending is Ending.STOPPED:
                    # By Ctrl-C, which became an error of the job.
                    raise KeyboardInterrupt
                if ending is Ending.RECYCLED:
                    msg = (
                        f"{most} attempts were made and more is due, such as {row.job}: does a job fire itself, or "
                        f"snooze for 0 seconds?"
                    )
                    raise TestModeError(msg)
            if len(store.settled) == start:
                # It is for a worker of another process.
                break
        return len(store.settled) - before

    def _work(self, place: tuple[str, str], failures: dict[str, BaseException], most: int) -> Ending:
        queue, route = place
        settings = WorkerSettings(
            id=self.backend.listener(queue, route),
            pool="test",
            queue=queue,
            route=route,
            config=self.config,
            burst=True,
            grace=_GRACE,
            max_jobs=most,
        )

        def note(failure: FailedFiring) -> None:
            failures[failure.id] = failure.exception

        heard = handlers_of(queue).failure
        heard.append(note)
        try:
            worker = Worker(self.backend, settings, clock=self._clock, notifier=default_notifier())
            _stopping.append(worker.stop)
            # It rings its bell, and changes nothing else: it does not hold.
            self.backend.wake = lambda: worker.loop.hold(holding=False)
            # In a context of its own, so that the test does not run in that of the last job.
            return copy_context().run(worker.run)
        finally:
            self.backend.wake = _nothing
            _stopping.clear()
            heard.remove(note)

    def _pending(self, queue: str | None) -> Iterator[Row]:
        query = Query(queue=queue, states=(State.PENDING,), newest=False)
        cursor: str | None = None
        while True:
            page = self.backend.rows(query, _PAGE, cursor)
            yield from page.rows
            cursor = page.next
            if cursor is None:
                return

    # --- what was fired ---------------------------------------------------------------------------------

    def fired(self, job: JobLike | None = None) -> list[Fired]:
        """List what was fired; see ``skunkqueue.testing.fired``."""
        return matching(self._firings(), job)

    def assert_fired(self, job: JobLike, *, times: int | None = None) -> Fired:
        """Return the last firing of a job; see ``skunkqueue.testing.assert_fired``."""
        firings = self._firings()
        found = matching(firings, job)
        if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
            msg = f"times={brief(times)}: give how often it must have been fired, 1 or more, or use assert_not_fired"
            raise WrongTypeError(msg)
        if not found or (times is not None and len(found) != times):
            how = "not fired" if not found else f"fired {_times(len(found))}"
            wanted = "" if times is None else f", and not {_times(times)}"
            msg = f"{describe(job)} was {how}{wanted}. {listing(firings)}"
            raise AssertionError(msg)
        return found[-1]

    def assert_not_fired(self, job: JobLike | None = None) -> None:
        """Raise where it was fired; see ``skunkqueue.testing.assert_not_fired``."""
        firings = self._firings()
        found = matching(firings, job)
        if found:
            what = "something" if job is None else describe(job)
            msg = f"{what} was fired {_times(len(found))}. {listing(firings)}"
            raise AssertionError(msg)

    def forget(self) -> None:
        """Forget what was fired until now, for the assertions to come; the firings themselves stay."""
        self.backend.enqueued.clear()

    def _firings(self) -> list[list[Fired]]:
        return fired_of(tuple(self.backend.enqueued), self.backend, self._gate)


_FOR_TIME = ("time", "retry", "snooze")
_active: list[JobStore] = []
"""At most one."""
_stopping: list[Callable[[], object]] = []
"""What stops the worker that runs."""


@contextlib.contextmanager
def divert() -> Iterator[JobStore]:
    """Have every queue of this process, made before or after, use a throw-away store within this block.

    For tests that do not use the fixture ``job_store``. Raises ConfigError inside of another such block, and in a worker, where
    jobs would be lost.
    """
    if current.get() is not None or suppress_firing():
        msg = (
            "divert() is called in a worker (by a job, or by a module that it imports): everything fired there would be thrown"
            " away. Call it in tests only"
        )
        raise ConfigError(msg)
    with tempfile.TemporaryDirectory(prefix="skunkqueue-test-") as folder:
        store = JobStore(Path(folder))
        divert_queues(store)
        _active.append(store)
        StandIn.find = find_context
        try:
            yield store
        finally:
            StandIn.find = None
            _active.clear()
            end_diversion()
            store.close()


def active(what: str) -> JobStore:
    """Return the store that the queues are diverted to; TestModeError where they use their own."""
    if not _active:
        msg = (
            f"{what}() works on a test store only, and the queues of this process use their own: give the test the fixture"
            f" `job_store`, or call it within `with skunkqueue.testing.divert():`"
        )
        raise TestModeError(msg)
    return _active[0]


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Let a Ctrl-C end the run, and not only the job that it interrupts."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: Any = signal.getsignal(signal.SIGINT)
    if not callable(before):
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        for each in tuple(_stopping):
            each()
        before(number, frame)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _refuse_in_job(what: str) -> None:
    if current.get() is not None:
        msg = f"{what}() is called by a job that the test store runs: call it in the test, after the job"
        raise TestModeError(msg)


def _name_of(queue: object) -> str | None:
    if queue is None or isinstance(queue, SkunkQueue):
        return None if queue is None else queue.name
    msg = f"run_pending({brief(queue)}): give the SkunkQueue whose jobs are to run, or nothing for those of all queues"
    raise WrongTypeError(msg)


def _length(what: str, span: timedelta | float, minutes: float, hours: float, days: float) -> float:
    parts = [("span", span, 1), ("minutes", minutes, 60), ("hours", hours, 3_600), ("days", days, 86_400)]
    return as_delay(sum(as_delay(value, f"the {name} of {what}") * each for name, value, each in parts), what)


def _nothing() -> None:
    pass


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
