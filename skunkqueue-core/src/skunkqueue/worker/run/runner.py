"""From a claim to what is to be settled: looks at a firing's past, and runs its steps.

Calls the job through ``execute``. What becomes of it is the business of ``conclusions``. Does not claim.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from skunkqueue.context import current
from skunkqueue.errors import BackendError, DamagedPayloadError, JobNotFoundError
from skunkqueue.payload import NO_ATTEMPT_STATE, AttemptState, Body, decode_attempt_state, decode_body, encode
from skunkqueue.processes.scoreboard import Scoreboard
from skunkqueue.records import Claim, Verdict
from skunkqueue.worker.application_handlers import ApplicationHandlers
from skunkqueue.worker.complete.refires import Refires
from skunkqueue.worker.complete.settler import Settler
from skunkqueue.worker.in_flight import KILL_AFTER, NEVER, Finished, InFlight, Midway, Running
from skunkqueue.worker.judge import verdict
from skunkqueue.worker.judge.failures import failure_of, kind_of
from skunkqueue.worker.judge.judge import Judge
from skunkqueue.worker.judge.verdict import Ruling, Try
from skunkqueue.worker.run.executor import Executor, Known, Phase
from skunkqueue.worker.run.interrupt import Interrupter
from skunkqueue.worker.run.job_context import WorkerContext

if TYPE_CHECKING:
    from skunkqueue.worker.run.async_executor import AsyncExecutor, Ran

logger = logging.getLogger("skunkqueue.worker")

_SUSPECT_DELAY = 0.5


class Runner(Judge):
    """For one worker; all but ``ended_async`` is called in the main thread."""

    def __init__(
        self,
        executor: Executor,
        interrupter: Interrupter,
        in_flight: InFlight,
        *,
        settler: Settler,
        refires: Refires,
        scoreboard: Scoreboard,
        worker: str,
        unknown_for: float,
        max_payload: int,
        application: ApplicationHandlers,
        open_async_executor: Callable[[], AsyncExecutor],
    ) -> None:
        super().__init__(
            executor,
            interrupter,
            in_flight,
            settler=settler,
            scoreboard=scoreboard,
            worker=worker,
            max_payload=max_payload,
            application=application,
        )
        self._refires = refires
        self._unknown_for = unknown_for
        """Seconds for which a firing whose job is not known here is given back."""
        self._open_async_executor = open_async_executor

    def note_fork(self) -> None:
        """Prepare a copy of this process, made by a job, to end when the job's code comes back in it."""
        self._interrupter.delivered = (None, "forked")
        if self.async_executor is not None:
            self.async_executor.note_fork()

    def run(self, claim: Claim) -> bool:
        """Run a claim, or begin to; False: there is no room for it on the event loop now."""
        try:
            body = decode_body(claim.body)
        except DamagedPayloadError as error:
            self._conclude(claim, verdict.unreadable(claim, error), "a damaged firing")
            return True
        in_flight = self._in_flight
        if (
            claim.attempt_state is None
            and not claim.deaths
            and claim.expires is None
            and (body.schedule is None or self._refires.has(body.strategy))
            and not claim.kill_requested
            and not in_flight.kills
        ):
            return self._steps(claim, body, NO_ATTEMPT_STATE, 1)
        attempt_state = self._admit(claim, body)
        return attempt_state is None or self._steps(
            claim, body, attempt_state, verdict.attempt_number(claim, attempt_state)
        )

    def resume(self, midway: Midway) -> bool:
        """Go on with a chain; False as in ``run``, and it is not taken."""
        claim, body, attempt_state, began = midway
        number = verdict.attempt_number(claim, attempt_state)
        return self._steps(claim, body, attempt_state, number, began)

    def advance(self, claim: Claim, attempt_state: AttemptState) -> bool:
        """Save how far a chain has come; False where the claim is lost."""
        outcome = verdict.outcome_of(claim, Verdict.ADVANCE, attempt_state=encode(attempt_state))
        if self._settler.advance(outcome):
            return True
        self._settler.refuse(Finished(claim, outcome, ""), "the store knows a newer claim")
        return False

    # --- before the job ---------------------------------------------------------------------------

    def _admit(self, claim: Claim, body: Body) -> AttemptState | None:
        """Look at a firing's past; ``None``: it must not run, and that has been concluded."""
        try:
            attempt_state = _attempt_state_of(claim, body)
        except DamagedPayloadError as error:
            self._conclude(claim, verdict.unreadable(claim, error), body.name, body)
            return None
        if self._is_for_others(claim, body):
            self._release(claim, self._refires.delay_for_others(body.schedule or "", claim.id))
            return None
        number = verdict.attempt_number(claim, attempt_state)
        tried = Try(claim, body, attempt_state, number, worker=self._worker)
        ruling = self._forestall(tried)
        if ruling is not None:
            self._conclude(claim, ruling, body.name, body, number)
            return None
        if claim.deaths and self.async_executor is not None and self.async_executor.has_suspect:
            # Two that killed workers before are not run beside each other: if one does it again, it
            # would not be known which.
            self._release(claim, _SUSPECT_DELAY)
            return None
        return attempt_state if not claim.deaths or self._may_begin(tried) else None

    def _may_begin(self, tried: Try) -> bool:
        """Have the store know that a firing with a past begins; where it does not answer, the firing must not."""
        claim, async_executor = tried.claim, self.async_executor
        known = self._executor.known(tried.step.job)
        if (
            known is not None
            and known.beside
            and async_executor is not None
            and not async_executor.has_room(known)
        ):
            # It does not begin yet.
            return True
        try:
            if self._settler.begin(claim, self._in_flight.lease):
                return True
        except BackendError as error:
            logger.warning("firing %s is given back: its beginning cannot be noted: %s", claim.id, error)
            self._release(claim, 0.0)
        else:
            logger.warning("firing %s, claim %d, is not begun: its lease is lost", claim.id, claim.token)
        return False

    def _is_for_others(self, claim: Claim, body: Body) -> bool:
        """Say whether this is a schedule's run whose next this worker cannot plan; also if it must not run."""
        if body.schedule is None or claim.kill_requested or claim.id in self._in_flight.kills:
            return False
        return self._refires.lacks(body.schedule, body.strategy, claim)

    def _forestall(self, tried: Try) -> Ruling | None:
        """Rule on a firing that must not run (any more)."""
        claim = tried.claim
        ruling = verdict.before(claim, tried.body, tried.attempt_state)
        if ruling is not None:
            return ruling
        if claim.id in self._in_flight.kills:
            return verdict.interrupted(tried, verdict.KILL)
        death = verdict.unseen_timeout(claim, tried.attempt_state)
        if death is None:
            return None
        tried = tried._replace(took=tried.step.timeout or 0.0, worker=death.worker)
        if self._executor.known(tried.step.job) is None:
            _, _, reason = self._staged(claim, NEVER, self._executor.find, tried.step.job, tried.step.at)
            if reason in verdict.ORDERED:
                return verdict.interrupted(tried, reason)
        # Where the job's own rules are what does not return, they are not asked again.
        policy = None if verdict.ends_in_deaths(claim, tried.attempt_state) else self._policy(tried)
        return self._rule(tried, partial(verdict.timed_out, tried, policy, death, random.random))

    # --- the job ----------------------------------------------------------------------------------

    def _steps(  # noqa: C901 - the hot path in one piece, since every call in it costs
        self, claim: Claim, body: Body, attempt_state: AttemptState, number: int, first: float | None = None
    ) -> bool:
        in_flight, executor = self._in_flight, self._executor
        steps = body.steps
        given = attempt_state
        while True:
            step = steps[len(attempt_state.done)]
            context = WorkerContext(claim, number, step.job, in_flight)
            current.set(context)
            known = executor.known(step.job)
            if known is None:
                before = in_flight.monotonic()
                known = self._found(Try(claim, body, attempt_state, number, first))
                if known is None:
                    return True
                if first is not None:
                    # Importing is no time of the job's, in whichever step.
                    first += in_flight.monotonic() - before
            if known.beside:
                tried = Try(claim, body, attempt_state, number, first)
                return self._to_async_executor(tried, known, context) or self._put_aside(tried, given)
            began = in_flight.monotonic()
            if first is None:
                first = began
            # Without a deadline: the clock of one that has a timeout starts when its code begins.
            self._scoreboard.begin(0, claim.id, claim.token, 0.0, claim.deaths > 0)
            in_flight.running = Running(claim, began, NEVER)
            start = None if step.timeout is None else partial(self._start_clock, claim, step.timeout)
            # In a context of its own, so that what it sets is not seen by the jobs after it.
            previous = verdict.previous_of(body, attempt_state) if step.previous else None
            data = copy_context().run(executor.execute, step, known, start, previous)
            in_flight.running = None
            took = in_flight.monotonic() - first
            if (
                data is None
                or self._interrupter.delivered is not None
                or in_flight.progress
                or in_flight.lost
            ):
                tried = Try(claim, body, attempt_state, number, first + in_flight.offset, took, self._worker)
                if not self._went_well(tried, data):
                    return True
            assert data is not None  # noqa: S101 - _went_well says so
            if len(attempt_state.done) + 1 < len(steps):
                attempt_state = _one_further(attempt_state, data)
                if not self.advance(claim, attempt_state):
                    return True
                number = verdict.attempt_number(claim, attempt_state)
                continue
            if len(steps) > 1:
                tried = Try(claim, body, attempt_state, number, first + in_flight.offset, took, self._worker)
                self._complete_chain(tried, data, executor.value)
                return True
            outcome = verdict.completed(claim, body, data, first + in_flight.offset, took)
            in_flight.finished.append(
                Finished(claim, outcome, step.job, executor.value, None, body.schedule, number)
            )
            return True

    def _start_clock(self, claim: Claim, timeout: float) -> None:
        began = self._in_flight.monotonic()
        deadline = began + timeout
        self._scoreboard.begin(0, claim.id, claim.token, deadline + KILL_AFTER, claim.deaths > 0)
        self._in_flight.running = Running(claim, began, deadline)

    def _found(self, tried: Try) -> Known | None:
        """Find a job, importing its module; where that fails, conclude the attempt and return ``None``.

        No time limit holds, but leases are kept, and its firing may be killed meanwhile.
        """
        known: Known | None
        known, error, reason = self._staged(
            tried.claim, NEVER, self._executor.find, tried.step.job, tried.step.at
        )
        if known is not None and reason is None:
            return known
        if reason is None and isinstance(error, JobNotFoundError) and error.elsewhere:
            ruling = verdict.unknown(tried, error, self._in_flight.store_time(), self._unknown_for)
            if ruling is not None:
                self._conclude(tried.claim, ruling, tried.body.name, tried.body, tried.number)
                return None
        # An attempt all the same, though it took no time: a schedule goes on from when it was made.
        now = self._in_flight.monotonic()
        first = now if tried.began is None else tried.began
        tried = tried._replace(began=first + self._in_flight.offset, took=now - first, worker=self._worker)
        self._judge(tried, reason, Phase.FIND, error)
        return None

    # --- the event loop ---------------------------------------------------------------------------

    def _put_aside(self, tried: Try, given: AttemptState) -> bool:
        """Keep a chain that has come further and finds no room; not back to its start, for its steps are done."""
        if tried.attempt_state is given:
            return False
        self._in_flight.midway.append(
            Midway(tried.claim, tried.body, tried.attempt_state, tried.began or 0.0)
        )
        return True

    def _to_async_executor(self, tried: Try, known: Known, context: WorkerContext) -> bool:
        async_executor = self.async_executor
        if async_executor is None:
            async_executor = self.async_executor = self._open_async_executor()
        if not async_executor.has_room(known):
            return False
        async_executor.submit(tried, known, context)
        return True

    def ended_async(self, ran: Ran) -> None:
        """Take what came of an async step; on the loop's thread, where nothing may be raised."""
        try:
            self._ended_async(ran)
        except BaseException as error:  # noqa: BLE001 - a fault of ours, or what nobody thought of in a job
            logger.error(  # noqa: TRY400 - the exception may be such as cannot be shown
                "a fault in concluding firing %s\n%s", ran.tried.claim.id, failure_of(error).traceback
            )
            tried = ran.tried._replace(began=None)
            ruling = verdict.unruled(tried, kind_of(error))._replace(error=error)
            self._conclude(tried.claim, ruling, tried.body.name, tried.body, tried.number, on_loop=True)

    def _ended_async(self, ran: Ran) -> None:
        in_flight = self._in_flight
        self._end_copy()
        tried, phase, data, value, reason = ran.tried, ran.phase, ran.data, ran.value, ran.reason
        if reason == verdict.LATE:
            self._release(tried.claim, 0.0)
            return
        first = tried.began if tried.began is not None else ran.began
        if first is not None:
            took = in_flight.monotonic() - first
            tried = tried._replace(began=first + in_flight.offset, took=took)
        tried = tried._replace(worker=self._worker)
        self._send_progress(tried.claim)
        error = value if isinstance(value, BaseException) and data is None else None
        if self._judge(tried, reason, phase, error, on_loop=True) and data is not None:
            if len(tried.attempt_state.done) + 1 < len(tried.body.steps):
                attempt_state = _one_further(tried.attempt_state, data)
                in_flight.midway.append(Midway(tried.claim, tried.body, attempt_state, first or 0.0))
            elif len(tried.body.steps) > 1:
                self._complete_chain(tried, data, value, on_loop=True)
            else:
                outcome = verdict.completed(tried.claim, tried.body, data, tried.began, tried.took)
                schedule = tried.body.schedule
                in_flight.finished.append(
                    Finished(tried.claim, outcome, tried.body.name, value, None, schedule, tried.number)
                )


def _attempt_state_of(claim: Claim, body: Body) -> AttemptState:
    attempt_state = decode_attempt_state(claim.attempt_state)
    if len(attempt_state.done) >= len(body.steps):
        msg = f"a firing's attempt state has {len(attempt_state.done)} steps done of {len(body.steps)}: it is damaged"
        raise DamagedPayloadError(msg)
    return attempt_state


def _one_further(attempt_state: AttemptState, data: bytes) -> AttemptState:
    return msgspec.structs.replace(
        attempt_state, failures=0, done=(*attempt_state.done, data), unknown_since=0.0, unknowns=0
    )
