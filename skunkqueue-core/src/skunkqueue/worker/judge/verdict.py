"""Works out the outcome of an attempt from its job's policy and from what happened. Pure: knows no store, no clock.

Only a failure of the job uses up its retries. Deaths of workers are counted apart. Releases and snoozes are not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from skunkqueue.errors import (
    DamagedPayloadError,
    Interrupted,
    JobNotFoundError,
    JobTimeoutError,
    WorkerDiedError,
)
from skunkqueue.payload import Attempt as PastAttempt
from skunkqueue.payload import AttemptState, Failure, encode
from skunkqueue.policy import Policy
from skunkqueue.processes.log_values import duration
from skunkqueue.records import Claim, Death, Outcome, Verdict
from skunkqueue.worker.attempt import Attempt, Phase
from skunkqueue.worker.judge.evidence import CAUSES, MAX_DEATHS, describe_death, read_evidence
from skunkqueue.worker.judge.failures import cause_of, failure_of, kind_of, message_of
from skunkqueue.worker.judge.retrying import asks_again, delay_of, may_retry, snoozes
from skunkqueue.worker.run.reasons import GIVE_BACK, KILL, ROUGH

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds for which a firing is put off whose job this worker does not know; doubled each time."""
NO_RESULT_TTL = 60.0
"""Seconds for which a complete firing without a result is kept, for those who wait for it."""
_KILLED = {KILL: "it was killed by request", ROUGH: "its worker was stopped roughly"}
_NOTE_LENGTH = 300


class Ruling(NamedTuple):
    """An outcome, and what the log says of it."""

    outcome: Outcome
    note: str
    error: BaseException | None = None
    """What made the firing fail for good; ``None``: only the note says it."""


def before(attempt: Attempt) -> Ruling | None:
    """Rule on a claim that must not run (any more); ``None``: it may."""
    claim, attempt_state = attempt.claim, attempt.attempt_state
    if claim.kill_requested:
        return _killed(claim, KILL, None, 0.0)
    deaths = read_evidence(claim) if claim.deaths else []
    if any(death.cause == "rough" for death in deaths[attempt_state.seen_deaths :]):
        return _killed(claim, ROUGH, None, 0.0)
    if (
        claim.expires is not None
        and claim.expires < claim.claimed
        and _known(attempt_state) == _NEVER_RUN
        and not deaths
    ):
        note = f"it expired {duration(claim.claimed - claim.expires)} before a worker could begin it"
        return Ruling(_final(attempt, Verdict.EXPIRED, Failure("Expired", note)), note)
    # A lease that ended before the job was known to have begun is not evidence against the job.
    real = [death for death in deaths if death.cause in CAUSES and death.begun]
    if len(real) >= MAX_DEATHS:
        what = "it lost its worker" if any(death.cause == "lease" for death in real) else "its worker died"
        note = f"{what} {len(real)} times while it ran: {'; '.join(map(describe_death, real))}"
        outcome = _final(attempt, Verdict.ERROR, Failure(WorkerDiedError.__name__, note))
        return Ruling(outcome, note, WorkerDiedError(note))
    return None


def unknown(attempt: Attempt, error: JobNotFoundError, now: float, patience: float) -> Ruling | None:
    """Rule on an attempt whose job this worker does not know: another may; ``None``: that has lasted too long.

    ``now``: store's time; ``patience``: seconds.
    """
    attempt_state = attempt.attempt_state
    since = attempt_state.unknown_since or now
    left = patience - (now - since)
    if left <= 0:
        return None
    attempt_state = msgspec.structs.replace(
        attempt_state, unknown_since=since, unknowns=attempt_state.unknowns + 1
    )
    delay = min(FIRST_PAUSE * 2.0 ** min(attempt_state.unknowns - 1, 10), LONGEST_PAUSE, left)
    failure = Failure(kind_of(error), str(error))
    outcome = outcome_of(
        attempt.claim, Verdict.RELEASE, attempt_state=encode(attempt_state), delay=delay, error=failure.line
    )
    return Ruling(outcome, f"this worker does not know the job, so another may take it: {error}")


