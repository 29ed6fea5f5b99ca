"""What was counted over a time that has passed."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from typing import Any

import pytest
from flask import Flask

from skunkqueue.counters import Counters, sample_of, tally
from skunkqueue.errors import BackendUnavailableError
from skunkqueue.persistence import Backend
from skunkqueue.records import Verdict
from skunkqueue.web.history import WINDOWS, History, rates
from skunkqueue.web.past_charts import charts_of
from skunkqueue.web.source import KEY, Source
from tests.support.waiting import eventually

NOW = 1_000_000_000.0
MANY = [("shop", f"route-{number}") for number in range(100)]
"""So many that their day is read in the background."""
MAIL = ("shop", "mail")
OTHER = ("shop", "other")


def counted(
    begin: float, values: dict[str, float], route: tuple[str, str] = MAIL, job: str | None = None
) -> Counters:
    return Counters(queue=route[0], route=route[1], job=job, begin=begin, values=values)


def readers(before: Collection[threading.Thread]) -> int:
    """Count the threads that read a history, without those that were there before."""
    return sum(each.name == "web history" for each in threading.enumerate() if each not in before)


class Store:
    """Counters by hand, and what was asked for."""

    def __init__(self, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kept: list[Counters] = []
        self.asked: list[tuple[float, float]] = []
        self.gate = threading.Event()
        """Other threads than the test's wait here."""
        self.gate.set()
        monkeypatch.setattr(source.backend, "counters", self.counters)

    def counters(
        self, routes: Sequence[tuple[str, str]], since: float, until: float, *, hours: bool, jobs: bool
    ) -> list[Counters]:
        del hours
        if threading.current_thread() is not threading.main_thread():
            assert self.gate.wait(60)
        self.asked.append((since, until))
        return [
            each
            for each in self.kept
            if (each.queue, each.route) in routes
            and since <= each.begin < until
            and (each.job is not None) == jobs
        ]


@pytest.fixture
def source(app: Flask, store: Backend) -> Source:
    del store
    found: Source = app.extensions[KEY]
    return found


@pytest.fixture
def kept(source: Source, monkeypatch: pytest.MonkeyPatch) -> Store:
    return Store(source, monkeypatch)


