"""Where async jobs run: one event loop on a thread of its own, a bounded number at a time.

Made when the first async job comes, since asyncio costs memory that other workers need not spend.
Knows nothing of stores. Whatever a job does to the loop, each firing on it ends, and the next one runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import selectors
import threading
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, NamedTuple, NoReturn

from skunkqueue.context import JobContext, current
from skunkqueue.processes.scoreboard import Scoreboard
from skunkqueue.worker.in_flight import KILL_AFTER, NEVER, InFlight, Running
from skunkqueue.worker.judge.failures import failure_of
from skunkqueue.worker.judge.verdict import LATE, Try
from skunkqueue.worker.run.executor import Executor, Known, Phase
from skunkqueue.worker.run.job_threads import Interruptible, JobThreads, run_to_end

logger = logging.getLogger("skunkqueue.worker")

_Result = tuple[Phase, "bytes | None", object]


class Ran(NamedTuple):
    """How an async job went."""

    tried: Try
    phase: Phase
    data: bytes | None
    """Its encoded result; ``None``: it failed."""
    value: Any
    """What to show of what it returned, or what it raised."""
    reason: str | None
    """Why it was cancelled, if it was."""
    began: float | None
    """When its code began (monotonic); ``None``: it did not."""


class _Place:
    """One job on the loop."""

    __slots__ = ("began", "call", "context", "known", "reason", "row", "task", "tried")

    def __init__(self, row: int, tried: Try, known: Known, context: JobContext) -> None:
        self.row = row
        self.tried = tried
        self.known = known
        self.context = context
        self.began: float | None = None
        self.reason: str | None = None
        self.task: asyncio.Task[_Result] | None = None
        self.call: Interruptible | None = None
        """Of a job that is not async, on its thread."""


class _NothingReady:
    """Takes the place of what the loop has to do, in a copy of the process that a job made: it ends there."""

    def __len__(self) -> int:
        return 0

    def append(self, _handle: object) -> None:
        """Leave it."""

    def popleft(self) -> NoReturn:
        """End the copy."""
        os._exit(1)


class AsyncExecutor:
    """Runs up to ``concurrency`` async jobs, and up to ``threads`` that are not on threads of their own."""

    def __init__(
        self,
        executor: Executor,
        in_flight: InFlight,
        scoreboard: Scoreboard,
        *,
        done: Callable[[Ran], None],
        wake: Callable[[], None],
        threads: int = 1,
    ) -> None:
        """``done``, which raises nothing, and then ``wake`` are called on the loop's thread when a job has ended."""
        self._executor = executor
        self._in_flight = in_flight
        self._scoreboard = scoreboard
        self._done = done
        self._wake = wake
        self._rows = list(range(scoreboard.rows - 1, 0, -1))
        self._threads = JobThreads(threads)
        self._threaded: set[str] = set()
        """Firings that have a thread, or are about to get one."""
        self._places: dict[str, _Place] = {}
        """By firing; only the loop's thread changes it."""
        self._errands: deque[Callable[[], None]] = deque()
        """What is to be done on the loop's thread; it outlives a loop that a job closes."""
        self._pid = os.getpid()
        self._closing = False
        self._loop = _new_loop()
        self._thread = threading.Thread(target=self._run, name="skunkqueue-async-executor", daemon=True)
        self._thread.start()

    @property
    def free(self) -> int:
        """How many more jobs it takes now."""
        if self._threads.most > 1:
            return min(len(self._rows), max(self._threads.most - len(self._threaded), 0))
        return len(self._rows)

    def has_room(self, known: Known) -> bool:
        """Return whether it takes this job now."""
        return bool(self._rows) and (known.is_async or len(self._threaded) < self._threads.most)

    @property
    def busy(self) -> bool:
        """Return whether anything runs."""
        return bool(self._in_flight.beside)

    @property
    def has_suspect(self) -> bool:
        """Return whether a firing runs under which workers died before."""
        return any(running.claim.deaths for running in self._in_flight.beside.copy().values())

    def submit(self, tried: Try, known: Known, context: JobContext) -> None:
        """Begin a job; only the main thread calls it, and only while there is a free place."""
        place = _Place(self._rows.pop(), tried, known, context)
        claim = tried.claim
        if not known.is_async:
            self._threaded.add(claim.id)
        self._in_flight.beside[claim.id] = Running(claim, NEVER, NEVER)
        self._do(lambda: self._begin(place))

    def row_of(self, firing: str) -> int | None:
        """Return a job's row on the scoreboard; ``None`` where it has not begun or has ended."""
        place = self._places.get(firing)
        return None if place is None else place.row

    def cancel(self, firing: str, reason: str) -> None:
        """Cancel a job, if it still runs; from any thread."""
        self._do(lambda: self._cancel(firing, reason))

    def close(self) -> None:
        """End the loop; what still runs on it is abandoned."""
        self._closing = True
        self._do(self._stop)
        self._thread.join(1.0)

    def note_fork(self) -> None:
        """Prepare a copy of this process, made by a job: when its code comes back to the loop, the copy ends.

        Nothing else of the loop runs there, and what the copy closes stays open in this process: both share what
        the loop's selector holds in the system. Loops of other makes lack these parts; a copy on such a one ends
        when its job returns.
        """
        loop: Any = self._loop
        if hasattr(loop, "_ready") and hasattr(loop, "_selector"):
            loop._ready = _NothingReady()  # noqa: SLF001 - asyncio has no way of its own to leave a loop in a copy
            loop._selector = selectors.SelectSelector()  # noqa: SLF001 - as above
            loop.stop()

    # --- on the loop's thread ---------------------------------------------------------------------

    def _do(self, errand: Callable[[], None]) -> None:
        self._errands.append(errand)
        # Where a job has closed the loop, the next one finds it.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._do_errands)

    def _do_errands(self) -> None:
        while self._errands:
            self._errands.popleft()()

    def _run(self) -> None:
        while not self._closing:
            # Of use to callbacks only; the policy that does it may be a job's.
            with contextlib.suppress(BaseException):
                asyncio.set_event_loop(self._loop)
            try:
                self._loop.call_soon(self._do_errands)
                self._loop.run_forever()
            except BaseException as error:  # noqa: BLE001 - what a task of a job's own raises, such as SystemExit
                # Not by exc_info, since the exception may be such as cannot be shown.
                logger.error(  # noqa: TRY400 - as above
                    "a job has stopped the event loop; it goes on\n%s", failure_of(error).traceback
                )
            if os.getpid() != self._pid:
                os._exit(1)
            if self._loop.is_closed():
                self._replace_loop()
        self._loop.close()

    def _replace_loop(self) -> None:
        """End what ran on a loop that a job has closed, and begin another."""
        self._loop = _new_loop()
        logger.error(
            "a job has closed the event loop: what ran on it ends as an error, and another takes its place"
        )
        for place in tuple(self._places.values()):
            self._conclude(
                place, (Phase.CALL, None, RuntimeError("a job has closed the event loop of its worker"))
            )

    def _stop(self) -> None:
        self._loop.stop()

    def _begin(self, place: _Place) -> None:
        claim = place.tried.claim
        self._places[claim.id] = place
        if not place.known.is_async:
            place.call = Interruptible()
            self._threads.submit(lambda: self._run_on_thread(place), len(self._threaded) - 1)
            return
        # Not by the loop's own way, which a job may have changed.
        place.task = asyncio.Task(self._execute(place), loop=self._loop)
        place.task.add_done_callback(lambda task: self._ended(place, task))

    def _cancel(self, firing: str, reason: str) -> None:
        place = self._places.get(firing)
        if place is None:
            return
        if place.task is not None:
            place.reason = reason
            place.task.cancel(reason)
        elif place.call is not None and place.call.interrupt(reason):
            place.reason = reason

    def _run_on_thread(self, place: _Place) -> None:
        assert place.call is not None  # noqa: S101 - _begin has set it
        try:
            result = place.call.call(copy_context(), lambda: run_to_end(self._execute(place)))
        except BaseException as error:  # noqa: BLE001 - it was interrupted on its way in or out
            result = (Phase.CALL, None, error)
        if os.getpid() != self._pid:
            # A copy of the process, made by the job: it must not go on as a second worker.
            os._exit(1)
        self._do(lambda: self._conclude(place, result))

    async def _execute(self, place: _Place) -> _Result:
        claim = place.tried.claim
        if self._in_flight.is_late:
            place.reason = LATE
            return Phase.FIND, None, None
        current.set(place.context)
        self._scoreboard.begin(place.row, claim.id, claim.token, 0.0, claim.deaths > 0)
        place.began = began = self._in_flight.monotonic()
        self._in_flight.beside[claim.id] = Running(claim, began, NEVER)
        return await self._executor.execute_beside(
            place.tried.step, place.known, lambda: self._start_clock(place), place.tried.previous
        )

    def _start_clock(self, place: _Place) -> None:
        """Begin to count a job's time limit: its own code is about to begin."""
        timeout = place.tried.step.timeout
        if timeout is None:
            return
        claim = place.tried.claim
        place.began = began = self._in_flight.monotonic()
        deadline = began + timeout
        # A deadline that the loop cannot keep, because a job blocks it, is kept by the pool.
        self._scoreboard.begin(place.row, claim.id, claim.token, deadline + KILL_AFTER, claim.deaths > 0)
        self._in_flight.beside[claim.id] = Running(claim, began, deadline)

    def _ended(self, place: _Place, task: asyncio.Task[_Result]) -> None:
        try:
            result = task.result()
        except BaseException as error:  # noqa: BLE001 - it was cancelled before it began
            result = (Phase.CALL, None, error)
        self._conclude(place, result)

    def _conclude(self, place: _Place, result: _Result) -> None:
        firing = place.tried.claim.id
        if self._places.get(firing) is not place:
            return
        phase, data, value = result
        # In this order, so that at no moment the job seems to be neither running nor finished.
        self._done(Ran(place.tried, phase, data, value, place.reason, place.began))
        del self._places[firing]
        self._scoreboard.clear(place.row)
        del self._in_flight.beside[firing]
        self._rows.append(place.row)
        self._threaded.discard(firing)
        self._wake()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.new_event_loop()
    except BaseException:
        # A job may have changed what makes loops.
        logger.exception("the event loop policy of a job's module makes no loop; Python's own loop is used")
        return asyncio.SelectorEventLoop()
