"""The rules that every store applies alike."""

from __future__ import annotations

import threading

import pytest

from skunkqueue.clock import SYSTEM_CLOCK, VirtualClock
from skunkqueue.errors import BackendError
from skunkqueue.persistence import rules
from skunkqueue.records import Death, Firing, Outcome, Refire, Run, Schedule, Standing, State, Verdict

NOW = 1000.0


def firing(**fields: float | None) -> Firing:
    return Firing(id="0" * 24, queue="q", route="r", body=b"", **fields)  # type: ignore[arg-type]


def outcome(verdict: Verdict, **fields: float) -> Outcome:
    return Outcome(id="0" * 24, token=1, verdict=verdict, **fields)  # type: ignore[arg-type]


def schedule(**fields: object) -> Schedule:
    said = {
        "queue": "q",
        "name": "n",
        "route": "r",
        "strategy": "every",
        "params": b"",
        "state": b"",
        "body": b"",
    }
    return Schedule(**{**said, **fields})  # type: ignore[arg-type]


def test_a_firing_is_due_at_its_time_or_after_its_delay() -> None:
    assert rules.due_of(firing(due=5.0, delay=9.0), NOW) == 5.0
    assert rules.due_of(firing(delay=9.0), NOW) == 1009.0
    assert rules.due_of(firing(), NOW) == NOW


def test_a_firing_expires_at_its_time_or_after_its_span_or_never() -> None:
    assert rules.expiry_of(firing(expires=5.0, expires_in=9.0), NOW) == 5.0
    assert rules.expiry_of(firing(expires_in=9.0), NOW) == 1009.0
    assert rules.expiry_of(firing(), NOW) is None


def test_what_failed_is_kept_longer_unless_its_job_says_how_long() -> None:
    assert rules.kept_for(State.ERROR, None) > rules.kept_for(State.COMPLETE, None)
    assert rules.kept_for(State.ERROR, 0) == 0.0
    assert rules.kept_for(State.COMPLETE, 7.0) == 7.0


def test_outcomes_count_with_the_waits_and_runs_of_those_that_began() -> None:
    values: dict[str, float] = {}

    rules.tally_outcomes(
        values,
        Verdict.COMPLETE,
        [
            outcome(Verdict.COMPLETE, began=NOW, was_due=NOW - 2.0, took=3.0),
            outcome(Verdict.COMPLETE, began=NOW, took=1.0),
            outcome(Verdict.COMPLETE, was_due=0.0, took=9.0),
        ],
    )

    assert (values["complete"], values["wait"], values["run"]) == (3, 2.0, 4.0)


@pytest.mark.parametrize("wrong", [-1.0, float("inf")])
def test_impossible_waits_and_runs_leave_sums_finite(wrong: float) -> None:
    values: dict[str, float] = {}

    rules.tally_outcomes(
        values, Verdict.COMPLETE, [outcome(Verdict.COMPLETE, began=wrong, was_due=0.0, took=wrong)]
    )

    counted = rules.LONGEST_TIME if wrong > 0 else 0.0
    assert (values["wait"], values["run"]) == (counted, counted)


@pytest.mark.parametrize(
    ("said", "due"),
    [
        (outcome(Verdict.RELEASE), None),
        (outcome(Verdict.RELEASE, delay=3.0), 1003.0),
        (outcome(Verdict.RELEASE, due=7.0), 7.0),
        (outcome(Verdict.RETRY), 1000.0),
        (outcome(Verdict.RETRY, delay=3.0), 1003.0),
        (outcome(Verdict.SNOOZE, due=7.0, delay=3.0), 7.0),
    ],
)
def test_only_a_release_that_names_no_time_keeps_its_place(said: Outcome, due: float | None) -> None:
    assert rules.due_again(said, NOW) == due
    assert rules.keeps_place(said) is (due is None)


def test_each_death_is_one_line_of_evidence() -> None:
    line = rules.evidence_line(Death(at=1.0, worker="w\n", cause="lease"))
    assert line.endswith("\n")
    assert line.count("\n") == 1


@pytest.mark.parametrize(
    ("deaths", "length"),
    [([], 0), ([0, 0, 0], 3), ([0, 0, 1, 0], 2), ([1, 0, 0], 1), ([2, 1], 1), ([0, 3], 1)],
)
def test_a_firing_under_which_a_worker_died_is_claimed_alone(deaths: list[int], length: int) -> None:
    assert rules.batch_length(deaths) == length


def test_a_declaration_keeps_the_pause_and_the_last_run_of_the_old_one() -> None:
    old = schedule(
        generation=3, paused=True, firing="f", runs=5, last_run=1.0, took=2.0, verdict="error", next_run=9.0
    )
    new = rules.declared_over(schedule(params=b"new", runs=77), old, generation=4, now=NOW)
    assert (new.params, new.generation, new.declared) == (b"new", 4, NOW)
    assert (new.paused, new.runs, new.last_run, new.took, new.verdict) == (True, 5, 1.0, 2.0, "error")
    assert (new.firing, new.next_run) == (None, None)