def timed_out(
    attempt: Attempt, policy: Policy | None, death: Death | None, uniform: Callable[[], float]
) -> Ruling:
    """Rule on an attempt that took longer than its step's timeout; ``death`` if it cost the worker."""
    limit = attempt.step.timeout
    message = f"the job ran longer than its timeout of {limit:g} s" if limit else "the job ran too long"
    if death is not None:
        message += f" and could not be interrupted, so its worker was killed ({describe_death(death)})"
        seen = len(attempt.claim.evidence.splitlines())
        attempt_state = msgspec.structs.replace(attempt.attempt_state, seen_deaths=seen)
        attempt = msgspec.structs.replace(attempt, attempt_state=attempt_state)
    return failed(attempt, policy, Phase.CALL, JobTimeoutError(message), uniform)


def interrupted(attempt: Attempt, reason: str) -> Ruling:
    """Rule on an attempt that was stopped by order."""
    if reason == GIVE_BACK:
        return Ruling(_given_back(attempt), "its worker had to stop, so it is given back")
    return _killed(attempt.claim, reason, attempt.began, attempt.took)


def failed(
    attempt: Attempt, policy: Policy | None, phase: Phase, error: BaseException, uniform: Callable[[], float]
) -> Ruling:
    """Rule on an attempt that raised; without a policy there is no retry.

    May run the user's code (a backoff function, an exception's ``__str__``): what that raises is part of the
    ruling, but an interrupt passes through.
    """
    note = f"{kind_of(error)}: {message_of(error)}".removesuffix(": ")
    if policy is not None and phase is Phase.CALL:
        try:
            again = _what_again(attempt, policy, error, uniform)
        except Interrupted:
            raise
        except BaseException as broken:  # noqa: BLE001 - the user's code may raise anything
            if broken is not error:
                broken.__context__ = error
            error = broken
            note = f"its rules for retries failed with {kind_of(broken)}: {message_of(broken)} after {note}"
        else:
            if again is not None:
                return _again(attempt, *again, note, _retried_for(again[0], error))
    if phase is Phase.LOAD and not isinstance(error, DamagedPayloadError):
        note = f"its arguments cannot be read: {note}"
    if isinstance(error, Interrupted):
        note = f"the job raised {note} itself"
    if phase is Phase.CALL and asks_again(error):
        note = f"the job asked to be retried after its last attempt ({attempt.step.retries} retries)"
        error = cause_of(error)
    failure = failure_of(error)
    outcome = _final(attempt, Verdict.ERROR, failure)
    return Ruling(outcome, note, error)


def unruled(attempt: Attempt, kind: str) -> Ruling:
    """Rule on an attempt whose outcome could not be worked out: that raised an error of this kind, or took too long."""
    note = (
        f"what follows from this attempt could not be worked out ({kind}): its exception, or its job's backoff, "
        f"retry_on or give_up_on, does not answer"
    )
    failure = Failure(kind, note)
    return Ruling(_final(attempt, Verdict.ERROR, failure), note)


def completed(attempt: Attempt, result: bytes) -> Outcome:
    """Record what a job returned; where no result is to be kept, only that it is complete, and for a short time."""
    claim, ttl = attempt.claim, attempt.body.ttl
    kept = ttl != 0
    # In full and not by `outcome_of`: this is the hot path.
    return Outcome(
        id=claim.id,
        token=claim.token,
        verdict=Verdict.COMPLETE,
        result=result if kept else None,
        began=attempt.began,
        took=attempt.took,
        ttl=ttl if kept else NO_RESULT_TTL,
        queue=claim.queue,
        route=claim.route,
        was_due=claim.due,
        job=claim.job,
        tags=claim.tags,
        key=claim.key,
        parent=claim.parent,
    )


def unreadable(claim: Claim, error: DamagedPayloadError) -> Ruling:
    """Rule on a claim whose body or attempt state cannot be read."""
    failure = failure_of(error)
    outcome = outcome_of(claim, Verdict.ERROR, result=encode(failure), error=failure.line)
    return Ruling(outcome, str(failure), error)


