"""The time strategy as the pure function it is: what it plans first, and after each run."""

from __future__ import annotations

import math
from datetime import datetime, timezone

import msgspec
import pytest

from skunkqueue.schedule import Observation, skipped
from skunkqueue.scheduler.ticks import GRACE, CatchUp, Params, next_tick
from tests.schedulers.ticking import (
    CATCH_UPS,
    HOUR,
    NOON,
    RULE,
    dues,
    hourly,
    minutely,
    never_ran,
    ran,
    schedule_of,
    tick_of,
)

UTC = timezone.utc

# --- the first run ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (hourly(), [0, 60, 120]),
        (hourly(start=NOON + 600), [10, 70, 130]),
        (hourly(start=NOON), [0, 60, 120]),
        (hourly(start=NOON - 600), [50, 110, 170]),
        (hourly(start=NOON - 10 * HOUR), [0, 60, 120]),
        (hourly(start_in=300), [5, 65, 125]),
        (hourly(start_in=0), [0, 60, 120]),
        (minutely(), [1, 2, 3]),
        (minutely(start=NOON + 600), [10, 11, 12]),
        (minutely(start=NOON + 600.25), [11, 12, 13]),
        (minutely(start=NOON - 600), [1, 2, 3]),
        (minutely(start_in=90), [2, 3, 4]),
        (minutely(until=NOON + 120), [1, 2]),
        (hourly(until=NOON + HOUR), [0, 60]),
        (hourly(until=NOON + HOUR - 1), [0]),
        (hourly(until=NOON - 1), []),
        (hourly(times=2), [0, 60]),
        (minutely(times=1), [1]),
        (minutely(start=NOON + 60, until=NOON + 180, times=2), [1, 2]),
    ],
)
def test_runs_from_the_start_until_the_end(params: bytes, expected: list[int]) -> None:
    assert dues(params, NOON, 3) == [NOON + 60 * each for each in expected]


def test_a_plan_tells_the_interval() -> None:
    assert RULE.first(hourly(), NOON).interval == HOUR
    assert RULE.first(minutely(), NOON).interval == 60
    assert RULE.first(msgspec.json.encode({"cron": "0 9,12 * * *"}), NOON).interval == 3 * HOUR


@pytest.mark.parametrize("catch_up", CATCH_UPS)
def test_the_last_tick_of_a_calendar_has_no_interval(catch_up: CatchUp) -> None:
    end = datetime(9999, 12, 30, 1, tzinfo=UTC).timestamp()
    plan = RULE.first(msgspec.json.encode({"cron": "0 0 * * *", "catch_up": catch_up}), end)

    assert plan.due is not None
    assert plan.interval is None


def test_a_million_ticks_of_a_tenth_of_a_second_stay_on_the_grid() -> None:
    params = msgspec.json.encode({"every": 0.1, "catch_up": "all"})
    plan = RULE.first(params, NOON)
    for count in [*range(1, 2_000), *range(999_000, 1_000_001)]:
        if count == 999_000:
            # After an outage: the ticks between were left out.
            plan = never_ran(params, plan, NOON + 99_899.95, "killed")
        else:
            plan = ran(params, plan, took=0.01)
        assert plan.due == pytest.approx(NOON + count * 0.1, abs=1e-6)


# --- ticks that passed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [("one", [5, 6, 7]), ("all", [1, 2, 3, 4, 5, 6, 7])],
)
def test_after_an_outage(catch_up: CatchUp, expected: list[int]) -> None:
    # The run for noon begins at 16:30, as workers are back; runs take no time to speak of.
    params = hourly(catch_up=catch_up)
    plan, now, found = RULE.first(params, NOON), NOON + 4.5 * HOUR, []
    for _ in expected:
        assert plan.due is not None
        now = max(now, plan.due)
        plan = ran(params, plan, began=now)
        found.append((tick_of(plan) - NOON) / HOUR)

    assert found == expected