def test_a_first_declaration_knows_of_no_run() -> None:
    new = rules.declared_over(schedule(runs=77, paused=True, took=1.0), None, generation=1, now=NOW)
    assert (new.paused, new.runs, new.took) == (False, 0, None)


@pytest.mark.parametrize(
    ("change", "running", "moved"),
    [
        ({}, False, False),
        ({"generation": 2}, False, True),
        ({"firing": "other"}, False, True),
        ({"runs": 1}, False, True),
        ({}, True, True),
    ],
)
def test_a_schedule_that_is_not_as_it_was_planned_over_has_moved(
    change: dict[str, object],
    *,
    running: bool,
    moved: bool,
) -> None:
    over = Standing.of(schedule(generation=1, firing="f"), running=False)
    now = schedule(**{"generation": 1, "firing": "f", **change})
    assert rules.has_moved(now, over, running=running) is moved
    assert rules.has_moved(now, None, running=running) is False
    assert rules.has_moved(None, over, running=False) is True


def test_only_the_firing_that_a_schedule_names_moves_it_on() -> None:
    run = Run(id="f", began=1.0, took=2.0, verdict="complete", interval=60.0)
    refire = Refire(queue="q", name="n", generation=1, firing=None, state=b"new", run=run)
    now = schedule(generation=1, firing="f", runs=4, next_run=9.0)
    assert rules.may_refire(now, refire, "f")
    assert not rules.may_refire(now, refire, "other")
    assert not rules.may_refire(schedule(generation=2, firing="f"), refire, "f")
    assert not rules.may_refire(None, refire, "f")
    after = rules.after_run(now, refire)
    assert (after.state, after.runs, after.last_run, after.took) == (b"new", 5, 1.0, 2.0)
    assert (after.verdict, after.interval, after.next_run) == ("complete", 60.0, None)


@pytest.mark.parametrize("place", [(3, 0.1, "abc"), (-1, 1e300, "a:b"), (0, -0.0, "")])
def test_a_cursor_is_read_back_exactly(place: tuple[int, float, str]) -> None:
    cursor = rules.cursor_after(State.PENDING, place)
    assert rules.place_in(cursor, State.PENDING, (int, float, str)) == place


@pytest.mark.parametrize(
    "after",
    [
        "",
        "nonsense",
        "pending:1",
        "error:1:2.0:x",
        "pending:x:2.0:x",
        "pending:1:inf:x",
        "pending:1:nan:x",
        f"pending:{1 << 63}:2.0:x",
        "pending:1:2.0:\ud800",
    ],
)
def test_a_cursor_that_no_page_gave_is_refused(after: str) -> None:
    with pytest.raises(BackendError, match="cursor"):
        rules.place_in(after, State.PENDING, (int, float, str))


def no_sleep(seconds: float) -> None:
    pytest.fail(f"slept for {seconds} s")


def test_a_wait_ends_as_soon_as_something_is_found() -> None:
    found = rules.wait_for(
        lambda: ("there", None), no_sleep, clock=SYSTEM_CLOCK, timeout=60.0, closed=lambda: False
    )
    assert found == "there"


def test_a_wait_sleeps_until_what_is_ahead_and_looks_again() -> None:
    clock = VirtualClock()
    begun, slept = clock.monotonic(), list[float]()

    def look() -> tuple[bool, float | None]:
        passed = clock.monotonic() - begun
        return passed >= 4.0, 4.0 - passed

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(seconds)

    assert rules.wait_for(look, sleep, clock=clock, timeout=60.0, closed=lambda: False) is True
    assert slept == [4.0]


def test_a_wait_that_nothing_wakes_looks_again_now_and_then_and_ends_in_time() -> None:
    clock = VirtualClock()
    slept = list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(seconds)

    assert rules.wait_for(lambda: ("", None), sleep, clock=clock, timeout=40.0, closed=lambda: False) == ""
    assert slept == [rules.LOOK_EVERY, rules.LOOK_EVERY, 10.0]


def test_a_wait_does_not_spin_over_what_is_about_to_come() -> None:
    clock = VirtualClock()
    slept = list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(seconds)

    rules.wait_for(lambda: ("", -1.0), sleep, clock=clock, timeout=0.0101, closed=lambda: False)
    assert min(slept[:-1]) >= rules.SHORTEST_SLEEP


def test_a_wait_on_a_closed_store_returns() -> None:
    closed = threading.Event()

    def sleep(seconds: float) -> None:
        del seconds
        closed.set()

    found = rules.wait_for(lambda: ("", None), sleep, clock=SYSTEM_CLOCK, timeout=60.0, closed=closed.is_set)
    assert found == ""
