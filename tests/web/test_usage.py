"""Charts of what workers use, and of how schedules fare."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace

from skunkqueue.persistence import Backend
from skunkqueue.pools import Sample
from skunkqueue.records import Run
from skunkqueue.web import usage
from skunkqueue.web.source import KEY
from tests.web.crews import add_pool

KIB = 1 << 10


def samples(*values: tuple[float, int, float]) -> list[Sample]:
    return [Sample(at, rss, cpu) for at, rss, cpu in values]


def run(number: int, *, verdict: str = "complete", interval: float | None = 10.0) -> Run:
    return Run(
        id=f"{number:024x}", began=100.0 + number, took=1.5, verdict=verdict, interval=interval, late=0.5
    )


def test_before_there_are_enough_samples_nothing_is_drawn() -> None:
    assert usage.usage([]) is None
    assert usage.usage([samples((1, KIB, 0.0), (2, KIB, 0.5))]) is None


def test_what_processes_use_is_added_up_at_each_moment() -> None:
    first = samples((10, KIB, 1.0), (20, 2 * KIB, 2.0), (30, 2 * KIB, 3.0))
    # It began later, and was measured at moments of its own.
    second = samples((21, 3 * KIB, 0.0), (30, 4 * KIB, 9.0))

    found = usage.usage([first, second])

    assert found is not None
    assert found.memory.series[0].values == (KIB, 2 * KIB, 5 * KIB, 6 * KIB)
    assert found.cpu.series[0].values == pytest.approx((0.1, 1.1))
    assert found.peak == 6 * KIB


def test_the_interval_after_each_run_is_drawn_and_failures_are_marked() -> None:
    chart = usage.pace([run(0), run(1, verdict="error", interval=20.0), run(2, interval=None)])

    assert chart is not None
    assert [series.values for series in chart.series] == [(10.0, 20.0, None), (None, 20.0, None)]
    assert [series.look for series in chart.series] == ["interval", "error"]


def test_run_time_and_delay_of_each_run_are_drawn() -> None:
    chart = usage.work([run(0), run(1)])

    assert chart is not None
    assert [series.values for series in chart.series] == [(1.5, 1.5), (0.5, 0.5)]


def test_a_single_run_is_not_drawn() -> None:
    assert usage.pace([run(0)]) is None
    assert usage.work([run(0)]) is None
    assert usage.pace_spark([run(0)]) is None


def test_the_page_of_a_pool_draws_memory_and_cpu(client: FlaskClient, store: Backend) -> None:
    pool = add_pool(store, workers=2)
    few = client.get(f"/pools/{pool.id}").text
    now = store.now()
    each = [Sample(now - 30 + 10 * number, 32 << 20, number * 5.0) for number in range(3)]
    processes = [replace(process, samples=tuple(each)) for process in pool.processes]
    store.beat_pool(replace(pool, processes=tuple(processes)), 600.0)

    # What was read a moment ago is shown until something has changed.
    client.application.extensions[KEY].note_change()
    text = client.get(f"/pools/{pool.id}").text

    assert 'id="memory"' not in few
    assert "At most 64.0 MiB at a time." in text
    assert 'id="cpu"' in text
