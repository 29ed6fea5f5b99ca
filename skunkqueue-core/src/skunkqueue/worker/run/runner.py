"""Runs the steps of an attempt: each in the main thread, or beside it where its job may run there.

A step goes the same way wherever it runs: it is called, judged, and either ends the attempt or is followed by the next.
"""

from __future__ import annotations

import logging
from contextvars import copy_context
from functools import partial

from skunkqueue.context import current
from skunkqueue.errors import DamagedPayloadError, JobNotFoundError
from skunkqueue.payload import AttemptState, decode_body, encode
from skunkqueue.records import Verdict
from skunkqueue.worker.attempt import DAMAGED, NEVER, NOT_READ, Attempt, Phase
from skunkqueue.worker.complete.refires import Refires
from skunkqueue.worker.complete.settler import Settler
from skunkqueue.worker.in_flight import KILL_AFTER
from skunkqueue.worker.judge import verdict
from skunkqueue.worker.judge.admission import Admission
from skunkqueue.worker.judge.failures import failure_of, kind_of
from skunkqueue.worker.judge.judge import Judge
from skunkqueue.worker.run import copies
from skunkqueue.worker.run.executor import Executor, Known
from skunkqueue.worker.run.interrupt import Interrupter
from skunkqueue.worker.run.job_context import WorkerContext
from skunkqueue.worker.run.lazy_async_executor import LazyAsyncExecutor
from skunkqueue.worker.run.reasons import LATE
from skunkqueue.worker.run.user_code import UserCode
from skunkqueue.worker.services import Services

logger = logging.getLogger("skunkqueue.worker")


