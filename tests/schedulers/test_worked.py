"""Schedules run by a real worker over a real store, in virtual time: what strategies learn of each run."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from skunkqueue import SkunkQueue
from skunkqueue.clock import VirtualClock
from skunkqueue.job import Job
from skunkqueue.scheduler import RTOScheduler, Scheduler, TimeScheduler, rto
from tests.core.worker import jobs_of_tests as jobs
from tests.core.worker.bench import QUEUE, Bench

BERLIN = ZoneInfo("Europe/Berlin")
IN_MARCH = datetime(2026, 3, 20, 12, tzinfo=timezone.utc).timestamp()
Declare = Callable[..., Scheduler]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    jobs.RAN.clear()
    jobs.HOOKS.clear()
    made = Bench(tmp_path, VirtualClock(IN_MARCH))
    yield made
    made.backend.close()


def declare(bench: Bench, job: Any, kind: type[Scheduler], *rule: Any, **options: Any) -> None:
    assert bench.config.url is not None
    with (
        SkunkQueue(QUEUE, conn_url=bench.config.url, clock=bench.clock) as queue,
        kind(queue, *rule, name="tick", **options) as schedule,
    ):
        schedule << job


def hook(do: Callable[[], object]) -> Any:
    jobs.HOOKS["tick"] = do
    return jobs.call_hook("tick")


def learned(bench: Bench) -> rto.State:
    schedule = bench.backend.get_schedule(QUEUE, "tick")
    assert schedule is not None
    return msgspec.json.decode(schedule.state, type=rto.State)


def work_until(bench: Bench, runs: int, began: list[float], take: Callable[[int], float]) -> Any:
    """Declare nothing; return a job that notes its beginning, lasts in virtual time, and stops the worker."""
    worker = bench.worker(burst=False, lease=1e6)

    def run() -> None:
        began.append(bench.backend.now())
        bench.pass_time(take(len(began)))
        if len(began) == runs:
            worker.stop()

    return worker, hook(run)


def test_a_cron_line_runs_once_each_day_over_the_change_to_summer_time(bench: Bench) -> None:
    began: list[float] = []
    worker, job = work_until(bench, 20, began, lambda _: 1.0)
    declare(bench, job, TimeScheduler, "30 2 * * *", tz=BERLIN)

    worker.run()

    days = [datetime.fromtimestamp(at, BERLIN) for at in began]
    assert [day.date() for day in days] == [date(2026, 3, 21) + timedelta(days=n) for n in range(20)]
    assert {day.strftime("%H:%M") for day in days if day.date() != date(2026, 3, 29)} == {"02:30"}
    assert days[8].strftime("%d %H:%M") == "29 03:00"


def test_runs_of_an_interval_do_not_drift(bench: Bench) -> None:
    began: list[float] = []
    worker, job = work_until(bench, 300, began, lambda number: 3.0 if number % 2 else 0.5)
    declare(bench, job, TimeScheduler, 10)

    worker.run()

    late = [at - IN_MARCH - 10 * number for number, at in enumerate(began)]
    # How long the worker sleeps is rounded; what counts is that it does not add up.
    assert max(late) < 1.0
    assert min(late) > -0.002


def test_times_and_until_end_a_schedule(bench: Bench) -> None:
    count: list[int] = []
    declare(bench, hook(lambda: count.append(1)), TimeScheduler, 10, times=3)
    for _ in range(5):
        bench.work()
        bench.pass_time(10)

    assert (len(count), bench.backend.schedules()) == (3, [])


def test_rto_follows_the_run_time_that_the_worker_measures(bench: Bench) -> None:
    began: list[float] = []
    worker, job = work_until(bench, 60, began, lambda number: 5.0 if number < 20 else 15.0)
    declare(bench, job, RTOScheduler)

    worker.run()

    gaps = [later - earlier for earlier, later in itertools.pairwise(began)]
    assert gaps[17] == pytest.approx(5.1, abs=1.0)
    assert gaps[-1] == pytest.approx(15.1, abs=1.5)
    assert min(gaps[20:]) >= 15.0


def test_a_run_that_was_retried_is_no_sample_and_doubles(bench: Bench) -> None:
    declare(bench, jobs.fail(1), RTOScheduler, initial=8)
    bench.work()
    bench.pass_time(10)
    bench.work()

    assert learned(bench) == rto.State(srtt=None, rttvar=0.0, rto=16.0)


def test_a_run_that_failed_for_good_doubles_for_each_attempt(bench: Bench) -> None:
    declare(bench, jobs.fail(9), RTOScheduler, initial=8)
    for wait in (10, 20, 30, 0):
        bench.work()
        bench.pass_time(wait)

    assert learned(bench).rto == 8.0 * 2**4


def test_a_run_that_was_put_off_is_no_sample(bench: Bench) -> None:
    declare(bench, jobs.snooze(5), RTOScheduler, initial=8)
    for _ in range(3):
        bench.work()
        bench.pass_time(5)

    assert jobs.RAN == ["snooze"] * 3
    assert learned(bench) == rto.State(srtt=None, rttvar=0.0, rto=8.0)


def test_a_chain_retried_in_its_middle_is_no_sample(bench: Bench) -> None:
    first = hook(lambda: bench.pass_time(4.0))
    declare(bench, first & jobs.fail(1) & first, RTOScheduler, initial=8)
    bench.work()
    bench.pass_time(10)
    bench.work()

    assert learned(bench).srtt is None


def test_a_chain_is_measured_from_its_beginning_to_its_end(bench: Bench) -> None:
    first = hook(lambda: bench.pass_time(4.0))
    declare(bench, first & first, RTOScheduler)
    bench.work()

    assert learned(bench).srtt == pytest.approx(8.0, abs=0.1)


def test_an_async_job_is_scheduled_too(bench: Bench) -> None:
    double: Job[..., int] = jobs.double
    declare(bench, double(3), RTOScheduler)
    bench.work()

    assert learned(bench).srtt is not None


def test_a_run_that_waited_too_long_under_none_is_left_out(bench: Bench) -> None:
    count: list[float] = []
    declare(bench, hook(lambda: count.append(bench.backend.now())), TimeScheduler, 600, catch_up="none")
    bench.work()
    bench.pass_time(600 * 5 + 300)
    bench.work()
    assert len(count) == 1
    bench.pass_time(300)
    bench.work()

    assert count[1:] == [pytest.approx(IN_MARCH + 600 * 6, abs=1)]
    assert [run.verdict for run in bench.backend.history(QUEUE, "tick")] == [
        "complete",
        "expired",
        "complete",
    ]


@pytest.mark.parametrize(("catch_up", "runs"), [("one", 2), ("all", 6)])
def test_what_was_missed_while_nothing_was_running_is_caught_up(
    bench: Bench, catch_up: str, runs: int
) -> None:
    count: list[int] = []
    declare(bench, hook(lambda: count.append(1)), TimeScheduler, 600, catch_up=catch_up)
    bench.work()
    bench.pass_time(600 * 5 + 300)
    for _ in range(10):
        bench.work()

    assert len(count) == runs
    schedule = bench.backend.get_schedule(QUEUE, "tick")
    assert schedule is not None
    assert schedule.next_run == pytest.approx(IN_MARCH + 600 * 6, abs=1)


def test_the_end_of_a_schedule_is_in_the_log(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    declare(bench, hook(lambda: None), TimeScheduler, 10, times=1)
    with caplog.at_level(logging.INFO):
        bench.work()

    assert "schedule 'tick' is over" in caplog.text