def test_under_none_an_outage_leaves_out_what_is_too_late() -> None:
    params = hourly(catch_up="none")
    plan = RULE.first(params, NOON)
    assert plan.expires == NOON + GRACE

    # Nobody was there until 16:30.
    assert never_ran(params, plan, NOON + 4.5 * HOUR, "expired").due == NOON + 5 * HOUR
    # Nobody was there until 30 s after four: that one may still run.
    plan = never_ran(params, plan, NOON + 4 * HOUR + 30, "expired")
    assert (plan.due, plan.expires) == (NOON + 4 * HOUR, NOON + 4 * HOUR + GRACE)


def test_under_none_the_grace_ends_with_the_next_tick() -> None:
    params = msgspec.json.encode({"every": 10.0, "catch_up": "none"})

    assert RULE.first(params, NOON).expires == NOON + 10


@pytest.mark.parametrize(
    ("catch_up", "took", "expected"),
    [
        ("one", 2.5, 1),  # those at 1 and 2 passed after it began: one run stands for both
        ("all", 2.5, 1),
        ("none", 2.5, 3),
        ("none", 1.01, 1),  # 36 s late, it can begin within its minute
        ("one", 0.5, 1),
        ("none", 1.0, 1),
    ],
)
def test_after_a_run_of_several_intervals(catch_up: CatchUp, took: float, expected: int) -> None:
    params = hourly(catch_up=catch_up)

    plan = ran(params, RULE.first(params, NOON), took=took * HOUR)

    assert plan.due == NOON + expected * HOUR


def test_one_run_then_stands_for_all_that_passed() -> None:
    params = hourly()
    plan = ran(params, RULE.first(params, NOON), took=2.5 * HOUR)

    assert ran(params, plan, began=NOON + 2.5 * HOUR).due == NOON + 3 * HOUR


@pytest.mark.parametrize("verdict", ["killed", "expired"])
@pytest.mark.parametrize(("catch_up", "killed", "expired"), [("one", 4, 4), ("all", 4, 1), ("none", 4, 4)])
def test_a_run_that_never_began(catch_up: CatchUp, killed: int, expired: int, verdict: str) -> None:
    params = hourly(catch_up=catch_up)

    plan = never_ran(params, RULE.first(params, NOON), NOON + 3.5 * HOUR, verdict)

    assert plan.due == NOON + (killed if verdict == "killed" else expired) * HOUR


def test_one_that_is_killed_before_its_time_is_left_out() -> None:
    plan = RULE.first(hourly(start_in=HOUR), NOON)

    assert never_ran(hourly(start_in=HOUR), plan, NOON, "killed").due == NOON + 2 * HOUR


def test_what_never_began_is_not_counted() -> None:
    params = hourly(times=1)
    plan = never_ran(params, RULE.first(params, NOON), NOON + 1, "killed")

    assert plan.due == NOON + HOUR
    assert ran(params, plan).due is None


# --- jitter -----------------------------------------------------------------------------------------


def test_jitter_puts_runs_off_within_its_bound_and_never_a_tick() -> None:
    params = hourly(jitter=1800.0, salt="demo/a")
    found = dues(params, NOON, 50)
    late = [due - NOON - count * HOUR for count, due in enumerate(found)]

    assert all(0 <= each <= 1800 for each in late)
    assert max(late) - min(late) > 900
    assert found == dues(params, NOON, 50)
    assert found != dues(hourly(jitter=1800.0, salt="demo/b"), NOON, 50)


def test_jitter_longer_than_a_cron_line_leaves_between_runs_stays_before_the_next() -> None:
    params = minutely(jitter=3600.0, salt="demo/a")
    found = dues(params, NOON, 100)

    assert [math.floor((due - NOON) / 60) for due in found] == list(range(1, 101))


def test_a_tick_put_off_past_an_outage_is_not_run_twice() -> None:
    params = hourly(jitter=3500.0, salt="demo/a")
    plan = RULE.first(params, NOON)

    for hours in range(1, 60):
        following = ran(params, plan, began=NOON + hours * HOUR + 1800)
        assert following.due is not None
        assert following.due > NOON + hours * HOUR + 1800
        assert tick_of(following) <= NOON + (hours + 1) * HOUR


