"""Decides what follows from an attempt, and puts it among what is to be settled.

Asks ``verdict``, and calls the job's own rules, which are the user's code. Runs no job, and talks to no store.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from functools import partial

from skunkqueue.application import FailedFiring
from skunkqueue.errors import DamagedPayloadError, PayloadTooLargeError, WorkerDiedError
from skunkqueue.payload import NO_ATTEMPT_STATE, decode_attempt_state
from skunkqueue.policy import Policy
from skunkqueue.processes.log_values import duration
from skunkqueue.records import Claim, Verdict
from skunkqueue.serializers import DEFAULT_SERIALIZER, get_serializer
from skunkqueue.worker.application_handlers import ApplicationHandlers
from skunkqueue.worker.attempt import Attempt, Phase
from skunkqueue.worker.judge import evidence, verdict
from skunkqueue.worker.judge.failures import failure_of, kind_of, place_of
from skunkqueue.worker.judge.verdict import Ruling
from skunkqueue.worker.run.executor import Executor
from skunkqueue.worker.run.reasons import ORDERED, TIMEOUT
from skunkqueue.worker.run.user_code import CALL_LIMIT, UserCode
from skunkqueue.worker.services import Services

logger = logging.getLogger("skunkqueue.worker")


class Judge:
    """For one worker. Called in the main thread and, where an attempt ended there, on the event loop's thread."""

    def __init__(
        self,
        services: Services,
        executor: Executor,
        user_code: UserCode,
        application: ApplicationHandlers,
        *,
        max_payload: int,
    ) -> None:
        self._in_flight = services.in_flight
        self._executor = executor
        self._user_code = user_code
        self._application = application
        self._max_payload = max_payload

    def accepts(self, attempt: Attempt) -> bool:
        """Return whether the result of a step counts; where it failed or was interrupted, conclude the attempt."""
        in_flight, reason, error = self._in_flight, attempt.reason, attempt.error
        if in_flight.lost and attempt.ref in in_flight.lost:
            in_flight.lost.discard(attempt.ref)
            logger.warning("the outcome of firing %s is dropped: its lease was lost", attempt.claim.id)
            _free(attempt)
            return False
        if reason in ORDERED:
            ruling = verdict.interrupted(attempt, reason)
        elif reason == TIMEOUT:
            call = partial(verdict.timed_out, attempt, self.policy(attempt), None, random.random)
            ruling = self.rule(attempt, call)
        elif error is not None:
            ruling = self.rule(attempt, partial(self._failed, attempt, error))
        else:
            return True
        if ruling.error is None and reason is None:
            ruling = ruling._replace(error=error)
        self.conclude(attempt, ruling)
        return False

    def complete(self, attempt: Attempt, data: bytes) -> None:
        """Conclude an attempt whose last step ended well, with this result."""
        if len(attempt.body.steps) > 1:
            parts = [*attempt.attempt_state.done, data]
            data = get_serializer(DEFAULT_SERIALIZER).dumps(parts, "the results of the chain")
            if len(data) > self._max_payload:
                self._refuse(attempt, len(data))
                return
        if self._in_flight.kills:
            # It came too late; the firing may be requeued.
            self._in_flight.kills.pop(attempt.claim.id, None)
        attempt.outcome = verdict.completed(attempt, data)
        attempt.schedule = attempt.body.schedule
        self._in_flight.finished.append(attempt)

    def conclude(self, attempt: Attempt, ruling: Ruling) -> None:
        """Conclude an attempt in another way, and tell the application of a failure for good."""
        outcome, note, error = ruling
        if outcome.verdict is Verdict.ERROR and self._application.hears_failures:
            self._tell_failure(attempt, error or WorkerDiedError(note))
        self._in_flight.kills.pop(attempt.claim.id, None)
        if outcome.verdict in (Verdict.RETRY, Verdict.SNOOZE) or outcome.delay:
            note = f"{note}; again in {duration(outcome.delay)}"
        attempt.outcome, attempt.note, attempt.schedule = outcome, note, attempt.body.schedule
        _free(attempt)
        self._in_flight.finished.append(attempt)

    def release(self, attempt: Attempt, delay: float = 0.0) -> None:
        """Give a claim back whose job did not begin; nothing counts."""
        attempt.outcome = verdict.released(attempt.claim, delay)
        self._in_flight.finished.append(attempt)

    def policy(self, attempt: Attempt) -> Policy:
        """Return the rules of a job that was found; one that could not be has those of any job."""
        known = self._executor.known(attempt.step.job)
        return Policy() if known is None else known.policy

    def rule(self, attempt: Attempt, ruling: Callable[[], Ruling]) -> Ruling:
        """Work out a ruling, which may run the user's code: backoff functions, and what exceptions say of themselves."""
        self._user_code.forget_interrupts(attempt)
        ruled: Ruling | None
        ruled, broken, reason = self._user_code.call(attempt, CALL_LIMIT, ruling)
        if reason in ORDERED:
            return verdict.interrupted(attempt, reason)
        if ruled is None:
            return verdict.unruled(attempt, "?" if broken is None else kind_of(broken))
        return ruled

    def _failed(self, attempt: Attempt, error: BaseException) -> Ruling:
        policy = self.policy(attempt) if attempt.phase is Phase.CALL else None
        ruling = verdict.failed(attempt, policy, attempt.phase, error, random.random)
        if logger.isEnabledFor(logging.DEBUG):
            # Not by exc_info, since showing the exception may raise.
            logger.debug("firing %s raised\n%s", attempt.claim.id, failure_of(error).traceback)
        place = place_of(error)
        return ruling._replace(note=f"{ruling.note} ({place})") if place else ruling

    def _refuse(self, attempt: Attempt, size: int) -> None:
        msg = f"the results of {attempt.name} have {size} bytes together: at most {self._max_payload} are allowed"
        error = PayloadTooLargeError(msg)
        self.conclude(attempt, verdict.failed(attempt, None, Phase.SAVE, error, random.random))

    def _tell_failure(self, attempt: Attempt, error: BaseException) -> None:
        """Tell the application, whose code may be interrupted like a job's."""
        claim = attempt.claim
        if _ends_in_deaths(claim):
            logger.error(
                "on_failure: not called for firing %s, since workers died when it was to end", claim.id
            )
            return
        failure = FailedFiring(claim.id, attempt.name, claim.queue, claim.route, attempt.number, error)
        self._user_code.forget_interrupts(attempt)
        _, broken, _ = self._user_code.call(attempt, CALL_LIMIT, self._application.failed, failure)
        if broken is not None:
            logger.error("on_failure: it was interrupted for firing %s: %s", claim.id, kind_of(broken))


def _free(attempt: Attempt) -> None:
    """Keep nothing of the job's own: a traceback has what was in its variables, and the attempt in turn."""
    attempt.value = attempt.error = None


def _ends_in_deaths(claim: Claim) -> bool:
    try:
        return evidence.ends_in_deaths(claim, decode_attempt_state(claim.attempt_state))
    except DamagedPayloadError:
        return evidence.ends_in_deaths(claim, NO_ATTEMPT_STATE)
