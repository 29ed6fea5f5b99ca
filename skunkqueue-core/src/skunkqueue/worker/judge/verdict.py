"""What is to become of a claim, by its job's policy and by what happened. Pure: knows no store, no clock.

Only a failure of the job uses up its retries. Deaths of workers are counted apart, releases and snoozes
not at all.
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
from skunkqueue.payload import Attempt, AttemptState, Body, Failure, Step, encode
from skunkqueue.policy import Policy
from skunkqueue.records import Claim, Death, Outcome, Verdict
from skunkqueue.worker.judge.failures import cause_of, failure_of, kind_of, message_of
from skunkqueue.worker.judge.retrying import asks_again, delay_of, may_retry, snoozes
from skunkqueue.worker.run.executor import Phase, Previous

MAX_DEATHS = 3
"""A firing whose workers died under it so often is put aside."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds that a firing is left alone whose job a worker did not know; doubled each time."""
NO_RESULT_TTL = 60.0
"""Seconds for which a complete firing without a result is kept, for those who wait for it."""
LOST = "lost"
KILL = "kill"
ROUGH = "rough"
TIMEOUT = "timeout"
GIVE_BACK = "give back"
"""Reasons for which a job is interrupted."""
ORDERED = frozenset({KILL, ROUGH, GIVE_BACK})
"""Those by somebody's order: what the job raises or returns then does not count."""
LATE = "late"
"""The reason for which an async job did not begin: its lease may be over."""
_KILLED = {KILL: "it was killed by request", ROUGH: "its worker was stopped roughly"}
_DEATHS = frozenset({"signal", "exit", "lease", "strategy"})
_NOTE_LENGTH = 300

_death = msgspec.json.Decoder(Death)


class Try(NamedTuple):
    """One attempt at one step of a firing."""

    claim: Claim
    body: Body
    attempt_state: AttemptState
    number: int
    """Of the attempt, as people count: 1 at the first."""
    began: float | None = None
    """Store's time; ``None``: the job's code did not begin."""
    took: float = 0.0
    worker: str = ""

    @property
    def step(self) -> Step:
        """The step that is tried."""
        return self.body.steps[len(self.attempt_state.done)]

    @property
    def previous(self) -> Previous | None:
        """What the step before returned, if this one takes it."""
        return previous_of(self.body, self.attempt_state)


def previous_of(body: Body, attempt_state: AttemptState) -> Previous | None:
    """Return what the last step that is done returned, if the one that is to be run takes it."""
    done = len(attempt_state.done)
    if not (done and body.steps[done].previous):
        return None
    return Previous(attempt_state.done[-1], body.steps[done - 1].serializer)


class Ruling(NamedTuple):
    """An outcome and what to tell people of it."""

    outcome: Outcome
    note: str
    error: BaseException | None = None
    """What a firing failed with that fails for good; ``None``: that is in the note alone."""


def read_evidence(claim: Claim) -> list[Death]:
    """Read how workers died under a firing; a line that cannot be read counts as a lease that ended."""
    found = []
    for line in claim.evidence.splitlines():
        try:
            found.append(_death.decode(line))
        except (msgspec.MsgspecError, ValueError):
            found.append(Death(at=claim.claimed, worker="?", cause="lease"))
    return found


def attempt_number(claim: Claim, attempt_state: AttemptState) -> int:
    """Return the number of the attempt that is about to begin.

    A lease that ended counts, also where nobody knows whether the job had begun: a job that asks whether it is the
    first must not be told so by mistake.
    """
    return attempt_state.failures + 1 + deaths_of(claim)


def deaths_of(claim: Claim) -> int:
    """Count the attempts that ended, or may have, with their worker."""
    if not claim.deaths:
        return 0
    return sum(1 for death in read_evidence(claim) if death.cause in _DEATHS)


def before(claim: Claim, body: Body, attempt_state: AttemptState) -> Ruling | None:
    """Rule on a claim that must not run (any more); ``None``: it may."""
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
        note = f"it could not begin before it expired, {claim.claimed - claim.expires:.3g} s ago"
        return Ruling(_final(claim, body, Verdict.EXPIRED, Failure("Expired", note)), note)
    # A lease that ended before the job was known to have begun is no evidence against it.
    real = [death for death in deaths if death.cause in _DEATHS and death.begun]
    if len(real) >= MAX_DEATHS:
        what = "it lost its worker" if any(death.cause == "lease" for death in real) else "its worker died"
        note = f"{what} {len(real)} times while it ran: {'; '.join(map(tell_death, real))}"
        outcome = _final(claim, body, Verdict.ERROR, Failure(WorkerDiedError.__name__, note))
        return Ruling(outcome, note, WorkerDiedError(note))
    return None


