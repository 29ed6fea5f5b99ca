"""Rulings on what earlier holders have left, and on failures: pure."""

from __future__ import annotations

import msgspec
import pytest

from skunkqueue.errors import DamagedPayloadError, JobTimeoutError, Retry, Snooze
from skunkqueue.payload import (
    Attempt,
    AttemptState,
    Body,
    Failure,
    Step,
    decode_attempt_state,
    decode_failure,
)
from skunkqueue.policy import Policy
from skunkqueue.records import Claim, Death, Outcome, Verdict
from skunkqueue.worker.attempt import Attempt as WorkersAttempt
from skunkqueue.worker.attempt import Phase
from skunkqueue.worker.judge import evidence, verdict
from skunkqueue.worker.judge.failures import MAX_MESSAGE, failure_of
from skunkqueue.worker.run import reasons
from tests.support.claims import make_claim

BODY = Body((Step("m:job", b"", retries=2, timeout=3.0),), ttl=60.0)
POLICY = Policy(backoff=10.0)


def claim(*causes: str, **changes: object) -> Claim:
    """Make a claim under which workers died of these causes."""
    lines = [
        msgspec.json.encode(Death(at=1.0, worker="w", cause=cause, signal=9, rss=50 * 1024 * 1024)).decode()
        for cause in causes
    ]
    given = {
        "token": 7,
        "claimed": 100.0,
        "deaths": len(causes),
        "evidence": "".join(line + "\n" for line in lines),
        **changes,
    }
    return make_claim(**given)


def tried(given: Claim | None = None, attempt_state: AttemptState | None = None) -> WorkersAttempt:
    attempt_state = AttemptState() if attempt_state is None else attempt_state
    given = claim() if given is None else given
    number = evidence.attempt_number(given, attempt_state)
    return WorkersAttempt(given, BODY, attempt_state, number, began=100.0, took=0.5, worker="w")


def fresh(given: Claim, attempt_state: AttemptState | None = None) -> WorkersAttempt:
    """Make an attempt whose job has not begun."""
    return WorkersAttempt(given, BODY, attempt_state or AttemptState())


def why(outcome: Outcome) -> Failure:
    assert outcome.result is not None
    return decode_failure(outcome.result)


def middle() -> float:
    return 0.5


def test_a_firing_without_a_past_may_run() -> None:
    assert verdict.before(fresh(claim())) is None


def test_why_it_expired_stays_true_later() -> None:
    ruling = verdict.before(fresh(claim(expires=99.0)))

    assert ruling is not None
    assert why(ruling.outcome).message == "it expired 1 s before a worker could begin it"


@pytest.mark.parametrize("causes", [("signal",), ("exit", "lease"), ("timeout",) * 5])
def test_fewer_than_three_deaths_let_it_run(causes: tuple[str, ...]) -> None:
    assert verdict.before(fresh(claim(*causes))) is None


@pytest.mark.parametrize("causes", [("signal",) * 3, ("lease", "exit", "timeout", "signal")])
def test_the_third_death_puts_it_aside_with_the_evidence(causes: tuple[str, ...]) -> None:
    ruling = verdict.before(fresh(claim(*causes)))

    assert ruling is not None
    assert ruling.outcome.verdict is Verdict.ERROR
    assert why(ruling.outcome).message.count("SIGKILL, memory 50 MiB") == 3


@pytest.mark.parametrize(
    ("causes", "seen", "expected"),
    [
        ((), 0, False),
        (("signal",) * 3, 0, False),
        (("signal",) * 4, 0, True),
        (("timeout",) * 2, 0, False),
        (("timeout",) * 3, 0, True),
        (("timeout",) * 5, 4, False),
    ],
)
def test_workers_that_go_on_dying_when_a_firing_was_to_end_are_noticed(
    causes: tuple[str, ...], seen: int, expected: object
) -> None:
    assert evidence.ends_in_deaths(claim(*causes), AttemptState(seen_deaths=seen)) is expected


