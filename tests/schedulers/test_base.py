"""``with``, ``<<`` and ``flush``: what becomes a schedule, and under which name."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from skunkqueue import JobMixin, SkunkQueue, State
from skunkqueue.clock import VirtualClock
from skunkqueue.errors import NameInvalidError, NotAJobError, PolicyError, ScheduleError
from skunkqueue.payload import decode_body
from skunkqueue.records import Schedule
from skunkqueue.scheduler import AIMDScheduler, RTOScheduler, Scheduler, SlowStartScheduler, TimeScheduler

HERE = "tests.schedulers.test_base"
HOUR = timedelta(hours=1)


class Foo(JobMixin):
    def work(self, *_: object) -> None:
        pass


class Bar(JobMixin):
    def work(self, *_: object, **__: object) -> None:
        pass


@dataclass(frozen=True)
class Point:
    x: int
    y: int


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def queue(tmp_path: Path, clock: VirtualClock) -> Iterator[SkunkQueue]:
    with SkunkQueue("demo", conn_url=f"sqlite:///{tmp_path}/q.db", clock=clock) as queue:
        yield queue


def found(queue: SkunkQueue) -> dict[str, Schedule]:
    return {schedule.name: schedule for schedule in queue.backend.schedules("demo")}


def steps(schedule: Schedule) -> list[str]:
    return [step.job for step in decode_body(schedule.body).steps]


def pending(queue: SkunkQueue) -> int:
    return sum(info.counts.get(State.PENDING, 0) for info in queue.backend.routes("demo"))


# --- with, << and flush ---------------------------------------------------------------------------


def test_what_is_fed_between_two_flushes_is_conjoined(queue: SkunkQueue) -> None:
    with TimeScheduler(queue, HOUR) as schedule:
        schedule << Foo() << Bar()
        schedule.flush()
        schedule << Foo()

    assert [steps(each) for each in found(queue).values()] == [
        [f"{HERE}:Foo"],
        [f"{HERE}:Foo", f"{HERE}:Bar"],
    ]


def test_a_flush_tells_the_name_and_takes_effect_at_once(queue: SkunkQueue) -> None:
    schedule = TimeScheduler(queue, HOUR)
    schedule << Foo()

    assert schedule.flush() == f"{HERE}:Foo"
    assert pending(queue) == 1


def test_an_empty_flush_does_nothing(queue: SkunkQueue) -> None:
    with TimeScheduler(queue, HOUR) as schedule:
        assert schedule.flush() is None

    assert found(queue) == {}


def test_an_exception_inside_with_declares_nothing_more_and_is_not_swallowed(queue: SkunkQueue) -> None:
    schedule = TimeScheduler(queue, HOUR)

    def declare() -> None:
        with schedule:
            schedule << Foo()
            schedule.flush()
            schedule << Bar()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        declare()

    assert list(found(queue)) == [f"{HERE}:Foo"]
    assert schedule.flush() is None


@pytest.mark.parametrize("thing", [Foo, print, "demo:Foo", None, 3])
def test_what_is_no_job_is_refused_and_what_was_fed_is_kept(queue: SkunkQueue, thing: Any) -> None:
    schedule = TimeScheduler(queue, HOUR)
    schedule << Foo()
    with pytest.raises(NotAJobError):
        schedule << thing

    assert schedule.flush() == f"{HERE}:Foo"


def test_chains_and_calls_may_be_fed_too(queue: SkunkQueue) -> None:
    with TimeScheduler(queue, HOUR, name="all") as schedule:
        schedule << Foo()(1) << (Bar() & Foo())

    assert steps(found(queue)["all"]) == [f"{HERE}:{name}" for name in ("Foo", "Bar", "Foo")]


def test_the_first_fed_says_where_it_runs_and_in_which_order(queue: SkunkQueue) -> None:
    first = Foo()
    first.routes = ["here"]
    first.priority = 9
    with TimeScheduler(queue, HOUR, name="both") as schedule:
        schedule << first << Bar()

    assert (found(queue)["both"].route, found(queue)["both"].priority) == ("here", 9)


def test_what_cannot_be_declared_is_kept_for_another_try(queue: SkunkQueue) -> None:
    job = Foo()
    job.routes = ["a", "b"]
    schedule = TimeScheduler(queue, HOUR)
    call = job()
    schedule << call
    with pytest.raises(PolicyError, match="2 routes"):
        schedule.flush()
    call.routes = ["a"]

    assert schedule.flush() is not None


def test_the_queue_must_be_one() -> None:
    with pytest.raises(ScheduleError, match="SkunkQueue"):
        TimeScheduler("demo", HOUR)  # type: ignore[arg-type]


# --- names ----------------------------------------------------------------------------------------


def named(job: JobMixin, **attributes: object) -> JobMixin:
    for name, value in attributes.items():
        setattr(job, name, value)
    return job


@pytest.mark.parametrize(
    ("job", "name"),
    [
        (Foo(), f"{HERE}:Foo"),
        (Foo()("Jed", 3), f"{HERE}:Foo('Jed', 3)"),
        (Bar()(city="Rome"), f"{HERE}:Bar(city='Rome')"),
        (named(Foo(), city="Rome"), f"{HERE}:Foo(city='Rome')"),
        (named(Foo(), routes=["foo"], priority=9), f"{HERE}:Foo"),
        (
            Foo()([1, ("a", None)], {"k": date(2026, 1, 2)}),
            f"{HERE}:Foo([1, ('a', None)], {{'k': datetime.date(2026, 1, 2)}})",
        ),
        (Foo()("x" * 100), f"{HERE}:Foo('{'x' * 39}… 9919cd30)"),
        (Foo() & Bar()(1), f"{HERE}:Foo & {HERE}:Bar(1)"),
        (Foo()("a\nb"), f"{HERE}:Foo('a\\nb')"),
    ],
)
def test_a_schedule_is_named_by_its_jobs(queue: SkunkQueue, job: Any, name: str) -> None:
    schedule = TimeScheduler(queue, HOUR)
    schedule << job

    assert schedule.flush() == name


@pytest.mark.parametrize("argument", [{"b", "a"}, [{1}], [2**20_000], Point(1, 2), object()], ids=range(5))
def test_arguments_that_another_process_may_write_otherwise_need_a_name(
    queue: SkunkQueue, argument: object
) -> None:
    schedule = TimeScheduler(queue, HOUR)
    schedule << Foo()(argument)
    with pytest.raises(ScheduleError, match="name="):
        schedule.flush()
    assert found(queue) == {}


def test_other_arguments_are_another_schedule(queue: SkunkQueue) -> None:
    with TimeScheduler(queue, HOUR) as schedule:
        for day in (1, 2):
            schedule << Foo()(date(2026, 1, day))
            schedule.flush()
        for letter in "xy":
            schedule << Foo()("x" * 100 + letter)
            schedule.flush()

    assert len(found(queue)) == 4


@pytest.mark.parametrize("name", ["", "x" * 199, 3, "a\nb"])
def test_a_name_is_checked_at_once(queue: SkunkQueue, name: Any) -> None:
    with pytest.raises(NameInvalidError):
        TimeScheduler(queue, HOUR, name=name)


def test_what_is_never_flushed_is_told_of(queue: SkunkQueue, caplog: pytest.LogCaptureFixture) -> None:
    schedule = TimeScheduler(queue, HOUR)
    schedule << Foo()
    del schedule
    gc.collect()

    assert f"TimeScheduler was fed {HERE}:Foo and never flushed" in caplog.text


def test_what_was_flushed_or_given_up_is_not_told_of(
    queue: SkunkQueue, caplog: pytest.LogCaptureFixture
) -> None:
    with TimeScheduler(queue, HOUR) as schedule:
        schedule << Foo()
    with suppress(ZeroDivisionError), TimeScheduler(queue, HOUR) as schedule:
        schedule << Foo()
        raise ZeroDivisionError
    del schedule
    gc.collect()

    assert "never flushed" not in caplog.text


def test_a_very_long_chain_has_a_name_that_fits(queue: SkunkQueue) -> None:
    schedule = TimeScheduler(queue, HOUR)
    for _ in range(20):
        schedule << Foo()

    name = schedule.flush()

    assert name is not None
    assert list(found(queue)) == [name]


def test_flushes_under_one_name_are_numbered(queue: SkunkQueue) -> None:
    with TimeScheduler(queue, HOUR, name="tick") as schedule:
        schedule << Foo()
        schedule.flush()
        schedule << Bar()

    assert {name: steps(each)[0][-3:] for name, each in found(queue).items()} == {
        "tick": "Foo",
        "tick #2": "Bar",
    }


# --- declaring again ------------------------------------------------------------------------------


def test_declaring_the_same_again_changes_nothing(queue: SkunkQueue, clock: VirtualClock) -> None:
    for _ in range(3):
        with TimeScheduler(queue, HOUR) as schedule:
            schedule << Foo()
            schedule.flush()
            schedule << Bar()
        before = found(queue)
        clock.advance(600)

    assert found(queue) == before
    assert pending(queue) == 2


def test_another_scheduler_with_the_same_jobs_says_that_it_replaces(
    queue: SkunkQueue, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for kind in (TimeScheduler(queue, HOUR), RTOScheduler(queue)):
            with kind as schedule:
                schedule << Foo()

    assert [each.strategy for each in found(queue).values()] == ["rto"]
    assert "takes the place of the first" in caplog.text
    assert "name=" in caplog.text


def test_two_schedulers_with_names_have_the_same_jobs_quietly(
    queue: SkunkQueue, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("morning", "evening"):
        with TimeScheduler(queue, "@daily", name=name) as schedule:
            schedule << Foo()

    assert list(found(queue)) == ["evening", "morning"]
    assert caplog.text == ""


def test_jitter_differs_between_schedules_of_one_scheduler(queue: SkunkQueue) -> None:
    with TimeScheduler(queue, HOUR, jitter=600) as schedule:
        for number in range(5):
            schedule << Foo()(number)
            schedule.flush()

    assert len({each.next_run for each in found(queue).values()}) == 5


# --- bounds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        (RTOScheduler, {"lower": 10, "upper": 5}, "lower"),
        (RTOScheduler, {"initial": 0.5, "lower": 1}, "initial"),
        (RTOScheduler, {"initial": 0}, "initial"),
        (RTOScheduler, {"granularity": -1}, "granularity"),
        (RTOScheduler, {"upper": timedelta(0)}, "upper"),
        (AIMDScheduler, {"shortest": 10, "longest": 5}, "shortest"),
        (AIMDScheduler, {"initial": 3, "shortest": 5}, "initial"),
        (AIMDScheduler, {"increase": 0}, "increase"),
        (AIMDScheduler, {"increase": float("nan")}, "increase"),
        (AIMDScheduler, {"decrease": 1}, "decrease"),
        (AIMDScheduler, {"decrease": 0.0}, "decrease"),
        (AIMDScheduler, {"longest": float("inf")}, "longest"),
        (SlowStartScheduler, {"shortest": timedelta(hours=2), "longest": HOUR}, "shortest"),
        (SlowStartScheduler, {"threshold": 120, "initial": 60}, "threshold"),
        (SlowStartScheduler, {"threshold": 0.5, "shortest": 1}, "threshold"),
        (SlowStartScheduler, {"increase": "1"}, "increase"),
        (SlowStartScheduler, {"initial": True}, "initial"),
    ],
)
def test_wrong_bounds_are_named(
    queue: SkunkQueue, kind: type[Scheduler], options: dict[str, Any], says: str
) -> None:
    with pytest.raises(ScheduleError, match=says):
        kind(queue, **options)


@pytest.mark.parametrize("kind", [RTOScheduler, AIMDScheduler, SlowStartScheduler])
def test_bounds_far_from_the_usual_first_interval_move_it(queue: SkunkQueue, kind: Any) -> None:
    low = "lower" if kind is RTOScheduler else "shortest"
    with kind(queue, **{low: timedelta(hours=2)}) as schedule:
        schedule << Foo()

    assert [each.interval for each in found(queue).values()] == [7_200.0]