def released(claim: Claim, delay: float = 0.0) -> Outcome:
    """Give a claim back that was not begun; without a delay it keeps its place."""
    return outcome_of(claim, Verdict.RELEASE, delay=delay)


def _given_back(attempt: Attempt) -> Outcome:
    """Give back a claim whose job was interrupted; one that had begun runs again, also after it has expired."""
    if attempt.started is None:
        return released(attempt.claim)
    state = msgspec.structs.replace(attempt.attempt_state, begun=True)
    return outcome_of(attempt.claim, Verdict.RELEASE, attempt_state=encode(state))


def outcome_of(claim: Claim, verdict: Verdict, **fields: Any) -> Outcome:
    """Make an outcome of a claim, with the fields of the claim that the store needs again."""
    return Outcome(
        id=claim.id,
        token=claim.token,
        verdict=verdict,
        queue=claim.queue,
        route=claim.route,
        was_due=claim.due,
        job=claim.job,
        tags=claim.tags,
        key=claim.key,
        parent=claim.parent,
        **fields,
    )


_NEVER_RUN = AttemptState()


def _known(attempt_state: AttemptState) -> AttemptState:
    """Forget that workers did not know the job."""
    return (
        msgspec.structs.replace(attempt_state, unknown_since=0.0, unknowns=0)
        if attempt_state.unknowns
        else attempt_state
    )


def _what_again(
    attempt: Attempt, policy: Policy, error: BaseException, uniform: Callable[[], float]
) -> tuple[Verdict, float] | None:
    snooze = snoozes(error)
    if snooze is not None:
        return Verdict.SNOOZE, snooze
    if attempt.attempt_state.failures < attempt.step.retries and may_retry(policy, error):
        return Verdict.RETRY, delay_of(policy, attempt.attempt_state.failures + 1, error, uniform)
    return None


def _again(attempt: Attempt, verdict: Verdict, delay: float, note: str, error: str | None) -> Ruling:
    attempt_state = _known(attempt.attempt_state)
    if verdict is Verdict.RETRY:
        attempt_state = msgspec.structs.replace(attempt_state, failures=attempt_state.failures + 1)
    else:
        attempt_state = msgspec.structs.replace(attempt_state, snoozes=attempt_state.snoozes + 1)
    attempt_state = attempt_state.with_attempt(
        PastAttempt(
            number=attempt.number,
            began=attempt.began if attempt.began is not None else attempt.claim.claimed,
            took=attempt.took,
            verdict=verdict.value,
            note=note[:_NOTE_LENGTH],
            worker=attempt.worker,
        )
    )
    outcome = outcome_of(
        attempt.claim,
        verdict,
        attempt_state=encode(attempt_state),
        delay=delay,
        began=attempt.began,
        took=attempt.took,
        error=error,
    )
    return Ruling(outcome, note)


def _retried_for(verdict: Verdict, error: BaseException) -> str | None:
    """Return the error line of an attempt that is made again; ``None``: it was put off, and did not fail."""
    if verdict is not Verdict.RETRY:
        return None
    error = cause_of(error) if asks_again(error) else error
    return Failure(kind_of(error), message_of(error)).line


def _killed(claim: Claim, reason: str, began: float | None, took: float) -> Ruling:
    note = _KILLED.get(reason, reason)
    failure = Failure("Killed", note)
    outcome = outcome_of(
        claim, Verdict.KILLED, result=encode(failure), began=began, took=took, error=failure.line
    )
    return Ruling(outcome, note)


def _final(attempt: Attempt, verdict: Verdict, failure: Failure) -> Outcome:
    return outcome_of(
        attempt.claim,
        verdict,
        result=encode(failure),
        began=attempt.began,
        took=attempt.took,
        # Where no result is to be kept, a failure still is.
        ttl=attempt.body.ttl or None,
        error=failure.line,
    )
