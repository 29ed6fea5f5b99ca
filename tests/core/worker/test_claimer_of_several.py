"""A worker of several routes, in the test's own process: which route it claims from, and what wakes it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import worker as listed_worker
from skunkqueue.persistence.awaited import AwaitedClaim
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.processes.exit_codes import Ending
from skunkqueue.records import State
from skunkqueue.worker.fetch.claimer_of_several import EMPTY_FOR, ClaimerOfSeveral
from skunkqueue.worker.worker import Worker
from tests.core.worker import jobs_of_tests as jobs
from tests.core.worker.bench import QUEUE, Bench
from tests.support.waiting import PATIENCE, eventually

ROUTES = ("a", "b", "c")


def claimer(bench: Bench, order: str = "weighted") -> ClaimerOfSeveral:
    """Make one over the bench's store."""
    settings = bench.settings(route="a", routes=ROUTES, order=order)
    return ClaimerOfSeveral(bench.backend, settings, bench.clock.monotonic)


def fill(bench: Bench, count: int, routes: tuple[str, ...] = ROUTES) -> None:
    """Put so many firings on each route."""
    for route in routes:
        for _ in range(count):
            bench.fire(jobs.add(1, 2), route=route)


def claimed(claimer: ClaimerOfSeveral, count: int) -> str:
    """Claim so often; return the routes of what was lent, in a row."""
    return "".join(one.route for _ in range(count) for one in claimer.claim(1))


def test_it_claims_from_earlier_routes_more_often_and_from_each(bench: Bench) -> None:
    fill(bench, 12)
    assert claimed(claimer(bench), 12) == "abcabaabcaba"


def test_in_round_robin_it_claims_from_each_as_often(bench: Bench) -> None:
    fill(bench, 12)
    assert claimed(claimer(bench, "round-robin"), 6) == "abcabc"


def test_it_goes_on_to_routes_that_have_something(bench: Bench) -> None:
    fill(bench, 3, ("c",))
    assert claimed(claimer(bench), 5) == "ccc"


def test_a_paused_route_is_left_out(bench: Bench) -> None:
    fill(bench, 2)
    bench.backend.pause(QUEUE, "a")
    assert sorted(claimed(claimer(bench), 6)) == ["b", "b", "c", "c"]


def test_a_batch_is_of_one_route(bench: Bench) -> None:
    fill(bench, 5)
    found = claimer(bench)
    assert ["".join(one.route for one in found.claim(9)) for _ in range(4)] == ["aaaaa", "bbbbb", "ccccc", ""]


def test_what_comes_to_an_empty_route_is_claimed_soon_while_others_are_busy(bench: Bench) -> None:
    assert isinstance(bench.clock, VirtualClock)
    found = claimer(bench)
    fill(bench, 9, ("b",))
    assert claimed(found, 2) == "bb"
    fill(bench, 1, ("a",))
    bench.clock.advance(EMPTY_FOR)
    assert claimed(found, 1) == "a"


def test_what_comes_to_an_empty_route_is_claimed_at_once_where_nothing_else_is(bench: Bench) -> None:
    found = claimer(bench)
    assert claimed(found, 1) == ""
    fill(bench, 1, ("c",))
    assert claimed(found, 1) == "c"


def test_a_burst_ends_once_all_routes_are_empty(bench: Bench) -> None:
    fill(bench, 7)

    assert bench.work(route="a", routes=ROUTES) is Ending.FINISHED

    assert [info.counts[State.COMPLETE] for info in bench.backend.routes(QUEUE)] == [7, 7, 7]


def test_a_worker_is_listed_under_each_of_its_routes(bench: Bench) -> None:
    worker = bench.worker(route="a", routes=ROUTES)
    assert worker.heartbeat.describe().routes == ROUTES


def test_schedules_of_all_its_routes_are_healed(bench: Bench) -> None:
    worker = bench.worker(route="a", routes=ROUTES)
    assert tuple(worker._refires._routes) == ROUTES


# --- what wakes it ------------------------------------------------------------------------------------


class WithoutDescriptors(SQLiteBackend):
    """Has another thread wait."""

    def begin_claim(
        self, queue: str, route: str, worker: str, limit: int, lease: float
    ) -> AwaitedClaim | None:
        """Say that it cannot."""
        del queue, route, worker, limit, lease
        return None


@contextmanager
def at_work(bench: Bench, store: SQLiteBackend) -> Iterator[Worker]:
    """Let a worker of all routes run in a thread, until it was told to stop."""
    worker = bench.worker(store, burst=False, route="a", routes=ROUTES)
    endings: list[Ending] = []
    thread = threading.Thread(target=lambda: endings.append(worker.run()), name="main")
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(PATIENCE)
    assert endings == [Ending.STOPPED]


def completed(bench: Bench, firing: str) -> None:
    """Wait until a firing is complete."""
    eventually(lambda: bench.record(firing).state is State.COMPLETE, PATIENCE, what="the firing is complete")


@pytest.mark.parametrize("kind", [SQLiteBackend, WithoutDescriptors])
def test_an_idle_worker_is_woken_by_each_route_and_holds_nothing_of_the_others(
    live_bench: Bench, kind: type[SQLiteBackend]
) -> None:
    store = kind.open(live_bench.config)
    with at_work(live_bench, store):
        for _ in range(5):
            for route in reversed(ROUTES):
                firing = live_bench.fire(jobs.add(1, 2), route=route)
                completed(live_bench, firing)
    store.close()
    assert all(not info.counts[State.RUNNING] for info in live_bench.backend.routes(QUEUE))


def test_copies_of_a_broadcast_on_each_route_reach_it(live_bench: Bench) -> None:
    store = SQLiteBackend.open(live_bench.config)
    with at_work(live_bench, store) as worker:
        me = worker.heartbeat.describe().id
        live_bench.backend.register(listed_worker("another"), 60.0)
        made = [live_bench.fire(jobs.add(1, 2), route=route, target=me) for route in ROUTES]
        for firing in made:
            completed(live_bench, firing)
    store.close()
