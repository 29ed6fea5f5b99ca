"""RTO, held to RFC 6298's own arithmetic."""

from __future__ import annotations

import msgspec
import pytest

from skunkqueue.schedule import Before, Observation
from skunkqueue.scheduler.rto import Params, RTOStrategy, State, learned
from tests.schedulers.seen import NOW, failed, never_began, run

RULE = Params(initial=1.0, lower=1.0, upper=60.0, granularity=0.1)
FREE = Params(initial=1.0, lower=0.001, upper=1e6, granularity=0.1)
NEW = State(srtt=None, rttvar=0.0, rto=1.0)
STEADY = State(srtt=4.0, rttvar=0.5, rto=6.0)
ENCODED = msgspec.json.encode(RULE)


def test_before_anything_is_known_the_interval_is_the_initial_one() -> None:
    plan = RTOStrategy().first(ENCODED, NOW)

    assert (plan.due, plan.interval) == (NOW, 1.0)


def test_the_first_run_gives_srtt_its_time_and_rttvar_half_of_it() -> None:
    assert learned(FREE, NEW, run(2.0)) == State(srtt=2.0, rttvar=1.0, rto=6.0)


# RFC 6298, 2.2 and 2.3, by hand with alpha 1/8, beta 1/4, K 4 and G 0.1.
TABLE = [
    # R, SRTT, RTTVAR, RTO
    (2.0, 2.0, 1.0, 6.0),
    (2.0, 2.0, 0.75, 5.0),
    (4.0, 2.25, 1.0625, 6.5),
    (1.0, 2.09375, 1.109375, 6.53125),
    (2.09375, 2.09375, 0.83203125, 5.421875),
]


def test_each_further_run_moves_the_estimate_as_in_the_rfc() -> None:
    state, found = NEW, []
    for took, *_ in TABLE:
        state = learned(FREE, state, run(took))
        found.append((took, state.srtt, state.rttvar, state.rto))

    assert found == TABLE


def test_rttvar_is_moved_by_the_srtt_of_before() -> None:
    # |4 - 8| = 4: RTTVAR = 0.75 * 0.5 + 0.25 * 4; with the new SRTT (4.5) it would be 1.25.
    assert learned(FREE, STEADY, run(8.0)).rttvar == 1.375


def test_what_does_not_vary_is_given_the_clocks_granularity() -> None:
    state = State(srtt=3.0, rttvar=0.0, rto=3.1)

    assert learned(FREE, state, run(3.0)).rto == 3.1


@pytest.mark.parametrize(("took", "rto"), [(0.01, 1.0), (100.0, 60.0)])
def test_the_interval_stays_within_its_bounds(took: float, rto: float) -> None:
    assert learned(RULE, NEW, run(took)).rto == rto


@pytest.mark.parametrize(("attempts", "rto"), [(1, 12.0), (2, 24.0), (4, 60.0), (5_000, 60.0)])
def test_each_failed_attempt_doubles_the_interval_up_to_its_bound(attempts: int, rto: float) -> None:
    found = learned(RULE, STEADY, failed(attempts=attempts))

    assert found == State(srtt=4.0, rttvar=0.5, rto=rto)


def test_a_run_that_was_retried_doubles_for_its_failures_and_gives_no_sample() -> None:
    found = learned(RULE, STEADY, run(0.5, attempts=2, whole=False))

    assert found == State(srtt=4.0, rttvar=0.5, rto=12.0)


def test_a_run_that_was_put_off_gives_no_sample() -> None:
    assert learned(RULE, STEADY, run(0.5, whole=False)) == STEADY


def test_what_was_doubled_stays_until_a_run_gives_a_sample() -> None:
    backed_off = learned(RULE, STEADY, failed(attempts=2))
    still = learned(RULE, backed_off, run(1.0, whole=False))
    again = learned(RULE, still, run(4.0))

    assert (backed_off.rto, still.rto, again.rto) == (24.0, 24.0, 4.0 + 4 * 0.375)


def test_a_job_that_was_put_aside_since_its_workers_died_doubles() -> None:
    assert learned(RULE, STEADY, never_began("error")).rto == 12.0


@pytest.mark.parametrize("seen", [never_began(), run(3.0, verdict="killed"), never_began("expired")])
def test_a_run_that_people_ended_or_that_never_began_says_nothing(seen: Observation) -> None:
    assert learned(RULE, STEADY, seen) == STEADY


def test_the_next_run_is_due_an_interval_after_the_last_began() -> None:
    plan = RTOStrategy().after(ENCODED, msgspec.json.encode(STEADY), run(4.0))

    assert plan.interval == 5.5
    assert plan.due == NOW - 4.0 + 5.5


def test_a_run_that_took_longer_than_the_bound_is_followed_at_once() -> None:
    plan = RTOStrategy().after(ENCODED, msgspec.json.encode(STEADY), run(300.0))

    assert plan.due == NOW


@pytest.mark.parametrize("rto", [1e11, 1e-9])
def test_a_state_that_is_out_of_bounds_comes_back_within_them(rto: float) -> None:
    state = msgspec.json.encode(State(srtt=None, rttvar=0.0, rto=rto))

    plan = RTOStrategy().after(ENCODED, state, never_began())

    assert plan.interval == min(max(rto, 1.0), 60.0)
    assert plan.due == NOW + plan.interval


def test_a_new_rule_keeps_what_was_learned_and_takes_effect_at_once() -> None:
    tight = msgspec.json.encode(Params(initial=1.0, lower=1.0, upper=2.0, granularity=0.1))
    before = Before(params=ENCODED, state=msgspec.json.encode(STEADY), due=NOW + 6, running=False)

    plan = RTOStrategy().again(tight, before, NOW)

    assert (plan.due, plan.interval) == (NOW + 2.0, 2.0)
    assert msgspec.json.decode(plan.state, type=State).srtt == 4.0