class Runner:
    """For one worker; all but ``_ended_beside`` is called in the main thread."""

    def __init__(
        self,
        services: Services,
        executor: Executor,
        interrupter: Interrupter,
        *,
        async_executor: LazyAsyncExecutor,
        admission: Admission,
        judge: Judge,
        refires: Refires,
        settler: Settler,
        user_code: UserCode,
    ) -> None:
        self._in_flight = services.in_flight
        self._scoreboard = services.scoreboard
        self._worker = services.settings.id
        self._unknown_for = services.settings.unknown_jobs_for
        """Seconds for which a firing whose job is not known here is given back."""
        self._executor = executor
        self._interrupter = interrupter
        self._async_executor = async_executor
        self._admission = admission
        self._judge = judge
        self._refires = refires
        self._settler = settler
        self._user_code = user_code
        async_executor.done = self._ended_beside

    def note_fork(self) -> None:
        """Prepare a copy of this process, made by a job, to end when the job's code comes back in it."""
        self._interrupter.delivered = (None, "forked")
        copies.end_with_call()
        self._async_executor.note_fork()

    def run(self, attempt: Attempt) -> bool:
        """Run an attempt, or go on with it; False: there is no room for it beside other jobs now, and it is not taken."""
        if attempt.body is NOT_READ:
            claim = attempt.claim
            try:
                attempt.body = body = decode_body(claim.body)
            except DamagedPayloadError as error:
                attempt.body = DAMAGED
                self._judge.conclude(attempt, verdict.unreadable(claim, error))
                return True
            has_no_past = (
                claim.attempt_state is None
                and not claim.deaths
                and claim.expires is None
                and (body.schedule is None or self._refires.has(body.strategy))
                and not claim.kill_requested
                and not self._in_flight.kills
            )
            if not (has_no_past or self._admission.admit(attempt)):
                return True
        return self._run_steps(attempt)

    def save_step(self, attempt: Attempt) -> bool:
        """Have the store know how far a chain has come; False where the claim is lost."""
        outcome = verdict.outcome_of(
            attempt.claim, Verdict.ADVANCE, attempt_state=encode(attempt.attempt_state)
        )
        if self._settler.advance(attempt, outcome):
            return True
        attempt.outcome = outcome
        self._settler.refuse(attempt, "the store knows a newer claim")
        return False

    def _run_steps(self, attempt: Attempt) -> bool:
        """Run one step after the other, as long as they run in the main thread."""
        in_flight, executor, given = self._in_flight, self._executor, attempt.attempt_state
        while True:
            if attempt.unsaved and not self.save_step(attempt):
                return True
            # In full, as all that is done for each firing: a property costs a call.
            state, steps = attempt.attempt_state, attempt.body.steps
            step = steps[len(state.done)]
            context = WorkerContext(attempt, step.job, in_flight)
            current.set(context)
            known = executor.known(step.job) or self._found(attempt)
            if known is None:
                return True
            if known.beside:
                return self._run_beside(attempt, known, context, given)
            attempt.since = began = in_flight.monotonic()
            # Without a deadline: the clock of one that has a timeout starts when its code begins.
            attempt.deadline = NEVER
            if attempt.started is None:
                attempt.started = began
            claim = attempt.claim
            self._scoreboard.begin(0, claim.id, claim.token, 0.0, claim.deaths > 0)
            in_flight.running = attempt
            start = None if step.timeout is None else partial(self._start_clock, attempt, step.timeout)
            # In a context of its own, so that what it sets is not seen by the jobs after it.
            copy_context().run(executor.execute, attempt, step, known, start)
            in_flight.running = None
            if start is not None:
                # What follows, such as a call of the store, is not the job's time.
                self._scoreboard.begin(0, claim.id, claim.token, 0.0, claim.deaths > 0)
            attempt.took = in_flight.monotonic() - attempt.started
            attempt.began = attempt.started + in_flight.offset
            data = attempt.data
            if (
                data is None
                or self._interrupter.delivered is not None
                or in_flight.progress
                or in_flight.lost
            ):
                self._user_code.end_copy()
                attempt.reason = self._user_code.interrupted(attempt)
                if not self._counts(attempt):
                    return True
                data = attempt.data
            assert data is not None  # noqa: S101 - its result counts
            if len(state.done) + 1 == len(steps):
                self._judge.complete(attempt, data)
                return True
            attempt.next_step(data)

    def _run_beside(
        self, attempt: Attempt, known: Known, context: WorkerContext, given: AttemptState
    ) -> bool:
        """Begin a step beside the main thread; False: there is no room, and the attempt is as it was ``given``."""
        if self._async_executor.submit(attempt, known, context):
            return True
        if attempt.attempt_state is given:
            return False
        # Not back to its start, for its first steps are done.
        self._in_flight.between_steps.append(attempt)
        return True

    def _counts(self, attempt: Attempt) -> bool:
        """Return whether the result of a step counts; where not, its attempt has been concluded."""
        attempt.worker = self._worker
        # A job's last word on its progress is known before its outcome is.
        report = self._in_flight.progress.pop(attempt.ref, None)
        if report is not None:
            self._settler.report(attempt.ref, report)
        return self._judge.accepts(attempt)

    def _start_clock(self, attempt: Attempt, timeout: float) -> None:
        claim = attempt.claim
        attempt.since = began = self._in_flight.monotonic()
        attempt.deadline = deadline = began + timeout
        self._scoreboard.begin(0, claim.id, claim.token, deadline + KILL_AFTER, claim.deaths > 0)

    def _found(self, attempt: Attempt) -> Known | None:
        """Find a job, importing its module; where that fails, conclude the attempt and return ``None``.

        No time limit holds, but leases are kept, and its firing may be killed meanwhile.
        """
        in_flight, step = self._in_flight, attempt.step
        before = in_flight.monotonic()
        known: Known | None
        known, error, reason = self._user_code.call(attempt, NEVER, self._executor.find, step.job, step.at)
        now = in_flight.monotonic()
        if known is not None and reason is None:
            if attempt.started is not None:
                # The time of an import does not count for the job, in whichever step.
                attempt.started += now - before
            return known
        if reason is None and isinstance(error, JobNotFoundError) and error.elsewhere:
            ruling = verdict.unknown(attempt, error, in_flight.store_time(), self._unknown_for)
            if ruling is not None:
                self._judge.conclude(attempt, ruling)
                return None
        # An attempt all the same, though it took no time: a schedule goes on from when it was made.
        started = now if attempt.started is None else attempt.started
        attempt.began, attempt.took, attempt.worker = started + in_flight.offset, now - started, self._worker
        attempt.reason, attempt.phase, attempt.error = reason, Phase.FIND, error
        self._judge.accepts(attempt)
        return None

    # --- beside the main thread -------------------------------------------------------------------

    def _ended_beside(self, attempt: Attempt) -> None:
        """Take an attempt whose step has ended beside; on the event loop's thread, where nothing may be raised."""
        try:
            self._judge_beside(attempt)
        except BaseException as error:  # noqa: BLE001 - a fault of ours, or what nobody thought of in a job
            logger.error(  # noqa: TRY400 - the exception may be such as cannot be shown
                "a fault in concluding firing %s\n%s", attempt.claim.id, failure_of(error).traceback
            )
            attempt.began = None
            ruling = verdict.unruled(attempt, kind_of(error))._replace(error=error)
            self._judge.conclude(attempt, ruling)

    def _judge_beside(self, attempt: Attempt) -> None:
        in_flight = self._in_flight
        self._user_code.end_copy()
        if attempt.reason == LATE:
            self._judge.release(attempt)
            return
        if attempt.started is None and attempt.since != NEVER:
            attempt.started = attempt.since
        if attempt.started is not None:
            attempt.took = in_flight.monotonic() - attempt.started
            attempt.began = attempt.started + in_flight.offset
        data = attempt.data
        if not self._counts(attempt) or data is None:
            return
        if attempt.is_last_step:
            self._judge.complete(attempt, data)
        else:
            # To the main thread: the store is told first, which would hold up all that runs here.
            attempt.next_step(data)
            in_flight.between_steps.append(attempt)