def test_leases_that_ended_before_anything_was_known_to_begin_let_it_run() -> None:
    line = msgspec.json.encode(Death(at=1.0, worker="w", cause="lease", begun=False)).decode() + "\n"
    unknown = claim("signal", "lease")

    lost = msgspec.structs.replace(unknown, deaths=7, evidence=unknown.evidence + 5 * line)

    assert verdict.before(fresh(lost)) is None
    assert evidence.attempt_number(lost, AttemptState()) == 8


@pytest.mark.parametrize(
    ("causes", "words"), [(("signal",) * 3, "its worker died"), (("lease",) * 3, "it lost its worker")]
)
def test_a_worker_is_said_to_have_died_where_that_is_known(causes: tuple[str, ...], words: str) -> None:
    ruling = verdict.before(fresh(claim(*causes)))

    assert ruling is not None
    assert ruling.note.startswith(f"{words} 3 times while it ran")


def test_a_death_in_a_rough_stop_is_the_order_carried_out() -> None:
    ruling = verdict.before(fresh(claim("rough")))

    assert ruling is not None
    assert ruling.outcome.verdict is Verdict.KILLED


def test_evidence_that_cannot_be_read_counts_as_a_lost_lease() -> None:
    ruling = verdict.before(fresh(claim(deaths=3, evidence="?\n{}\nnull\n")))

    assert ruling is not None
    assert why(ruling.outcome).message.count("its lease ended") == 3


@pytest.mark.parametrize(
    ("attempt_state", "expired"),
    [(AttemptState(), True), (AttemptState(failures=1), False), (AttemptState(snoozes=1), False)],
)
def test_only_what_never_began_expires(attempt_state: AttemptState, *, expired: bool) -> None:
    ruling = verdict.before(fresh(claim(expires=99.0), attempt_state))

    assert (ruling is not None and ruling.outcome.verdict is Verdict.EXPIRED) is expired


def test_a_kill_comes_before_everything_else() -> None:
    ruling = verdict.before(fresh(claim("signal", "signal", "signal", kill_requested=True)))

    assert ruling is not None
    assert ruling.outcome.verdict is Verdict.KILLED


def test_a_timeout_that_cost_the_worker_counts_once_as_a_failure() -> None:
    given = claim("signal", "timeout")
    death = evidence.unseen_timeout(given, AttemptState())
    assert death is not None

    ruling = verdict.timed_out(tried(given), POLICY, death, middle)
    attempt_state = decode_attempt_state(ruling.outcome.attempt_state)

    assert (ruling.outcome.verdict, ruling.outcome.delay) == (Verdict.RETRY, 10.0)
    assert (attempt_state.failures, attempt_state.seen_deaths) == (1, 2)
    assert evidence.unseen_timeout(given, attempt_state) is None


def test_deaths_and_failures_both_count_as_attempts() -> None:
    assert evidence.attempt_number(claim("signal", "timeout", "lease"), AttemptState(failures=2)) == 5


def test_retries_are_used_up_by_failures_alone() -> None:
    last = tried(claim("signal", "signal"), AttemptState(failures=2))
    before = tried(claim("signal", "signal"), AttemptState(failures=1))

    verdicts = [
        verdict.failed(one, POLICY, Phase.CALL, ValueError("x"), middle).outcome.verdict
        for one in (before, last)
    ]

    assert verdicts == [Verdict.RETRY, Verdict.ERROR]


@pytest.mark.parametrize("phase", [Phase.FIND, Phase.LOAD, Phase.SAVE])
def test_what_goes_wrong_around_the_job_is_not_retried(phase: Phase) -> None:
    ruling = verdict.failed(tried(), POLICY, phase, ValueError("x"), middle)

    assert ruling.outcome.verdict is Verdict.ERROR


def test_a_snooze_says_when_and_leaves_the_failures() -> None:
    ruling = verdict.failed(
        tried(attempt_state=AttemptState(failures=1)), POLICY, Phase.CALL, Snooze(30), middle
    )

    assert (ruling.outcome.verdict, ruling.outcome.delay) == (Verdict.SNOOZE, 30.0)
    assert decode_attempt_state(ruling.outcome.attempt_state).failures == 1


