"""Strategies that adapt, whatever happens to them: within bounds, towards a steady job, away from trouble, fair."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from skunkqueue.schedule import Observation, Strategy
from skunkqueue.scheduler import aimd, rto, slow_start
from skunkqueue.scheduler.simulation import Simulated, SimulatedRun, simulate
from tests.schedulers.seen import NOW
from tests.schedulers.seen import run as observed

SHORTEST, LONGEST, INCREASE = 2.0, 500.0, 0.005
RULES: dict[str, tuple[Strategy, bytes]] = {
    "rto": (
        rto.RTOStrategy(),
        msgspec.json.encode(rto.Params(initial=20.0, lower=SHORTEST, upper=LONGEST, granularity=0.1)),
    ),
    "aimd": (
        aimd.AIMDStrategy(),
        msgspec.json.encode(
            aimd.Params(initial=20.0, shortest=SHORTEST, longest=LONGEST, increase=INCREASE, decrease=0.5)
        ),
    ),
    "slow_start": (
        slow_start.SlowStartStrategy(),
        msgspec.json.encode(
            slow_start.Params(
                initial=20.0, shortest=SHORTEST, longest=LONGEST, threshold=SHORTEST, increase=INCREASE
            )
        ),
    ),
}
each = pytest.mark.parametrize("name", RULES)


@some.composite
def observations(draw: some.DrawFn) -> Observation:
    """Anything that may come of a run."""
    took = draw(some.floats(0, 1e7))
    late = draw(some.floats(0, 1e7))
    began = draw(some.sampled_from([None, NOW - took]))
    return Observation(
        now=NOW,
        due=NOW - took - late,
        began=began,
        took=took if began is not None else 0.0,
        verdict=draw(some.sampled_from(["complete", "error", "killed", "expired"])),
        attempts=draw(some.integers(0, 2_000)),
        whole=draw(some.booleans()),
        interval=None,
    )


@each
@settings(max_examples=150)
@given(history=some.lists(observations(), max_size=30))
def test_the_interval_is_within_its_bounds_and_no_run_is_due_beside_another(
    name: str, history: list[Observation]
) -> None:
    strategy, params = RULES[name]
    plan = strategy.first(params, NOW)
    for seen in history:
        plan = strategy.after(params, plan.state, seen)
        assert plan.interval is not None
        assert plan.due is not None
        assert SHORTEST <= plan.interval <= LONGEST
        assert seen.now <= plan.due <= seen.now + plan.interval
        assert len(plan.state) < 300


@each
@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"rate":0}',
        b'{"rate":-1,"runs":0}',
        b'{"srtt":-5,"rttvar":0,"rto":1}',
        b"1e999",
    ],
)
def test_a_state_that_cannot_be_read_is_forgotten(name: str, state: bytes) -> None:
    strategy, params = RULES[name]
    seen = observed(1.0)

    plan = strategy.after(params, state, seen)

    assert plan == strategy.after(params, strategy.first(params, NOW).state, seen)


@each
@settings(max_examples=50)
@given(history=some.lists(observations(), max_size=10))
def test_the_same_state_and_observation_give_the_same_plan(name: str, history: list[Observation]) -> None:
    strategy, params = RULES[name]
    plans = [strategy.first(params, NOW)] * 2
    for seen in history:
        plans = [strategy.after(params, plan.state, seen) for plan in plans]
        assert plans[0] == plans[1]


@settings(max_examples=25)
@given(took=some.floats(0.01, 400))
def test_rto_settles_just_above_the_time_of_a_steady_job(took: float) -> None:
    last = alone("rto", lambda _: took, until=100 * max(took, 10))[-10:]

    assert [run.interval for run in last] == pytest.approx([max(took + 0.1, SHORTEST)] * 10, rel=0.01)


@pytest.mark.parametrize("name", ["aimd", "slow_start"])
@settings(max_examples=25)
@given(took=some.floats(0.01, 400))
def test_a_rate_swings_between_half_and_one_increase_above_what_a_steady_job_allows(
    name: str, took: float
) -> None:
    last = alone(name, lambda _: took, until=1_000 + 300 * took)[-50:]

    rates = [1 / run.interval for run in last if run.interval]
    allowed = min(1 / took, 1 / SHORTEST)
    assert max(rates) <= allowed + INCREASE + 1e-9
    assert min(rates) >= allowed / 2 - 1e-9


@each
def test_overload_makes_it_slower_and_its_end_faster_again(name: str) -> None:
    runs = alone(name, lambda began: 60.0 if 10_000 <= began < 30_000 else 3.0, until=50_000)

    before, during, after = (
        statistics.median(run.interval or 0.0 for run in runs if low <= run.began < high)
        for low, high in ((5_000, 10_000), (20_000, 30_000), (45_000, 50_000))
    )
    assert during > 5 * before
    assert after < during / 3


@each
def test_failures_make_it_slower_step_by_step_up_to_its_bound(name: str) -> None:
    strategy, params = RULES[name]
    (runs,) = simulate(
        [Simulated(strategy=strategy, params=params, takes=lambda _: 1.0, fails=lambda began: began > 1_000)],
        until=20_000,
    )

    intervals = [run.interval or 0.0 for run in runs if run.verdict == "error"]
    assert intervals == sorted(intervals)
    assert intervals[-1] == LONGEST
    assert intervals[0] < LONGEST / 2


@pytest.mark.parametrize("name", ["aimd", "slow_start"])
@settings(max_examples=5)
@given(first=some.floats(3, 400), second=some.floats(3, 400), took=some.floats(2, 10))
def test_two_that_share_a_worker_come_to_equal_shares(
    name: str, first: float, second: float, took: float
) -> None:
    kinds = [started_at(name, interval, took) for interval in (first, second)]

    one, other = ([run for run in runs if run.began > 30_000] for runs in simulate(kinds, until=60_000))

    assert 0.8 < len(one) / len(other) < 1.25


def test_a_newcomer_gets_its_share_of_a_worker_that_was_another_s_alone() -> None:
    old = started_at("aimd", 20.0, 4.0)
    new = msgspec.structs.replace(started_at("aimd", 400.0, 4.0), declared=10_000.0)

    one, other = ([run for run in runs if run.began > 40_000] for runs in simulate([old, new], until=80_000))

    assert 0.8 < len(one) / len(other) < 1.25


@each
def test_thousands_of_runs_never_overlap(name: str) -> None:
    runs = alone(name, lambda began: 1.0 + 4.0 * ((began // 100) % 3), until=40_000)

    assert len(runs) > 2_000
    assert all(later.began >= earlier.ended for earlier, later in itertools.pairwise(runs))


def alone(name: str, takes: Callable[[float], float], until: float) -> list[SimulatedRun]:
    strategy, params = RULES[name]
    (runs,) = simulate([Simulated(strategy=strategy, params=params, takes=takes)], until=until)
    return runs


def started_at(name: str, interval: float, took: float) -> Simulated:
    strategy, params = RULES[name]
    rule = {**msgspec.json.decode(params), "initial": interval}
    return Simulated(strategy=strategy, params=msgspec.json.encode(rule), takes=lambda _: took)