# --- runs by hand, and those armed at other times than planned ---------------------------------------


@pytest.mark.parametrize("catch_up", CATCH_UPS)
@pytest.mark.parametrize("jitter", [0.0, 600.0])
def test_a_run_by_hand_is_an_extra_one(catch_up: CatchUp, jitter: float) -> None:
    params = hourly(catch_up=catch_up, times=2, jitter=jitter)
    plan = ran(params, RULE.first(params, NOON))

    by_hand = ran(params, plan, due=NOON + 1200, began=NOON + 1201, took=5.0)

    assert (by_hand.due, by_hand.state, by_hand.expires) == (plan.due, plan.state, plan.expires)
    assert ran(params, by_hand).due is None


@pytest.mark.parametrize(
    ("catch_up", "began", "took", "expected"),
    [
        ("one", 0.5, 2.0, 1),  # its time came while the run by hand went on
        ("all", 0.5, 2.0, 1),
        ("none", 0.5, 2.0, 3),
        ("none", 0.5, 0.51, 1),
        ("one", 1.5, 0.1, 2),  # it began after the tick, so it stands for it
        ("all", 1.5, 0.1, 1),
        ("none", 1.5, 0.1, 2),
    ],
)
def test_a_run_by_hand_that_meets_a_tick(catch_up: CatchUp, began: float, took: float, expected: int) -> None:
    params = hourly(catch_up=catch_up)
    plan = ran(params, RULE.first(params, NOON))

    following = ran(params, plan, due=NOON + 0.5 * HOUR, began=NOON + began * HOUR, took=took * HOUR)

    assert following.due == NOON + expected * HOUR


@pytest.mark.parametrize("rounding", [-0.001, -0.0005, 0.0005, 0.001])
@pytest.mark.parametrize("catch_up", CATCH_UPS)
@pytest.mark.parametrize("params", [{"every": 1.0}, {"cron": "* * * * * *"}, {"every": 1.0, "jitter": 0.999}])
def test_a_store_may_round_due_times_to_the_millisecond(
    params: dict[str, object], catch_up: CatchUp, rounding: float
) -> None:
    rule = msgspec.json.encode({**params, "catch_up": catch_up, "times": 6})
    plan, found = RULE.first(rule, NOON), []
    while plan.due is not None:
        found.append(tick_of(plan))
        plan = ran(rule, plan, due=plan.due + rounding, began=plan.due + rounding, took=0.0)

    assert found == [found[0] + each for each in range(6)]


@pytest.mark.parametrize("catch_up", CATCH_UPS)
@pytest.mark.parametrize("jitter", [0.0, 3000.0])
@pytest.mark.parametrize("rounding", [-0.0005, 0.0, 0.0005])
def test_after_a_pause_each_tick_comes_once(catch_up: CatchUp, jitter: float, rounding: float) -> None:
    params = hourly(catch_up=catch_up, jitter=jitter, salt="demo/x")
    plan = ran(params, RULE.first(params, NOON))
    paused = schedule_of(params, plan, next_run=None)

    resumed = skipped(paused, RULE, NOON + 9.999 * HOUR)
    assert resumed.due is not None
    # Arming leaves the state of before; only the due time is another.
    armed = msgspec.structs.replace(plan, due=resumed.due + rounding)
    following = ran(params, armed)

    assert tick_of(following) == tick_of(resumed) + HOUR
    assert tick_of(resumed) in (NOON + 9 * HOUR, NOON + 10 * HOUR)


def test_a_pause_that_ends_before_the_tick_changes_nothing() -> None:
    plan = ran(hourly(), RULE.first(hourly(), NOON))

    assert skipped(schedule_of(hourly(), plan, next_run=None), RULE, NOON + 60).due == NOON + HOUR


def test_a_pause_over_the_end_ends_the_schedule() -> None:
    params = hourly(until=NOON + 3 * HOUR)
    plan = RULE.first(params, NOON)

    assert skipped(schedule_of(params, plan, next_run=None), RULE, NOON + 3 * HOUR).due is None


