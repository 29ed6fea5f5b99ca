"""Pools on Redis whose server is late, away, forgetful or old."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil

from skunkqueue.records import State
from tests.acceptance.project_folder import PATIENCE, Pool, ProjectFolder
from tests.acceptance.shop import LONG_LEASE, QUEUE, Shop, gone
from tests.acceptance.test_redis_worker import (
    AS_WRITTEN,
    WITH_NAME_ALONE,
    begun_again,
    complete,
    server,
    shop,
    states,
)
from tests.redis.patience import persistently
from tests.support.redis_sentinel import RedisSentinels
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

__all__ = ["server", "shop"]


def test_its_second_firing_runs_when_its_time_comes(tmp_path: Path, server: RedisServer) -> None:
    with ProjectFolder(tmp_path, SKUNKQUEUE_URL=server.url()) as project:
        project.write("demo.py", WITH_NAME_ALONE.replace("seconds=60", "seconds=1"))
        project.work("-q", "demo", "-r", "foo").ready()

        assert project.run("demo.py").splitlines() == ["result 9", "state complete"]
        eventually(lambda: project.counts() == {"complete": 2}, every=0.2, what="both are complete")


def test_the_redis_modules_default_cfg_works_as_the_seed_imports_it(
    tmp_path: Path, server: RedisServer
) -> None:
    script = AS_WRITTEN.replace("skunkqueue.persistence.sqlite", "skunkqueue.persistence.redis")
    script = script.replace("**default_cfg", f"**{{**default_cfg, 'conn_url': {server.url()!r}}}")
    assert "persistence.redis" in script
    with ProjectFolder(tmp_path, SKUNKQUEUE_URL=server.url()) as project:
        project.write("demo.py", script)
        project.work("-q", "demo", "-r", "foo").ready()

        assert project.run("demo.py").splitlines() == ["result 9", "state complete"]


def test_a_killed_workers_firing_runs_again_long_before_its_lease_ends(shop: Shop) -> None:
    shop.work("--lease", str(LONG_LEASE), "-c", "2", workers=2)
    firing = shop.fire("hold", "go")
    shop.begun(firing)
    holder = shop.record(firing).worker
    (pid,) = [worker.pid for worker in shop.backend.workers() if worker.id == holder]
    (shop.folder / f"begun-{firing}").unlink()

    os.kill(pid, signal.SIGKILL)

    begun_again(shop, firing, PATIENCE)
    shop.touch("go")
    assert shop.result(firing) == 42
    assert (shop.record(firing).deaths, gone(pid)()) == (1, True)


def test_a_killed_pools_firing_runs_again_in_another_within_half_a_minute(shop: Shop) -> None:
    doomed = shop.work()
    firing = shop.fire("hold", "go")
    shop.begun(firing)
    shop.work()
    (shop.folder / f"begun-{firing}").unlink()

    kill_tree(doomed)

    begun_again(shop, firing, 30.0)
    shop.touch("go")
    assert shop.result(firing) == 42


def kill_tree(pool: Pool) -> None:
    """Kill a pool and all that it started, the pool first, so that it replaces nobody."""
    tree = [*psutil.Process(pool.process.pid).children(recursive=True)]
    pool.process.kill()
    pool.process.wait(PATIENCE)
    for process in tree:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    for process in tree:
        eventually(gone(process.pid), PATIENCE, what=f"process {process.pid} is gone")


def test_a_pool_that_starts_before_its_server_works_as_soon_as_that_is_there(
    tmp_path: Path, server: RedisServer
) -> None:
    with Shop(tmp_path, server.url()) as shop:
        firing = shop.fire("add", 1, 2)
        server.kill()
        pool = shop.project.work("-q", QUEUE)
        pool.says("no worker of route 'default' can start now")
        server.start()

        assert shop.result(firing) == 3
        assert pool.said.count("can start now") == 1


def test_a_pool_follows_the_master_that_sentinels_name(
    tmp_path: Path, new_sentinels: Callable[..., RedisSentinels]
) -> None:
    # Of two replicas one is left to confirm what the other, the new master, accepts.
    servers = new_sentinels(replicas=2)
    with Shop(tmp_path, servers.url(replicas="1")) as shop:
        pool = shop.work("-c", "2", workers=2)
        before = [shop.fire("add", 1, number) for number in range(50)]
        held = shop.fire("hold", "go")
        shop.begun(held)

        old = servers.kill_master()
        after = [persistently(lambda: shop.fire("add", 2, number)) for number in range(50)]  # noqa: B023 - at once
        servers.wait_for_new_master(old)
        shop.touch("go")

        everything = [*before, held, *after]
        eventually(complete(shop, everything), PATIENCE, every=0.1, what="all are finished")
        assert states(shop, everything) == {State.COMPLETE}
        assert pool.process.poll() is None


def test_an_idle_pool_goes_on_after_the_server_was_away_for_a_while(shop: Shop, server: RedisServer) -> None:
    pool = shop.work()
    server.kill()
    pool.says("127.0.0.1")

    server.start()

    firing = persistently(lambda: shop.fire("add", 1, 2))
    assert shop.result(firing) == 3
    assert pool.process.poll() is None


def test_a_pool_goes_on_with_a_server_that_has_forgotten_all(shop: Shop, server: RedisServer) -> None:
    pool = shop.work()
    shop.result(shop.fire("add", 1, 1))

    server.flush()

    assert shop.result(shop.fire("add", 1, 2)) == 3
    eventually(lambda: shop.listed() == 1, PATIENCE, what="the worker is listed again")
    assert pool.process.poll() is None


def test_a_pool_works_on_the_oldest_redis(tmp_path: Path, redis62: RedisServer) -> None:
    redis62.flush()
    with Shop(tmp_path, redis62.url()) as shop:
        shop.work("-q", QUEUE)
        firings = [shop.fire("add", number, 1) for number in range(20)]

        assert [shop.result(firing) for firing in firings] == list(range(1, 21))


def test_a_gentle_stop_leaves_no_worker_and_nothing_running(shop: Shop) -> None:
    pool = shop.work("-c", "2", workers=2)
    firings = [shop.fire("add", number, 1) for number in range(100)]

    assert pool.stop() == 0

    assert shop.listed() == 0
    assert State.RUNNING not in states(shop, firings)