def ends_in_deaths(claim: Claim, attempt_state: AttemptState) -> bool:
    """Return whether workers went on dying under a firing that was to end.

    Then it is not its job that kills them but what is called at its end: its rules for retries, or ``on_failure``.
    """
    deaths = read_evidence(claim) if claim.deaths else []
    died = sum(death.cause in _DEATHS and death.begun for death in deaths)
    return died > MAX_DEATHS or _unseen_timeouts(deaths, attempt_state) >= MAX_DEATHS


def _unseen_timeouts(deaths: list[Death], attempt_state: AttemptState) -> int:
    """Count how often a worker was killed for the last attempt; more than once: not for the job itself."""
    return sum(death.cause == "timeout" for death in deaths[attempt_state.seen_deaths :])


def unseen_timeout(claim: Claim, attempt_state: AttemptState) -> Death | None:
    """Tell of the worker that had to be killed for the last attempt's timeout, unless ruled on before."""
    for death in read_evidence(claim)[attempt_state.seen_deaths :] if claim.deaths else ():
        if death.cause == "timeout":
            return death
    return None


def unknown(tried: Try, error: JobNotFoundError, now: float, patience: float) -> Ruling | None:
    """Rule on an attempt whose job this worker does not know: another may; ``None``: that has lasted too long.

    ``now``: store's time; ``patience``: seconds.
    """
    attempt_state = tried.attempt_state
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
        tried.claim, Verdict.RELEASE, attempt_state=encode(attempt_state), delay=delay, error=failure.line
    )
    return Ruling(outcome, f"this worker does not know the job, so another may take it: {error}")


def timed_out(tried: Try, policy: Policy | None, death: Death | None, uniform: Callable[[], float]) -> Ruling:
    """Rule on an attempt that took longer than its step's timeout; ``death`` if it cost the worker."""
    limit = tried.step.timeout
    message = f"the job ran longer than its timeout of {limit:g} s" if limit else "the job ran too long"
    if death is not None:
        message += f" and could not be interrupted, so its worker was killed ({tell_death(death)})"
        seen = len(tried.claim.evidence.splitlines())
        tried = tried._replace(attempt_state=msgspec.structs.replace(tried.attempt_state, seen_deaths=seen))
    return failed(tried, policy, Phase.CALL, JobTimeoutError(message), uniform)


def interrupted(tried: Try, reason: str) -> Ruling:
    """Rule on an attempt that was stopped by order."""
    if reason == GIVE_BACK:
        return Ruling(released(tried.claim), "its worker had to stop, so it is given back")
    return _killed(tried.claim, reason, tried.began, tried.took)


def failed(
    tried: Try, policy: Policy | None, phase: Phase, error: BaseException, uniform: Callable[[], float]
) -> Ruling:
    """Rule on an attempt that raised; without a policy there is no retry.

    May run the user's code (a backoff function, an exception's ``__str__``): what that raises is part of the
    ruling, but an interrupt passes through.
    """
    note = f"{kind_of(error)}: {message_of(error)}".removesuffix(": ")
    if policy is not None and phase is Phase.CALL:
        try:
            again = _what_again(tried, policy, error, uniform)
        except Interrupted:
            raise
        except BaseException as broken:  # noqa: BLE001 - the user's code may raise anything
            if broken is not error:
                broken.__context__ = error
            error = broken
            note = f"its rules for retries failed with {kind_of(broken)}: {message_of(broken)} after {note}"
        else:
            if again is not None:
                return _again(tried, *again, note, _retried_for(again[0], error))
    if phase is Phase.LOAD and not isinstance(error, DamagedPayloadError):
        note = f"its arguments cannot be read: {note}"
    if isinstance(error, Interrupted):
        note = f"the job raised {note} itself"
    if phase is Phase.CALL and asks_again(error):
        note = f"the job asked to be retried after its last attempt ({tried.step.retries} retries)"
        error = cause_of(error)
    failure = failure_of(error)
    outcome = _final(tried.claim, tried.body, Verdict.ERROR, failure, began=tried.began, took=tried.took)
    return Ruling(outcome, note, error)


