"""What the time strategy plans where one declaration replaces another."""

from __future__ import annotations

import msgspec
import pytest

from skunkqueue.schedule import Before, Plan, plan_declared
from skunkqueue.scheduler.ticks import CatchUp
from tests.schedulers.ticking import CATCH_UPS, HOUR, NOON, RULE, hourly, minutely, ran, schedule_of, tick_of

HALF_PAST = msgspec.json.encode({"cron": "30 * * * *"})


def declared(
    old: bytes, plan: Plan, new: bytes, now: float, *, running: bool = False, **others: object
) -> Plan:
    return plan_declared(RULE, new, now, schedule_of(old, plan, **others), running=running)


def every(seconds: float, **others: object) -> bytes:
    return msgspec.json.encode({"every": seconds, **others})


@pytest.mark.parametrize(
    ("old", "new", "now", "expected"),
    [
        (HOUR, 600, 60, 600),  # shortened: counted from the last run
        (HOUR, 600, 1200, 1200),  # and at once where that has passed
        (600, HOUR, 60, HOUR),
        (600, HOUR, 1200, HOUR),  # overdue by the old, not by the new
        (600, 1000, 5000, 5000),  # overdue by both
    ],
)
def test_a_new_interval_takes_effect_at_once(old: float, new: float, now: float, expected: float) -> None:
    plan = ran(every(old), RULE.first(every(old), NOON))

    found = declared(every(old), plan, every(new), NOON + now)

    assert found.due == NOON + expected
    assert found.interval == new
    assert ran(every(new), found).due == NOON + expected + new


@pytest.mark.parametrize(
    ("old", "new", "now", "expected"),
    [(HOUR, 600, 60, 600), (HOUR, 600, 1200, 1800), (600, HOUR, 60, HOUR), (600, HOUR, 1200, HOUR)],
)
def test_none_is_planned_beside_a_run(old: float, new: float, now: float, expected: float) -> None:
    plan = RULE.first(every(old), NOON)

    assert declared(every(old), plan, every(new), NOON + now, running=True).due == NOON + expected


@pytest.mark.parametrize("catch_up", CATCH_UPS)
@pytest.mark.parametrize("rule", [{"every": 60.0}, {"cron": "* * * * *"}])
def test_other_settings_changed_beside_a_run(rule: dict[str, object], catch_up: CatchUp) -> None:
    old = msgspec.json.encode({**rule, "catch_up": catch_up})
    new = msgspec.json.encode({**rule, "catch_up": catch_up, "times": 3})
    plan = RULE.first(old, NOON)
    assert plan.due is not None

    # It goes on since three ticks and a half.
    found = declared(old, plan, new, plan.due + 210, running=True)

    assert found.due == plan.due + 240
    # Under 'all' those that passed are owed still; and the run that goes on is one of the three.
    assert tick_of(found) == plan.due + (60 if catch_up == "all" else 240)
    assert ran(new, ran(new, found)).due is None


@pytest.mark.parametrize("catch_up", CATCH_UPS)
@pytest.mark.parametrize("late", [30.0, 600.0])
@pytest.mark.parametrize(
    "rule", [{"every": HOUR}, {"cron": "0 * * * *"}, {"cron": "0 * * * *", "tz": "Asia/Tokyo"}]
)
def test_an_overdue_run_is_not_lost_when_other_settings_change(
    rule: dict[str, object], catch_up: CatchUp, late: float
) -> None:
    old = msgspec.json.encode({**rule, "catch_up": catch_up})
    new = msgspec.json.encode({**rule, "catch_up": catch_up, "until": NOON + 1e6})
    plan = ran(old, RULE.first(old, NOON))
    assert plan.due is not None

    found = declared(old, plan, new, plan.due + late)

    assert (found.due, found.expires, tick_of(found)) == (plan.due, plan.expires, tick_of(plan))


@pytest.mark.parametrize("catch_up", ["one", "all"])
def test_an_overdue_run_is_not_lost_when_a_cron_line_changes(catch_up: CatchUp) -> None:
    old, new = (
        msgspec.json.encode({"cron": line, "catch_up": catch_up}) for line in ("* * * * *", "30 * * * *")
    )
    plan = RULE.first(old, NOON)

    found = declared(old, plan, new, NOON + 600)

    assert found.due == NOON + 600
    assert ran(new, found).due == NOON + 1800


def test_a_cron_line_that_changes_before_it_is_due_is_planned_by_the_new() -> None:
    plan = RULE.first(minutely(), NOON)

    assert declared(minutely(), plan, HALF_PAST, NOON + 5).due == NOON + 1800


def test_a_cron_line_that_moves_to_another_zone_is_planned_there() -> None:
    old, new = (msgspec.json.encode({"cron": "0 18 * * *", "tz": zone}) for zone in ("UTC", "Europe/Berlin"))
    plan = RULE.first(old, NOON)
    assert plan.due == NOON + 6 * HOUR

    assert declared(old, plan, new, NOON + 5).due == NOON + 5 * HOUR


def test_a_run_asked_for_by_hand_is_kept_when_other_settings_change() -> None:
    plan = ran(hourly(), RULE.first(hourly(), NOON))
    new = hourly(times=9)

    found = declared(hourly(), plan, new, NOON + 61, next_run=NOON + 60)

    assert found.due == NOON + 60
    assert ran(new, found, due=NOON + 60, began=NOON + 62).due == NOON + HOUR


def test_one_that_was_armed_after_a_pause_keeps_its_time() -> None:
    plan = ran(hourly(catch_up="none"), RULE.first(hourly(catch_up="none"), NOON))
    new = hourly(catch_up="none", times=9)

    found = declared(hourly(catch_up="none"), plan, new, NOON + 8000, next_run=NOON + 5 * HOUR)

    assert (found.due, found.expires) == (NOON + 5 * HOUR, NOON + 5 * HOUR + 60)
    assert ran(new, found).due == NOON + 6 * HOUR


