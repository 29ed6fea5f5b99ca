"""What becomes of each attempt: has it ruled on, and puts its outcome among what is to be settled.

Asks ``verdict``, and calls the job's own rules, which are the user's code. Runs no job.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from skunkqueue.application import FailedFiring
from skunkqueue.errors import (
    DamagedPayloadError,
    PayloadTooLargeError,
    WorkerDiedError,
)
from skunkqueue.payload import NO_ATTEMPT_STATE, Body, decode_attempt_state
from skunkqueue.policy import Policy
from skunkqueue.processes.log_values import duration
from skunkqueue.processes.scoreboard import Scoreboard
from skunkqueue.records import Claim, Verdict
from skunkqueue.serializers import DEFAULT_SERIALIZER, get_serializer
from skunkqueue.worker.application_handlers import ApplicationHandlers
from skunkqueue.worker.complete.settler import Settler
from skunkqueue.worker.in_flight import KILL_AFTER, NEVER, Finished, InFlight, Running, ref_of
from skunkqueue.worker.judge import verdict
from skunkqueue.worker.judge.failures import failure_of, kind_of, place_of
from skunkqueue.worker.judge.verdict import Ruling, Try
from skunkqueue.worker.run.executor import Executor, Phase, attempt
from skunkqueue.worker.run.interrupt import Interrupter

if TYPE_CHECKING:
    from skunkqueue.worker.run.async_executor import AsyncExecutor

logger = logging.getLogger("skunkqueue.worker")

RULING_LIMIT = 5.0
"""Seconds that a job's own rules (a backoff function, say) may take to answer."""