def test_a_final_failure_keeps_the_jobs_time_to_live() -> None:
    ruling = verdict.failed(
        tried(attempt_state=AttemptState(failures=2)), POLICY, Phase.CALL, ValueError("x"), middle
    )

    assert ruling.outcome.ttl == 60.0


def test_the_history_forgets_the_oldest() -> None:
    many = tuple(Attempt(n, 0.0, 0.0, "retry", "", "w") for n in range(20))

    ruling = verdict.failed(
        tried(attempt_state=AttemptState(history=many)), POLICY, Phase.CALL, ValueError("newest"), middle
    )
    history = decode_attempt_state(ruling.outcome.attempt_state).history

    assert (len(history), history[0].number, history[-1].note) == (20, 1, "ValueError: newest")


def test_a_timeout_can_be_excluded_from_retries() -> None:
    ruling = verdict.timed_out(tried(), Policy(give_up_on=(JobTimeoutError,)), None, middle)

    assert ruling.outcome.verdict is Verdict.ERROR
    assert "3 s" in why(ruling.outcome).message


def test_a_long_message_is_cut() -> None:
    failure = failure_of(ValueError("x" * 1_000_000))

    assert len(failure.message) < MAX_MESSAGE + 10
    assert len(failure.traceback) < 17_000


KNOWN = claim(queue="shop", route="mail", due=7.0, job="m:job", tags=("vip",), key="one", parent="f" * 24)


def known(outcome: Outcome) -> tuple[object, ...]:
    named = (outcome.job, outcome.tags, outcome.key, outcome.parent)
    return (outcome.queue, outcome.route, outcome.was_due, *named)


@pytest.mark.parametrize(
    "outcome",
    [
        verdict.completed(tried(KNOWN), b"5"),
        verdict.released(KNOWN, 3.0),
        verdict.unreadable(KNOWN, DamagedPayloadError("odd")).outcome,
        verdict.interrupted(tried(KNOWN), reasons.KILL).outcome,
        verdict.failed(tried(KNOWN), POLICY, Phase.CALL, ValueError("x"), middle).outcome,
        verdict.failed(tried(KNOWN), POLICY, Phase.LOAD, ValueError("x"), middle).outcome,
        verdict.failed(tried(KNOWN), POLICY, Phase.CALL, Snooze(30), middle).outcome,
        verdict.unruled(tried(KNOWN), "ValueError").outcome,
    ],
    ids=lambda outcome: outcome.verdict.value,
)
def test_every_outcome_says_what_its_claim_was(outcome: Outcome) -> None:
    assert known(outcome) == ("shop", "mail", 7.0, "m:job", ("vip",), "one", "f" * 24)


def test_an_outcome_that_failed_has_an_error_line() -> None:
    retried = verdict.failed(tried(), POLICY, Phase.CALL, ValueError("x\ny"), middle).outcome
    last = tried(attempt_state=AttemptState(failures=2))
    final = verdict.failed(last, POLICY, Phase.CALL, ValueError("x\ny"), middle).outcome
    expired = verdict.before(fresh(claim(expires=99.0)))
    killed = verdict.interrupted(tried(), reasons.KILL).outcome

    assert (retried.verdict, retried.error) == (Verdict.RETRY, "ValueError: x y")
    assert (final.verdict, final.error) == (Verdict.ERROR, "ValueError: x y")
    assert expired is not None
    assert (expired.outcome.error or "").startswith("Expired: ")
    assert killed.error == "Killed: it was killed by request"


def test_an_outcome_that_did_not_fail_has_no_error_line() -> None:
    put_off = verdict.failed(tried(), POLICY, Phase.CALL, Snooze(30), middle).outcome

    assert put_off.error is None
    assert verdict.released(claim()).error is None
    assert verdict.completed(tried(claim()), b"5").error is None


def test_a_retry_that_was_asked_for_is_told_by_its_cause() -> None:
    asked = Retry(after=1.0)
    asked.__cause__ = ConnectionError("refused")

    assert (
        verdict.failed(tried(), POLICY, Phase.CALL, asked, middle).outcome.error == "ConnectionError: refused"
    )
    assert (verdict.failed(tried(), POLICY, Phase.CALL, Retry(1.0), middle).outcome.error or "").startswith(
        "Retry"
    )