def test_a_paused_one_goes_on_with_the_tick_after_now() -> None:
    plan = ran(hourly(), RULE.first(hourly(), NOON))

    found = declared(hourly(), plan, hourly(times=9), NOON + 4.5 * HOUR, next_run=None)

    assert found.due == NOON + 5 * HOUR


def test_the_same_rule_for_other_jobs_keeps_its_run() -> None:
    plan = ran(hourly(), RULE.first(hourly(), NOON))

    assert declared(hourly(), plan, hourly(), NOON + 60).due == plan.due
    assert declared(hourly(), plan, hourly(), NOON + HOUR + 60, running=True).due == NOON + 2 * HOUR


def test_runs_that_were_count_when_times_change() -> None:
    old = hourly(times=9)
    plan = ran(old, ran(old, RULE.first(old, NOON)))

    assert declared(old, plan, hourly(times=2), NOON + 4000).due is None
    found = declared(old, plan, hourly(times=3), NOON + 4000)
    assert found.due == NOON + 2 * HOUR
    assert ran(hourly(times=3), found).due is None


@pytest.mark.parametrize("new", [minutely(until=NOON), every(60.0, start=NOON, until=NOON)])
@pytest.mark.parametrize("running", [False, True])
def test_a_new_rule_that_is_over_plans_nothing(*, new: bytes, running: bool) -> None:
    plan = RULE.first(hourly(), NOON)

    assert declared(hourly(), plan, new, NOON + 2 * HOUR, running=running).due is None


def test_an_end_that_is_set_back_lets_the_tick_before_it_run() -> None:
    plan = RULE.first(hourly(), NOON)

    assert declared(hourly(), plan, hourly(until=NOON), NOON + 60).due == NOON
    assert declared(hourly(), plan, hourly(until=NOON), NOON + 60, running=True).due is None


@pytest.mark.parametrize("start", [NOON - 1000, NOON + 9000])
def test_a_new_start_is_kept_to(start: float) -> None:
    new = hourly(start=start)
    plan = ran(hourly(), RULE.first(hourly(), NOON))

    found = declared(hourly(), plan, new, NOON + 60)

    assert found.due == (start if start > NOON else start + HOUR)
    assert ran(new, found).due == found.due + HOUR


def test_an_overdue_run_is_not_lost_for_a_start_that_has_passed() -> None:
    new = hourly(start=NOON - 1000)
    plan = ran(hourly(), RULE.first(hourly(), NOON))

    found = declared(hourly(), plan, new, NOON + HOUR + 60)

    assert found.due == NOON + HOUR + 60
    assert ran(new, found).due == NOON + 2 * HOUR - 1000


def test_a_first_run_that_waits_follows_the_new_rule() -> None:
    plan = RULE.first(hourly(start_in=HOUR), NOON)

    assert declared(hourly(start_in=HOUR), plan, hourly(), NOON + 60).due == NOON + 60
    assert declared(hourly(start_in=HOUR), plan, hourly(start_in=7200.0), NOON + 60).due == NOON + 7260


def test_a_first_run_that_waits_keeps_its_time_when_other_settings_change() -> None:
    plan = RULE.first(hourly(start_in=HOUR), NOON)

    assert declared(hourly(start_in=HOUR), plan, hourly(start_in=HOUR, times=3), NOON + 60).due == NOON + HOUR


@pytest.mark.parametrize("running", [False, True])
def test_a_line_in_place_of_an_interval(*, running: bool) -> None:
    plan = ran(hourly(), RULE.first(hourly(), NOON))

    assert declared(hourly(), plan, HALF_PAST, NOON + 60).due == NOON + 1800
    late = declared(hourly(), plan, HALF_PAST, NOON + HOUR + 5, running=running).due
    assert late == NOON + HOUR + (1800 if running else 5)


def test_an_interval_in_place_of_a_line_counts_from_its_last_run() -> None:
    plan = ran(minutely(), RULE.first(minutely(), NOON))

    assert declared(minutely(), plan, hourly(), NOON + 70).due == NOON + 60 + HOUR


def test_other_jitter_moves_the_armed_run_and_no_tick() -> None:
    plan = ran(hourly(), RULE.first(hourly(), NOON))
    new = hourly(jitter=600.0, salt="demo/x")

    found = RULE.again(new, Before(params=hourly(), state=plan.state, due=plan.due, running=False), NOON + 5)

    assert tick_of(found) == NOON + HOUR
    assert found.due is not None
    assert NOON + HOUR < found.due < NOON + HOUR + 600


def test_an_interval_that_is_changed_again_and_again_does_not_put_off_the_first_run() -> None:
    plan = RULE.first(every(HOUR, start_in=30.0), NOON)

    found = declared(every(HOUR, start_in=30.0), plan, every(60, start_in=30.0), NOON + 25)

    assert found.due == NOON + 30


def test_a_start_from_the_declaration_on_is_over_with_the_first_run() -> None:
    plan = ran(every(HOUR, start_in=30.0), RULE.first(every(HOUR, start_in=30.0), NOON))

    found = declared(every(HOUR, start_in=30.0), plan, every(120, start_in=30.0), NOON + 60)

    assert found.due == NOON + 30 + 120


def test_a_run_that_goes_on_since_before_a_pause_has_none_beside_it() -> None:
    plan = RULE.first(every(600), NOON)

    found = declared(every(600), plan, every(300), NOON + 60, running=True, next_run=None)

    assert found.due == NOON + 300
