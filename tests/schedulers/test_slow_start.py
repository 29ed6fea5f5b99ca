"""SlowStart: twice as often, until there is trouble."""

from __future__ import annotations

import msgspec
import pytest

from skunkqueue.schedule import Before
from skunkqueue.scheduler.slow_start import Params, SlowStartStrategy, State
from tests.schedulers.seen import NOW, failed, never_began, run

adapted = SlowStartStrategy().adapted
RULE = Params(initial=64.0, shortest=1.0, longest=1024.0, threshold=8.0, increase=0.125)
ENCODED = msgspec.json.encode(RULE)


def rates(state: State, *seen: object) -> list[float]:
    found = []
    for one in seen:
        state = adapted(RULE, state, one)  # type: ignore[arg-type]
        found.append(state.rate)
    return found


def test_the_rate_doubles_up_to_the_threshold_then_grows_by_a_constant() -> None:
    found = rates(State(rate=1 / 64, threshold=1 / 8), *[run(0.1)] * 6)

    assert found == [1 / 32, 1 / 16, 1 / 8, 2 / 8, 3 / 8, 4 / 8]


def test_doubling_does_not_jump_over_the_threshold() -> None:
    assert rates(State(rate=0.1, threshold=0.125), run(0.1)) == [0.125]


def test_a_run_that_overran_halves_rate_and_threshold() -> None:
    state = adapted(RULE, State(rate=0.5, threshold=1.0, runs=9), run(3.0))

    assert state == State(rate=0.25, threshold=0.25, runs=10)
    assert adapted(RULE, state, run(0.1)).rate == 0.375


def test_a_failure_halves_the_threshold_and_begins_again_from_the_first_rate() -> None:
    state = adapted(RULE, State(rate=0.5, threshold=1 / 8, runs=9), failed())

    assert state == State(rate=1 / 64, threshold=0.25, runs=10)
    assert rates(state, *[run(0.1)] * 5) == [1 / 32, 1 / 16, 1 / 8, 1 / 4, 3 / 8]


def test_a_failure_at_a_low_rate_does_not_raise_it() -> None:
    assert adapted(RULE, State(rate=1 / 64, threshold=1 / 8, runs=1), failed()).rate == 1 / 128


def test_rate_and_threshold_stay_within_the_bounds() -> None:
    assert adapted(RULE, State(rate=1.0, threshold=1 / 8, runs=1), run(0.1)).rate == 1.0
    lowest = adapted(RULE, State(rate=1 / 1024, threshold=1 / 8, runs=1), failed())
    assert (lowest.rate, lowest.threshold) == (1 / 1024, 1 / 1024)


def test_a_run_that_never_began_says_nothing() -> None:
    state = State(rate=0.5, threshold=1 / 8, runs=3)

    assert adapted(RULE, state, never_began()) == state


def test_the_first_run_may_wait_for_the_first_worker() -> None:
    late = run(0.1, due=NOW - 3_600.0)

    assert adapted(RULE, State(rate=1 / 64, threshold=1 / 8), late).rate == 1 / 32
    assert adapted(RULE, State(rate=1 / 64, threshold=1 / 8, runs=1), late).rate == 1 / 128


def test_the_first_run_is_at_once_and_the_next_half_the_first_interval_after_it_began() -> None:
    first = SlowStartStrategy().first(ENCODED, NOW)
    second = SlowStartStrategy().after(ENCODED, first.state, run(2.0))

    assert (first.due, first.interval) == (NOW, 64.0)
    assert (second.due, second.interval) == (NOW - 2.0 + 32.0, 32.0)


def test_a_new_rule_goes_on_at_the_pace_reached() -> None:
    state = msgspec.json.encode(State(rate=0.5, threshold=0.25, runs=3))
    bound = msgspec.json.encode(msgspec.structs.replace(RULE, shortest=4.0))

    plan = SlowStartStrategy().again(
        bound, Before(params=ENCODED, state=state, due=NOW + 60, running=False), NOW
    )

    assert (plan.due, plan.interval) == (NOW + 4.0, 4.0)
    assert msgspec.json.decode(plan.state, type=State) == State(rate=0.25, threshold=0.25, runs=3)


def test_a_new_threshold_takes_the_place_of_what_was_found() -> None:
    state = msgspec.json.encode(State(rate=0.5, threshold=0.25, runs=3))
    later = msgspec.json.encode(msgspec.structs.replace(RULE, threshold=2.0))

    plan = SlowStartStrategy().again(
        later, Before(params=ENCODED, state=state, due=NOW + 1, running=False), NOW
    )

    assert msgspec.json.decode(plan.state, type=State) == State(rate=0.5, threshold=0.5, runs=3)


@pytest.mark.parametrize("took", [31.9, 64.0])
def test_runs_within_the_interval_are_good(took: float) -> None:
    assert adapted(RULE, State(rate=1 / 64, threshold=1 / 8, runs=1), run(took)).rate == 1 / 32
