"""Decides whether a claim may run, by its past: deaths, kills, expiry, a schedule that this worker cannot plan."""

from __future__ import annotations

import logging
import random
from functools import partial

from skunkqueue.errors import BackendError, DamagedPayloadError
from skunkqueue.payload import decode_attempt_state
from skunkqueue.records import Claim
from skunkqueue.worker.attempt import NEVER, Attempt
from skunkqueue.worker.complete.refires import Refires
from skunkqueue.worker.complete.settler import Settler
from skunkqueue.worker.judge import evidence, verdict
from skunkqueue.worker.judge.judge import Judge
from skunkqueue.worker.judge.verdict import Ruling
from skunkqueue.worker.run.executor import Executor
from skunkqueue.worker.run.lazy_async_executor import LazyAsyncExecutor
from skunkqueue.worker.run.reasons import KILL, ORDERED
from skunkqueue.worker.run.user_code import UserCode
from skunkqueue.worker.services import Services

logger = logging.getLogger("skunkqueue.worker")

_SUSPECT_DELAY = 0.5
"""Seconds for which such a firing is put off."""


class Admission:
    """For one worker's main thread."""

    def __init__(
        self,
        services: Services,
        judge: Judge,
        executor: Executor,
        *,
        user_code: UserCode,
        refires: Refires,
        settler: Settler,
        async_executor: LazyAsyncExecutor,
    ) -> None:
        self._in_flight = services.in_flight
        self._worker = services.settings.id
        self._judge = judge
        self._executor = executor
        self._user_code = user_code
        self._refires = refires
        self._settler = settler
        self._async_executor = async_executor

    def admit(self, attempt: Attempt) -> bool:
        """Look at a firing's past; False: it must not run, and its attempt has been concluded."""
        claim, body = attempt.claim, attempt.body
        try:
            state = decode_attempt_state(claim.attempt_state)
            if len(state.done) >= len(body.steps):
                msg = f"a firing's attempt state has {len(state.done)} steps done of {len(body.steps)}: it is damaged"
                raise DamagedPayloadError(msg)  # noqa: TRY301 - it is one with an attempt state that cannot be read
        except DamagedPayloadError as error:
            self._judge.conclude(attempt, verdict.unreadable(claim, error))
            return False
        if self._is_for_others(attempt):
            self._judge.release(attempt, self._refires.delay_for_others(body.schedule or "", claim.id))
            return False
        attempt.attempt_state = state
        attempt.number = evidence.attempt_number(claim, state)
        attempt.worker = self._worker
        ruling = self._forestall(attempt)
        if ruling is not None:
            self._judge.conclude(attempt, ruling)
            return False
        if claim.deaths and self._must_wait(claim):
            self._judge.release(attempt, _SUSPECT_DELAY)
            return False
        return not claim.deaths or self._may_begin(attempt)

    def _must_wait(self, claim: Claim) -> bool:
        """Return whether a firing under which a worker died, or whose lease ended, must not run beside what runs now."""
        beside = self._in_flight.beside.copy().values()
        # Of two that killed workers before, only one runs at a time: otherwise it would not be known which did it again.
        # And one whose lease ended while it ran here, as it did where this process was stopped, is interrupted first.
        return any(one.claim.deaths or one.claim.id == claim.id for one in beside)

    def _may_begin(self, attempt: Attempt) -> bool:
        """Have the store know that a firing with a past begins; where it does not answer, the firing must not."""
        claim = attempt.claim
        known = self._executor.known(attempt.step.job)
        if known is not None and known.beside and not self._async_executor.has_room(known):
            # It does not begin yet.
            return True
        try:
            if self._settler.begin(attempt, self._in_flight.lease):
                return True
        except BackendError as error:
            logger.warning("firing %s is given back: its beginning cannot be noted: %s", claim.id, error)
            self._judge.release(attempt)
        else:
            logger.warning("firing %s, claim %d, is not begun: its lease is lost", claim.id, claim.token)
        return False

    def _is_for_others(self, attempt: Attempt) -> bool:
        """Return whether this is a run of a schedule whose next run this worker cannot plan."""
        claim, body = attempt.claim, attempt.body
        if body.schedule is None or claim.kill_requested or claim.id in self._in_flight.kills:
            return False
        return self._refires.lacks(body.schedule, body.strategy, claim)

    def _forestall(self, attempt: Attempt) -> Ruling | None:
        """Rule on a firing that must not run (any more)."""
        claim, step = attempt.claim, attempt.step
        ruling = verdict.before(attempt)
        if ruling is not None:
            return ruling
        if claim.id in self._in_flight.kills:
            return verdict.interrupted(attempt, KILL)
        death = evidence.unseen_timeout(claim, attempt.attempt_state)
        if death is None:
            return None
        attempt.began, attempt.took, attempt.worker = death.claimed, step.timeout or 0.0, death.worker
        if self._executor.known(step.job) is None:
            _, _, reason = self._user_code.call(attempt, NEVER, self._executor.find, step.job, step.at)
            if reason in ORDERED:
                return verdict.interrupted(attempt, reason)
        # If the job's own rules are what does not return, they are not asked again.
        policy = (
            None if evidence.ends_in_deaths(claim, attempt.attempt_state) else self._judge.policy(attempt)
        )
        return self._judge.rule(attempt, partial(verdict.timed_out, attempt, policy, death, random.random))
