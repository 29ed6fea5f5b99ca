"""The hour that ``skunq demo --web`` begins with: it looks like one that has passed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from itertools import combinations
from statistics import correlation

import pytest

from skunkqueue.cli import demo_past
from skunkqueue.cli import demo_shop as shop
from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.config import open_backend, resolve
from skunkqueue.counters import Counters
from skunkqueue.listings import Query
from skunkqueue.persistence import Backend
from skunkqueue.records import State
from skunkqueue.worker.judge.failures import kind_of

ROUTES = ("orders", "pictures", "reports", "rates")


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """The store of a demo that begins."""
    url = f"sqlite:///{tmp_path_factory.mktemp('past') / 'demo.db'}"
    demo_past.make(url)
    with closing(open_backend(resolve(conn_url=url), clock=SYSTEM_CLOCK)) as store:
        yield store


@pytest.fixture(scope="module")
def minutes(past: Backend) -> list[Counters]:
    now = past.now()
    return past.counters([(shop.QUEUE, route) for route in ROUTES], now - 3_600, now)


def test_what_failed_has_the_name_that_a_worker_gives_it(past: Backend) -> None:
    failed = past.rows(Query(queue=shop.QUEUE, route="orders", states=(State.ERROR,)), 100).rows

    assert failed
    assert {(row.error or "").partition(":")[0] for row in failed} == {kind_of(shop.BankError())}


def test_no_two_routes_have_the_same_course(minutes: list[Counters]) -> None:
    entered: defaultdict[str, dict[float, float]] = defaultdict(dict)
    for each in minutes:
        entered[each.route][each.begin] = each.values.get("enqueued", 0.0)
    times = sorted({each.begin for each in minutes})
    courses = {route: [entered[route].get(time, 0.0) for time in times] for route in ROUTES}

    for one, other in combinations(ROUTES, 2):
        assert correlation(courses[one], courses[other]) < 0.8, (one, other)


def test_some_were_running_at_most_times(minutes: list[Counters]) -> None:
    running = [each for each in minutes if each.values.get("running")]

    assert len(running) > len(minutes) / 4
