"""Runs jobs beside the main thread, a bounded number at a time: async ones on an event loop, others on threads.

Opened when the first such job comes (``lazy_async_executor``). Knows nothing of stores. Whatever a job does to the event loop, each
firing on it ends, and the next one runs.
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
from typing import Any, NoReturn

from skunkqueue.context import JobContext, current
from skunkqueue.payload import Step
from skunkqueue.worker.attempt import NEVER, Attempt, Phase
from skunkqueue.worker.in_flight import KILL_AFTER
from skunkqueue.worker.judge.failures import failure_of
from skunkqueue.worker.run.copies import end_with_message_to
from skunkqueue.worker.run.executor import Executor, Known
from skunkqueue.worker.run.job_threads import Interruptible, JobThreads, run_to_end
from skunkqueue.worker.run.reasons import LATE
from skunkqueue.worker.services import Services

logger = logging.getLogger("skunkqueue.worker")


class _Job:
    """One job on the loop or on a thread."""

    __slots__ = ("attempt", "call", "context", "known", "row", "task")

    def __init__(self, attempt: Attempt, known: Known, context: JobContext) -> None:
        self.attempt = attempt
        self.row = attempt.row
        self.known = known
        self.context = context
        self.task: asyncio.Task[None] | None = None
        self.call: Interruptible | None = None
        """Of a job that is not async, on its thread."""


class _NothingReady:
    """Takes the place of the loop's queue in a copy of the process that a job made, and ends the copy there."""

    def __len__(self) -> int:
        return 0

    def append(self, _handle: object) -> None:
        """Do nothing."""

    def popleft(self) -> NoReturn:
        """End the copy."""
        os._exit(1)