class Judge:
    """What the ``Runner`` of a worker does at the end of an attempt."""

    def __init__(
        self,
        executor: Executor,
        interrupter: Interrupter,
        in_flight: InFlight,
        *,
        settler: Settler,
        scoreboard: Scoreboard,
        worker: str,
        max_payload: int,
        application: ApplicationHandlers,
    ) -> None:
        self._executor = executor
        self._interrupter = interrupter
        self._in_flight = in_flight
        self._settler = settler
        self._scoreboard = scoreboard
        self._worker = worker
        self._max_payload = max_payload
        self._application = application
        self._pid = os.getpid()
        self.async_executor: AsyncExecutor | None = None

    def _release(self, claim: Claim, delay: float) -> None:
        self._in_flight.finished.append(Finished(claim, verdict.released(claim, delay), "a firing"))

    def _policy(self, tried: Try) -> Policy:
        """Return the rules of a job that was found; one that could not be has those of any job."""
        known = self._executor.known(tried.step.job)
        return Policy() if known is None else known.policy

    def _staged(
        self, claim: Claim, limit: float, function: Callable[..., Any], *arguments: Any
    ) -> tuple[Any, BaseException | None, str | None]:
        """Call what runs the user's code outside of the job itself, in the main thread, where it may be interrupted.

        Returns what ``attempt`` does, and why it was interrupted, if it was.
        """
        in_flight, interrupter = self._in_flight, self._interrupter
        began = in_flight.monotonic()
        deadline = began + limit
        self._scoreboard.begin(
            0, claim.id, claim.token, 0.0 if limit == NEVER else deadline + KILL_AFTER, claim.deaths > 0
        )
        in_flight.running = Running(claim, began, deadline)
        value, error = attempt(function, *arguments)
        in_flight.running = None
        self._end_copy()
        delivered, interrupter.delivered = interrupter.delivered, None
        reason = delivered[1] if delivered is not None and delivered[0] is claim else None
        return value, error, reason

    def _attempt_on_loop(
        self, claim: Claim, function: Callable[..., Any], *arguments: Any
    ) -> tuple[Any, BaseException | None]:
        """Call the same on the loop's thread, where nothing interrupts it: the pool ends the worker if it does not return."""
        row = None if self.async_executor is None else self.async_executor.row_of(claim.id)
        if row is not None:
            deadline = self._in_flight.monotonic() + RULING_LIMIT + KILL_AFTER
            self._scoreboard.begin(row, claim.id, claim.token, deadline, claim.deaths > 0)
        called = attempt(function, *arguments)
        self._end_copy()
        return called

    def _end_copy(self) -> None:
        """End this process if it is a copy that a job has made: it must not go on as a second worker."""
        if os.getpid() != self._pid:
            os._exit(1)

    def _went_well(self, tried: Try, data: bytes | None) -> bool:
        """Conclude an attempt that did not; True where the result counts."""
        self._end_copy()
        executor, interrupter = self._executor, self._interrupter
        error, executor.error = executor.error, None
        delivered, interrupter.delivered = interrupter.delivered, None
        reason = delivered[1] if delivered is not None and delivered[0] is tried.claim else None
        self._send_progress(tried.claim)
        return self._judge(tried, reason, executor.phase, None if data is not None else error)

    def _judge(
        self,
        tried: Try,
        reason: str | None,
        phase: Phase,
        error: BaseException | None,
        *,
        on_loop: bool = False,
    ) -> bool:
        """Conclude an attempt that failed or was interrupted; True: neither."""
        claim = tried.claim
        if ref_of(claim) in self._in_flight.lost:
            self._in_flight.lost.discard(ref_of(claim))
            logger.warning("the outcome of firing %s is dropped: its lease was lost", claim.id)
            return False
        if reason in verdict.ORDERED:
            ruling = verdict.interrupted(tried, reason)
        elif reason == verdict.TIMEOUT:
            call = partial(verdict.timed_out, tried, self._policy(tried), None, random.random)
            ruling = self._rule(tried, call, on_loop=on_loop)
        elif error is not None:
            ruling = self._rule(tried, partial(self._failed, tried, phase, error), on_loop=on_loop)
        else:
            return True
        if ruling.error is None and reason is None:
            ruling = ruling._replace(error=error)
        self._conclude(claim, ruling, tried.body.name, tried.body, tried.number, on_loop=on_loop)
        return False

    def _failed(self, tried: Try, phase: Phase, error: BaseException) -> Ruling:
        policy = self._policy(tried) if phase is Phase.CALL else None
        ruling = verdict.failed(tried, policy, phase, error, random.random)
        if logger.isEnabledFor(logging.DEBUG):
            # Not by exc_info, since the exception may be such as cannot be shown.
            logger.debug("firing %s raised\n%s", tried.claim.id, failure_of(error).traceback)
        place = place_of(error)
        return ruling._replace(note=f"{ruling.note} ({place})") if place else ruling

    def _rule(self, tried: Try, ruling: Callable[[], Ruling], *, on_loop: bool = False) -> Ruling:
        """Work out a ruling, which may run the user's code: backoff functions, and what exceptions say of themselves."""
        reason: str | None = None
        ruled: Ruling | None
        if on_loop:
            ruled, broken = self._attempt_on_loop(tried.claim, ruling)
        else:
            # What was to interrupt the attempt itself comes too late.
            self._interrupter.forget()
            ruled, broken, reason = self._staged(tried.claim, RULING_LIMIT, ruling)
        if reason in verdict.ORDERED:
            return verdict.interrupted(tried, reason)
        if ruled is None:
            return verdict.unruled(tried, "?" if broken is None else kind_of(broken))
        return ruled

    def _complete_chain(self, tried: Try, last: bytes, value: object, *, on_loop: bool = False) -> None:
        claim, body = tried.claim, tried.body
        parts = [*tried.attempt_state.done, last]
        result = get_serializer(DEFAULT_SERIALIZER).dumps(parts, "the results of the chain")
        if len(result) > self._max_payload:
            msg = f"the results of {body.name} have {len(result)} bytes together: at most {self._max_payload} are allowed"
            error = PayloadTooLargeError(msg)
            ruling = verdict.failed(tried, None, Phase.SAVE, error, random.random)
            self._conclude(claim, ruling, body.name, body, tried.number, on_loop=on_loop)
            return
        outcome = verdict.completed(claim, body, result, tried.began, tried.took)
        self._in_flight.finished.append(
            Finished(claim, outcome, body.name, value, None, body.schedule, tried.number)
        )

    def _conclude(
        self,
        claim: Claim,
        ruling: Ruling,
        name: str,
        body: Body | None = None,
        number: int = 1,
        *,
        on_loop: bool = False,
    ) -> None:
        """Put an outcome among the finished, and tell the application of a failure for good."""
        outcome, note, error = ruling
        if outcome.verdict is Verdict.ERROR and self._application.hears_failures:
            self._tell_failure(claim, name, number, error or WorkerDiedError(note), on_loop=on_loop)
        self._in_flight.kills.pop(claim.id, None)
        if outcome.verdict in (Verdict.RETRY, Verdict.SNOOZE) or outcome.delay:
            note = f"{note}; again in {duration(outcome.delay)}"
        schedule = None if body is None else body.schedule
        self._in_flight.finished.append(Finished(claim, outcome, name, None, note, schedule, number))

    def _tell_failure(
        self, claim: Claim, name: str, number: int, error: BaseException, *, on_loop: bool
    ) -> None:
        """Tell the application, whose code may be interrupted like a job's."""
        if _ends_in_deaths(claim):
            logger.error(
                "on_failure: not called for firing %s, since workers died when it was to end", claim.id
            )
            return
        failure = FailedFiring(claim.id, name, claim.queue, claim.route, number, error)
        if on_loop:
            self._attempt_on_loop(claim, self._application.failed, failure)
            return
        self._interrupter.forget()
        _, broken, _ = self._staged(claim, RULING_LIMIT, self._application.failed, failure)
        if broken is not None:
            logger.error("on_failure: it was interrupted for firing %s: %s", claim.id, kind_of(broken))

    def _send_progress(self, claim: Claim) -> None:
        """Let a job's last word on its progress be known before its outcome is."""
        report = self._in_flight.progress.pop(ref_of(claim), None)
        if report is not None:
            self._settler.report(ref_of(claim), report)


def _ends_in_deaths(claim: Claim) -> bool:
    try:
        return verdict.ends_in_deaths(claim, decode_attempt_state(claim.attempt_state))
    except DamagedPayloadError:
        return verdict.ends_in_deaths(claim, NO_ATTEMPT_STATE)
