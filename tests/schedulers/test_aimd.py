"""AIMD: one more, or half."""

from __future__ import annotations

import msgspec
import pytest

from skunkqueue.schedule import Before, Observation
from skunkqueue.scheduler.aimd import AIMDStrategy, Params, State
from tests.schedulers.seen import NOW, failed, never_began, run

adapted = AIMDStrategy().adapted
RULE = Params(initial=10.0, shortest=2.0, longest=100.0, increase=0.05, decrease=0.5)
ENCODED = msgspec.json.encode(RULE)
AT_TENTH = State(rate=0.1, runs=5)


def test_the_first_run_is_at_once_and_the_first_interval_the_initial_one() -> None:
    plan = AIMDStrategy().first(ENCODED, NOW)

    assert (plan.due, plan.interval) == (NOW, 10.0)


def test_good_runs_add_and_trouble_halves() -> None:
    state, rates = AT_TENTH, []
    for seen in (run(1.0), run(1.0), failed(), run(1.0), run(30.0)):
        state = adapted(RULE, state, seen)
        rates.append(state.rate)

    assert rates == pytest.approx([0.15, 0.2, 0.1, 0.15, 0.075])


@pytest.mark.parametrize(
    ("seen", "rate"),
    [
        (run(9.9), 0.15),
        (run(10.1), 0.05),
        (run(3.0, due=NOW - 10.1), 0.05),
        (run(3.0, due=NOW - 9.9), 0.15),
        (run(3.0, attempts=2, whole=False), 0.05),
        (failed(0.1), 0.05),
        (run(30.0, verdict="killed"), 0.1),
        (run(30.0, whole=False), 0.1),
        (never_began(), 0.1),
        (never_began("error"), 0.05),
        (never_began("expired"), 0.1),
    ],
    ids=[
        "in time",
        "overran",
        "late for want of a worker",
        "late yet in time",
        "retried",
        "failed",
        "killed",
        "put off, or back after a death",
        "killed while pending",
        "put aside after deaths",
        "expired",
    ],
)
def test_what_is_trouble(seen: Observation, rate: float) -> None:
    assert adapted(RULE, AT_TENTH, seen).rate == pytest.approx(rate)


def test_the_first_run_may_wait_for_the_first_worker() -> None:
    assert adapted(RULE, State(rate=0.1), run(1.0, due=NOW - 3_600.0)).rate == pytest.approx(0.15)


def test_the_rate_stays_within_its_bounds() -> None:
    fast, slow = State(rate=0.5, runs=1), State(rate=0.01, runs=1)

    assert adapted(RULE, fast, run(0.1)).rate == 0.5
    assert adapted(RULE, slow, failed()).rate == 0.01


def test_the_next_run_is_due_an_interval_after_the_last_began() -> None:
    plan = AIMDStrategy().after(ENCODED, msgspec.json.encode(AT_TENTH), run(4.0))

    assert plan.interval == pytest.approx(1 / 0.15)
    assert plan.due == pytest.approx(NOW - 4.0 + 1 / 0.15)


def test_the_next_run_is_never_due_before_the_last_has_ended() -> None:
    plan = AIMDStrategy().after(ENCODED, msgspec.json.encode(AT_TENTH), run(500.0))

    assert plan.due == NOW


@pytest.mark.parametrize(("running", "due"), [(False, NOW + 3.0), (True, NOW + 50.0)])
def test_a_new_rule_goes_on_at_the_pace_reached_and_never_beside_a_run(running: bool, due: float) -> None:  # noqa: FBT001 - a table
    slower = msgspec.json.encode(msgspec.structs.replace(RULE, shortest=50.0, initial=50.0))
    before = Before(params=ENCODED, state=msgspec.json.encode(AT_TENTH), due=NOW + 3.0, running=running)

    plan = AIMDStrategy().again(slower, before, NOW)

    assert (plan.due, plan.interval) == (due, 50.0)


def test_a_clock_that_is_set_back_puts_nothing_off() -> None:
    plan = AIMDStrategy().after(ENCODED, msgspec.json.encode(AT_TENTH), run(1.0, began=NOW + 86_400.0))

    assert plan.interval is not None
    assert plan.due == NOW + plan.interval


def test_a_pace_beyond_new_bounds_is_brought_within_them() -> None:
    slower = msgspec.json.encode(msgspec.structs.replace(RULE, shortest=50.0, initial=50.0))
    before = Before(params=ENCODED, state=msgspec.json.encode(AT_TENTH), due=None, running=False)

    plan = AIMDStrategy().again(slower, before, NOW)

    assert msgspec.json.decode(plan.state, type=State).rate == 1 / 50