class AsyncExecutor:
    """Runs as many jobs as there are rows, of which up to ``threads`` are not async, on threads of their own."""

    def __init__(self, services: Services, executor: Executor, *, done: Callable[[Attempt], None]) -> None:
        """``done`` raises nothing; it is called on the loop's thread when a job has ended."""
        self._executor = executor
        self._in_flight = services.in_flight
        self._scoreboard = services.scoreboard
        self._wake = services.wakeup.wake
        self._done = done
        self._rows = list(range(services.scoreboard.rows - 1, 0, -1))
        """Those that are free."""
        self._threads = JobThreads(services.settings.threads)
        self._threaded: set[int] = set()
        """Rows of jobs that have a thread, or are about to get one."""
        self._jobs: dict[int, _Job] = {}
        """By row, since a firing may run twice: one whose lease was lost, and again. Only the loop's thread changes it."""
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

    def submit(self, attempt: Attempt, known: Known, context: JobContext) -> None:
        """Begin a job; only the main thread calls it, and only while there is a free row."""
        attempt.row = self._rows.pop()
        attempt.since = attempt.deadline = NEVER
        if not known.is_async:
            self._threaded.add(attempt.row)
        self._in_flight.beside[attempt.row] = attempt
        job = _Job(attempt, known, context)
        self._do(lambda: self._begin(job))

    def row_of(self, attempt: Attempt) -> int | None:
        """Return a job's row on the scoreboard; ``None`` where it has not begun or has ended."""
        job = self._job_of(attempt)
        return None if job is None else job.row

    def cancel(self, attempt: Attempt, reason: str) -> None:
        """Cancel a job, if it still runs; from any thread."""
        job = self._job_of(attempt)
        if job is not None:
            self._do(lambda: self._cancel(job, reason))

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
        is_loops_own = threading.current_thread() is self._thread
        if not is_loops_own:
            # A loop of another make may not take it; then the copy ends only with its thread's call.
            with contextlib.suppress(AttributeError):
                end_with_message_to(loop)
        if hasattr(loop, "_ready") and hasattr(loop, "_selector"):
            loop._selector = selectors.SelectSelector()  # noqa: SLF001 - asyncio has no way of its own to leave a loop in a copy
            if is_loops_own:
                loop._ready = _NothingReady()  # noqa: SLF001 - as above
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
            # Only callbacks of jobs need it; and the policy that does it may be a job's, which may raise.
            with contextlib.suppress(BaseException):
                asyncio.set_event_loop(self._loop)
            try:
                self._loop.call_soon(self._do_errands)
                self._loop.run_forever()
            except BaseException as error:  # noqa: BLE001 - what a task of a job's own raises, such as SystemExit
                # Not by exc_info, since showing the exception may raise.
                logger.error(  # noqa: TRY400 - as above
                    "a job has stopped the event loop; it goes on\n%s", failure_of(error).traceback
                )
            if os.getpid() != self._pid:
                os._exit(1)
            if self._loop.is_closed():
                self._replace_loop()
        self._loop.close()

    def _replace_loop(self) -> None:
        """End what ran on a loop that a job has closed, and begin another. Jobs on threads go on."""
        self._loop = _new_loop()
        logger.error(
            "a job has closed the event loop: what ran on it ends as an error, and another takes its place"
        )
        for job in [job for job in self._jobs.values() if job.task is not None]:
            _fail(job.attempt, RuntimeError("a job has closed the event loop of its worker"))
            self._conclude(job)

    def _stop(self) -> None:
        self._loop.stop()

    def _begin(self, job: _Job) -> None:
        self._jobs[job.row] = job
        if not job.known.is_async:
            job.call = Interruptible()
            self._threads.submit(lambda: self._run_on_thread(job), len(self._threaded) - 1)
            return
        # A loop of a job's own making may lack these ways, and a job may have changed them.
        with contextlib.suppress(Exception):
            self._undo_changes()
        # Not by the loop's own way, which a job may change meanwhile.
        job.task = asyncio.Task(self._execute(job), loop=self._loop)
        job.task.add_done_callback(lambda task: self._ended(job, task))

    def _undo_changes(self) -> None:
        """Take back what a job has set for the whole loop: the jobs after it make tasks, and fail, in the usual way."""
        loop = self._loop
        if loop.get_task_factory() is not None:
            loop.set_task_factory(None)
        if loop.get_exception_handler() is not None:
            loop.set_exception_handler(None)

    def _job_of(self, attempt: Attempt) -> _Job | None:
        job = self._jobs.get(attempt.row)
        return job if job is not None and job.attempt is attempt else None

    def _cancel(self, job: _Job, reason: str) -> None:
        if self._jobs.get(job.row) is not job:
            return
        if job.task is not None:
            # False: it has ended, and is about to be concluded.
            if job.task.cancel(reason):
                job.attempt.reason = reason
        elif job.call is not None and job.call.interrupt(reason):
            job.attempt.reason = reason

    def _run_on_thread(self, job: _Job) -> None:
        assert job.call is not None  # noqa: S101 - _begin has set it
        try:
            job.call.call(copy_context(), lambda: run_to_end(self._execute(job)))
        except BaseException as error:  # noqa: BLE001 - it was interrupted on its way in or out
            _fail(job.attempt, error)
        if os.getpid() != self._pid:
            # A copy of the process, made by the job: it must not go on as a second worker.
            os._exit(1)
        self._do(lambda: self._conclude(job))

    async def _execute(self, job: _Job) -> None:
        attempt = job.attempt
        claim = attempt.claim
        if self._in_flight.is_late:
            attempt.reason = LATE
            return
        current.set(job.context)
        self._scoreboard.begin(job.row, claim.id, claim.token, 0.0, claim.deaths > 0)
        attempt.since = self._in_flight.monotonic()
        step = attempt.step
        await self._executor.execute_beside(attempt, step, job.known, lambda: self._start_clock(job, step))

    def _start_clock(self, job: _Job, step: Step) -> None:
        """Begin to count a job's time limit: its own code is about to begin."""
        if step.timeout is None:
            return
        attempt, claim = job.attempt, job.attempt.claim
        attempt.since = began = self._in_flight.monotonic()
        attempt.deadline = deadline = began + step.timeout
        # Where a job blocks the loop, the pool keeps the deadline.
        self._scoreboard.begin(job.row, claim.id, claim.token, deadline + KILL_AFTER, claim.deaths > 0)

    def _ended(self, job: _Job, task: asyncio.Task[None]) -> None:
        try:
            task.result()
        except BaseException as error:  # noqa: BLE001 - it was cancelled before it began
            _fail(job.attempt, error)
        self._conclude(job)

    def _conclude(self, job: _Job) -> None:
        claim = job.attempt.claim
        if self._jobs.get(job.row) is not job:
            return
        # What follows, such as a call of the store, is not the job's time.
        job.attempt.deadline = NEVER
        self._scoreboard.begin(job.row, claim.id, claim.token, 0.0, claim.deaths > 0)
        # In this order, so that at no moment the job seems to be neither running nor finished. The next step of a
        # chain may begin in another row before this one is free.
        self._done(job.attempt)
        del self._jobs[job.row]
        self._scoreboard.clear(job.row)
        del self._in_flight.beside[job.row]
        self._threaded.discard(job.row)
        self._rows.append(job.row)
        self._wake()


def _fail(attempt: Attempt, error: BaseException) -> None:
    attempt.phase, attempt.data, attempt.error = Phase.CALL, None, error


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.new_event_loop()
    except BaseException:
        # A job may have changed what makes loops.
        logger.exception("the event loop policy of a job's module makes no loop; Python's own loop is used")
        return asyncio.SelectorEventLoop()