def test_one_that_was_purged_before_its_tick_is_left_out() -> None:
    plan = ran(hourly(), RULE.first(hourly(), NOON))

    assert skipped(schedule_of(hourly(), plan), RULE, NOON + 60).due == NOON + 2 * HOUR


def test_what_passed_is_found_quickly_however_long_the_jitter() -> None:
    params = msgspec.json.encode({"cron": "* * * * * *", "jitter": 86_400.0 * 365, "salt": "demo/a"})

    # All seconds of a year have passed.
    following = ran(params, RULE.first(params, NOON), began=NOON + 86_400 * 365)

    assert following.due is not None
    assert 0 < following.due - NOON - 86_400 * 365 < 2


# --- what a store may bring back --------------------------------------------------------------------


def seen_at(now: float) -> Observation:
    """A run of a second, due and begun at noon."""
    return Observation(now=now, due=NOON, began=NOON, took=1.0, verdict="complete", attempts=1, interval=None)


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"{}",
        b'{"anchor":-1e300,"tick":0,"due":0}',
        b'{"anchor":0,"tick":1e25,"due":0}',
        b'{"anchor":0,"tick":0,"due":"soon"}',
    ],
)
@pytest.mark.parametrize("params", [hourly(), minutely()])
def test_a_state_that_cannot_be_read_is_forgotten(params: bytes, state: bytes) -> None:
    plan = RULE.after(params, state, seen_at(NOON + 1))

    assert plan.due is not None
    assert NOON < plan.due <= NOON + HOUR


@pytest.mark.parametrize(
    "params", [b'{"every":1e-18}', b'{"every":-5}', b'{"every":1,"jitter":-1}', b'{"every":1,"start":1e300}']
)
def test_parameters_out_of_all_bounds_are_refused(params: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        RULE.first(params, NOON)


@pytest.mark.parametrize("anchor", [0.0, -1e11, 1e11])
def test_the_next_tick_is_found_at_once_however_far_away_the_first_is(anchor: float) -> None:
    found = next_tick(Params(every=0.001), anchor, NOON)

    assert found is not None
    assert found > NOON


@pytest.mark.parametrize("catch_up", CATCH_UPS)
@pytest.mark.parametrize("runs_before", [0, 3])
def test_a_clock_that_is_set_back_during_a_run_does_not_put_off_the_next(
    catch_up: CatchUp, runs_before: int
) -> None:
    a_year_on = NOON + 365 * 86_400
    plan = RULE.first(hourly(catch_up=catch_up), a_year_on)
    for _ in range(runs_before):
        plan = ran(hourly(catch_up=catch_up), plan)
    assert plan.due is not None
    seen = Observation(
        now=NOON + 1,
        due=plan.due,
        began=plan.due,
        took=2.0,
        verdict="complete",
        attempts=1,
        interval=HOUR,
    )

    following = RULE.after(hourly(catch_up=catch_up), plan.state, seen)

    assert following.due == NOON + HOUR
    assert ran(hourly(catch_up=catch_up), following).due == NOON + 2 * HOUR


@pytest.mark.parametrize("catch_up", CATCH_UPS)
def test_a_clock_that_is_set_back_during_a_run_that_came_late_does_not_put_off_the_next(
    catch_up: CatchUp,
) -> None:
    plan = ran(hourly(catch_up=catch_up), RULE.first(hourly(catch_up=catch_up), NOON))
    seen = Observation(
        now=NOON + HOUR + 5,
        due=NOON + HOUR,
        began=NOON + 1000 * HOUR,
        took=2.0,
        verdict="complete",
        attempts=1,
        interval=HOUR,
    )

    assert RULE.after(hourly(catch_up=catch_up), plan.state, seen).due == NOON + 2 * HOUR


def test_a_clock_that_was_set_back_is_made_good_by_a_run_by_hand() -> None:
    a_year_on = NOON + 365 * 86_400
    plan = ran(hourly(), RULE.first(hourly(), a_year_on))

    assert RULE.after(hourly(), plan.state, seen_at(NOON + 1)).due == NOON + HOUR
