"""Real pools on a real server: ``skunq work --url redis://...``, and what becomes of jobs when things are killed.

More of it: ``tests/thorough/redis/test_worker.py``.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from skunkqueue.records import FINAL_STATES, State
from tests.acceptance.project_folder import PATIENCE, SEED, ProjectFolder
from tests.acceptance.shop import LONG_LEASE, QUEUE, Shop, ended
from tests.redis.patience import persistently
from tests.support.redis_fixtures import NewServer, new_server
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

__all__ = ["new_server"]

AS_WRITTEN = (SEED / "decorator.py").read_text(encoding="utf-8")
WITH_NAME_ALONE = AS_WRITTEN.replace("SkunkQueue('demo', **default_cfg)", "SkunkQueue('demo')")
assert WITH_NAME_ALONE != AS_WRITTEN


@pytest.fixture
def server(new_server: NewServer) -> RedisServer:
    return new_server(persistence="aof")


@pytest.fixture
def shop(tmp_path: Path, server: RedisServer) -> Iterator[Shop]:
    with Shop(tmp_path, server.url()) as made:
        yield made


# --- the seed's example -------------------------------------------------------------------------------


def test_the_seeds_example_prints_the_result_and_the_state(tmp_path: Path, server: RedisServer) -> None:
    with ProjectFolder(tmp_path, SKUNKQUEUE_URL=server.url()) as project:
        project.write("demo.py", WITH_NAME_ALONE)
        project.work("--url", server.url(), "-q", "demo", "-r", "foo").ready()

        assert project.run("demo.py").splitlines() == ["result 9", "state complete"]
        assert project.counts() == {"complete": 1, "pending": 1}


# --- killed workers -----------------------------------------------------------------------------------


def begun_again(shop: Shop, firing: str, within: float) -> None:
    """Wait until a firing whose first mark was taken away has begun anew."""
    began = time.monotonic()
    eventually(lambda: shop.marked("begun", firing), within, what=f"begun again within {within:g} s")
    print(f"begun again after {time.monotonic() - began:.2f} s")


def test_with_the_only_worker_killed_its_firing_runs_again_in_its_successor(shop: Shop) -> None:
    shop.work("--lease", str(LONG_LEASE))
    firing = shop.fire("hold", "go")
    shop.begun(firing)
    (pid,) = shop.pids()
    (shop.folder / f"begun-{firing}").unlink()

    os.kill(pid, signal.SIGKILL)

    begun_again(shop, firing, PATIENCE)
    shop.touch("go")
    assert shop.result(firing) == 42


# --- a server that is not there, or refuses -----------------------------------------------------------


def test_a_pool_whose_login_is_refused_ends_at_once(shop: Shop, server: RedisServer) -> None:
    url = server.url().replace("://", "://nobody:wrong@", 1)
    pool = shop.project.work("-q", QUEUE, "--url", url)

    assert ended(pool) == 3
    assert "no worker can start" in pool.said
    assert "refuses the login" in pool.said


# --- a server that fails ------------------------------------------------------------------------------


def complete(shop: Shop, firings: list[str]) -> Callable[[], bool]:
    """Make a condition: all of these are finished; who asks goes on asking where the server is down."""

    def check() -> bool:
        records = persistently(lambda: shop.backend.get(firings))
        return all(record is not None and record.state in FINAL_STATES for record in records)

    return check


def states(shop: Shop, firings: list[str]) -> set[State]:
    return {shop.state(firing) for firing in firings}


def test_a_pool_goes_on_by_itself_after_the_server_was_killed_and_restarted(
    shop: Shop, server: RedisServer
) -> None:
    pool = shop.work("-c", "2", workers=2)
    workers = shop.pids()
    before = [shop.fire("add", 1, number) for number in range(50)]
    held = shop.fire("hold", "go")
    shop.begun(held)

    server.kill()
    server.start()
    after = [persistently(lambda: shop.fire("add", 2, number)) for number in range(50)]  # noqa: B023 - at once
    shop.touch("go")

    everything = [*before, held, *after]
    eventually(complete(shop, everything), PATIENCE, every=0.1, what="all are finished")
    assert states(shop, everything) == {State.COMPLETE}
    assert pool.process.poll() is None
    assert sorted(shop.pids()) == sorted(workers)
    assert shop.record(held).deaths == 0


def test_a_claim_that_came_while_its_worker_was_stopped_is_not_begun(shop: Shop, server: RedisServer) -> None:
    """An idle worker's claim is made by the server, whether or not anybody takes it in."""
    stopped = shop.work("--lease", "1")
    (pid,) = shop.pids()
    # The pool and its worker wait for commands, and the worker for firings.
    eventually(lambda: server.ask("CLIENT", "LIST").count(b"flags=b") >= 3, what="the worker is idle")
    os.kill(pid, signal.SIGSTOP)
    try:
        firing = shop.fire("tally")
        shop.work("--lease", "1", workers=0)
        ran = shop.result(firing)
    finally:
        os.kill(pid, signal.SIGCONT)

    # It works again, and has let go of what it was lent.
    eventually(
        lambda: shop.result(shop.fire("which")) == pid, PATIENCE, every=0.1, what="the worker works again"
    )
    assert ran != pid
    assert (shop.folder / f"tally-{firing}").read_text().split() == [str(ran)]
    assert "late: unbegun=1" in stopped.said
    assert stopped.process.poll() is None
