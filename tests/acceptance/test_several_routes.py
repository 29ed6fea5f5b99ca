"""One worker for several routes: ``skunq work -r a,b,c``, on the embedded store and on a server."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from skunkqueue.records import State
from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import LONG_LEASE, QUEUE, Shop, ended
from tests.support.redis_fixtures import NewServer, new_server
from tests.support.waiting import eventually

__all__ = ["new_server"]

ROUTES = ("mails", "reports", "pictures")
TOGETHER = ",".join(ROUTES)


@pytest.fixture(params=["sqlite", "valkey"])
def shop(request: pytest.FixtureRequest, tmp_path: Path, new_server: NewServer) -> Iterator[Shop]:
    """A shop on each store."""
    url = None if request.param == "sqlite" else new_server().url()
    with Shop(tmp_path, url) as made:
        yield made


def test_one_process_runs_the_jobs_of_all_its_routes(shop: Shop) -> None:
    shop.work("-r", TOGETHER)
    (pid,) = shop.pids()

    made = [shop.fire("tally", route=route) for _ in range(10) for route in ROUTES]

    assert {shop.result(firing) for firing in made} == {pid}
    # It sleeps now, and each route wakes it.
    for route in reversed(ROUTES):
        assert shop.result(shop.fire("tally", route=route)) == pid


def test_a_killed_worker_loses_nothing_on_any_of_its_routes(shop: Shop) -> None:
    shop.work("-r", TOGETHER, "--lease", str(LONG_LEASE))
    held = shop.fire("hold", "go", route="reports")
    shop.begun(held)
    waiting = [shop.fire("add", 1, number, route=route) for number in range(20) for route in ROUTES]
    (pid,) = shop.pids()
    (shop.folder / f"begun-{held}").unlink()

    os.kill(pid, signal.SIGKILL)

    eventually(lambda: shop.marked("begun", held), PATIENCE, what="it has begun again")
    shop.touch("go")
    assert shop.result(held) == 42
    assert sorted(shop.result(firing) for firing in waiting) == sorted(
        1 + number for number in range(20) for _ in ROUTES
    )
    assert {shop.record(firing).deaths for firing in waiting} == {0}
    assert shop.record(held).deaths == 1


def test_a_burst_ends_once_all_of_its_routes_are_empty(shop: Shop) -> None:
    made = [shop.fire("add", 1, 1, route=route) for _ in range(5) for route in ROUTES]

    pool = shop.project.work("-q", QUEUE, "-r", TOGETHER, "--burst")

    assert ended(pool) == 0
    assert {shop.state(firing) for firing in made} == {State.COMPLETE}


def test_words_are_workers_and_commas_are_routes_of_one(shop: Shop) -> None:
    shop.work("-r", "mails,reports", "pictures", workers=2)

    listed = sorted(worker.routes for worker in shop.backend.workers(QUEUE))
    # A pool lists itself on a thread of its own, and its workers as they are told to it.
    (pool,) = eventually(
        lambda: [pool for pool in shop.backend.pools() if pool.workers == 2], what="the pool is listed"
    )
    assert listed == [("mails", "reports"), ("pictures",)]
    assert [len(shop.backend.workers(QUEUE, route)) for route in ROUTES] == [1, 1, 1]
    assert (pool.routes, pool.workers) == (ROUTES, 2)
    assert sorted(process.routes for process in pool.processes) in (listed, [])


def test_commands_count_a_worker_on_each_of_its_routes(shop: Shop) -> None:
    shop.work("-r", "mails,reports")
    (pid,) = shop.pids()

    for route in ("mails", "reports"):
        (shown,) = shop.project.skunq("workers", "-q", QUEUE, "-r", route)["workers"]
        assert (shown["pid"], shown["routes"]) == (pid, ["mails", "reports"])
    routes = shop.project.skunq("queues", "-q", QUEUE)["routes"]
    assert {each["route"]: each["workers"] for each in routes} == {"mails": 1, "reports": 1}