def unruled(tried: Try, kind: str) -> Ruling:
    """Rule on an attempt of which nothing could be worked out: that raised an error of this kind, or took too long."""
    note = (
        f"what follows from this attempt could not be worked out ({kind}): its exception, or its job's backoff, "
        f"retry_on or give_up_on, does not answer"
    )
    failure = Failure(kind, note)
    return Ruling(
        _final(tried.claim, tried.body, Verdict.ERROR, failure, began=tried.began, took=tried.took), note
    )


def completed(claim: Claim, body: Body, result: bytes, began: float | None, took: float) -> Outcome:
    """Record what a job returned; where no result is to be kept, only that it is complete, and for a short time."""
    kept = body.ttl != 0
    # In full and not by `outcome_of`, since each call of a job that ends well comes here.
    return Outcome(
        id=claim.id,
        token=claim.token,
        verdict=Verdict.COMPLETE,
        result=result if kept else None,
        began=began,
        took=took,
        ttl=body.ttl if kept else NO_RESULT_TTL,
        queue=claim.queue,
        route=claim.route,
        was_due=claim.due,
        job=claim.job,
        tags=claim.tags,
        key=claim.key,
    )


def unreadable(claim: Claim, error: DamagedPayloadError) -> Ruling:
    """Rule on a claim whose body or attempt state cannot be read."""
    failure = failure_of(error)
    outcome = outcome_of(claim, Verdict.ERROR, result=encode(failure), error=failure.line)
    return Ruling(outcome, str(failure), error)


def released(claim: Claim, delay: float = 0.0) -> Outcome:
    """Give a claim back that was not begun; without a delay it keeps its place."""
    return outcome_of(claim, Verdict.RELEASE, delay=delay)


def outcome_of(claim: Claim, verdict: Verdict, **fields: Any) -> Outcome:
    """Make an outcome of a claim, with all that the store wants to know of the claim again."""
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
        **fields,
    )


def tell_death(death: Death) -> str:
    """Tell in a few words how a worker died."""
    if death.signal is not None:
        how = f"signal {death.signal}"
    elif death.exit_code is not None:
        how = f"exit code {death.exit_code}"
    else:
        how = "its lease ended"
    if death.cause == "strategy":
        how = f"{how}, while the strategy of its schedule was asked for the next run"
    return f"{how}, memory {death.rss / 1_048_576:.0f} MiB" if death.rss else how


_NEVER_RUN = AttemptState()


def _known(attempt_state: AttemptState) -> AttemptState:
    """Forget that workers did not know the job."""
    return (
        msgspec.structs.replace(attempt_state, unknown_since=0.0, unknowns=0)
        if attempt_state.unknowns
        else attempt_state
    )


def _what_again(
    tried: Try, policy: Policy, error: BaseException, uniform: Callable[[], float]
) -> tuple[Verdict, float] | None:
    snooze = snoozes(error)
    if snooze is not None:
        return Verdict.SNOOZE, snooze
    if tried.attempt_state.failures < tried.step.retries and may_retry(policy, error):
        return Verdict.RETRY, delay_of(policy, tried.attempt_state.failures + 1, error, uniform)
    return None


def _again(tried: Try, verdict: Verdict, delay: float, note: str, error: str | None) -> Ruling:
    attempt_state = _known(tried.attempt_state)
    if verdict is Verdict.RETRY:
        attempt_state = msgspec.structs.replace(attempt_state, failures=attempt_state.failures + 1)
    else:
        attempt_state = msgspec.structs.replace(attempt_state, snoozes=attempt_state.snoozes + 1)
    attempt_state = attempt_state.with_attempt(
        Attempt(
            number=tried.number,
            began=tried.began if tried.began is not None else tried.claim.claimed,
            took=tried.took,
            verdict=verdict.value,
            note=note[:_NOTE_LENGTH],
            worker=tried.worker,
        )
    )
    outcome = outcome_of(
        tried.claim,
        verdict,
        attempt_state=encode(attempt_state),
        delay=delay,
        began=tried.began,
        took=tried.took,
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


def _final(
    claim: Claim,
    body: Body,
    verdict: Verdict,
    failure: Failure,
    *,
    began: float | None = None,
    took: float = 0.0,
) -> Outcome:
    return outcome_of(
        claim,
        verdict,
        result=encode(failure),
        began=began,
        took=took,
        # Where no result is to be kept, a failure still is.
        ttl=body.ttl or None,
        error=failure.line,
    )