def test_counters_of_routes_are_added_up(source: Source, kept: Store) -> None:
    begin = NOW // 60 * 60 - 300
    kept.kept = [
        counted(begin, {"enqueued": 2, "complete": 1}),
        counted(begin, {"enqueued": 3, "error": 2}, OTHER),
    ]

    past = History(source).read([MAIL, OTHER], WINDOWS["hour"], NOW)

    part = past.parts[int((begin - past.begin) // 60)]
    assert part is not None
    assert (part.entered, part.ended, part.error) == (5, 3, 2)


def test_the_deepest_sample_of_a_part_is_the_sum_over_routes_of_one_moment(
    source: Source, kept: Store
) -> None:
    begin = NOW // 600 * 600 - 6_000
    kept.kept = [
        counted(begin, sample_of(5, 1, None, NOW)),
        counted(begin, sample_of(7, 0, None, NOW), OTHER),
        counted(begin + 60, sample_of(9, 0, None, NOW)),
    ]

    past = History(source).read([MAIL, OTHER], WINDOWS["day"], NOW)

    part = past.parts[int((begin - past.begin) // 600)]
    assert part is not None
    assert part.pending == 12


def test_percentiles_are_those_of_all_that_was_counted(source: Source, kept: Store) -> None:
    begin = NOW // 60 * 60 - 300
    values: dict[str, float] = {}
    for number in range(100):
        tally(values, Verdict.COMPLETE, NOW, NOW + number / 100, 0.5)
    kept.kept = [Counters(queue="shop", route="mail", job=None, begin=begin, values=values)]

    past = History(source).read([MAIL], WINDOWS["hour"], NOW)

    part = past.parts[int((begin - past.begin) // 60)]
    assert part is not None
    assert part.waits is not None
    assert part.waits[0] == pytest.approx(0.5, rel=0.2)
    assert part.waits[2] == pytest.approx(0.99, rel=0.2)


def test_where_nothing_was_counted_percentiles_and_samples_are_unknown(source: Source, kept: Store) -> None:
    del kept
    past = History(source).read([MAIL], WINDOWS["hour"], NOW)

    assert past.is_whole
    assert all(part is not None and part.waits is None and part.pending is None for part in past.parts)


def test_what_is_over_is_read_once(source: Source, kept: Store) -> None:
    history = History(source)
    history.read([MAIL], WINDOWS["hour"], NOW)
    kept.asked.clear()

    history.read([MAIL], WINDOWS["hour"], NOW + 60)

    assert sum(until - since for since, until in kept.asked) <= 4 * 60


@pytest.mark.parametrize("over", WINDOWS)
def test_what_was_counted_in_the_part_that_is_not_over_is_known(
    source: Source, kept: Store, over: str
) -> None:
    step = WINDOWS[over].step
    begin = NOW // step * step
    kept.kept = [counted(begin, {"enqueued": 5, "complete": 2})]

    past = History(source).read([MAIL], WINDOWS[over], NOW)

    assert past.begin + (len(past.parts) - 1) * step == begin
    assert past.parts[-1] is not None
    assert (past.parts[-1].entered, past.parts[-1].ended) == (5, 2)


def test_what_comes_in_evenly_is_drawn_level_to_its_end(source: Source, kept: Store) -> None:
    now = NOW // 600 * 600 + 150
    kept.kept = [counted(now // 600 * 600 - 600, {"enqueued": 400}), counted(now - 150, {"enqueued": 100})]

    (flow, *_) = charts_of(History(source).read([MAIL], WINDOWS["day"], now))
    (whole, so_far) = flow.chart.lines[-2:]
    (dashed,) = (shape.path for shape in flow.chart.shapes if shape.is_open and shape.look == "in")

    assert [(line.values[0], line.is_open) for line in (whole, so_far)] == [("400", False), ("100", True)]
    assert len(set(dashed[1:].split()[1::2])) == 1


def test_a_rate_is_that_of_the_last_five_minutes_up_to_now(source: Source, kept: Store) -> None:
    now = NOW // 60 * 60 + 15
    kept.kept = [counted(now - 15 - 60 * number, {"complete": 60 if number else 15}) for number in range(6)]

    found = rates(History(source).read([MAIL], WINDOWS["hour"], now))

    assert (found.ended, found.seconds, found.ended_in_hour) == (300, 300, 315)


def test_only_the_job_that_is_asked_for_is_counted(source: Source, kept: Store) -> None:
    begin = NOW // 60 * 60 - 300
    kept.kept = [counted(begin, {"complete": 1}, job="a:b"), counted(begin, {"complete": 5}, job="c:d")]

    past = History(source).read([MAIL], WINDOWS["hour"], NOW, "a:b")

    assert sum(part.ended for part in past.parts if part is not None) == 1


def test_what_takes_long_is_read_in_the_background_newest_first(source: Source, kept: Store) -> None:
    history = History(source)
    kept.gate.clear()

    first = history.read(MANY, WINDOWS["day"], NOW)
    assert not first.is_whole
    assert first.parts[-1] is not None
    kept.gate.set()
    eventually(lambda: history.read(MANY, WINDOWS["day"], NOW).is_whole)

    ends = [until for _, until in kept.asked]
    assert ends[0] == max(ends)


def test_a_store_without_routes_has_an_empty_past(source: Source, kept: Store) -> None:
    past = History(source).read([], WINDOWS["hour"], NOW)

    assert past.is_whole
    assert kept.asked == []


def test_two_threads_read_for_all_selections_and_each_has_its_turn(source: Source, kept: Store) -> None:
    before = threading.enumerate()
    history = History(source)
    jobs = [f"shop:job-{number}" for number in range(5)]
    kept.gate.clear()

    for job in jobs:
        history.read(MANY, WINDOWS["day"], NOW, job)
    at_once = readers(before)
    kept.gate.set()

    assert at_once == 2
    eventually(lambda: all(history.read(MANY, WINDOWS["day"], NOW, job).is_whole for job in jobs))
    eventually(lambda: readers(before) == 0)


def test_nobody_reads_on_what_was_forgotten_meanwhile(source: Source, kept: Store) -> None:
    before = threading.enumerate()
    history = History(source)
    kept.gate.clear()

    for job in ("shop:one", "shop:two", "shop:three"):
        history.read(MANY, WINDOWS["day"], NOW, job)
    for number in range(40):
        history.read([MAIL], WINDOWS["hour"], NOW, f"shop:job-{number}")
    kept.gate.set()
    eventually(lambda: readers(before) == 0)

    # The last part of each was read at once, and at most one more by each of the two threads.
    assert sum(until - since == WINDOWS["day"].step for since, until in kept.asked) <= 3 + 2


def test_the_next_is_read_after_one_whose_store_was_away(
    source: Source, kept: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(source)
    jobs = [f"shop:job-{number}" for number in range(4)]
    left = [3]

    def counters(*given: Any, **named: Any) -> list[Counters]:
        if threading.current_thread() is not threading.main_thread():
            assert kept.gate.wait(60)
            if left[0]:
                left[0] -= 1
                raise BackendUnavailableError("the store is away")
        return kept.counters(*given, **named)

    monkeypatch.setattr(source.backend, "counters", counters)
    kept.gate.clear()
    for job in jobs:
        history.read(MANY, WINDOWS["day"], NOW, job)
    kept.gate.set()

    eventually(lambda: all(history.read(MANY, WINDOWS["day"], NOW, job).is_whole for job in jobs))
