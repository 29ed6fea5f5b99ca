"""Pools and their commands on Redis: what holds of any store, and what holds while the server is away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from skunkqueue.control import Control
from skunkqueue.records import State
from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import Shop, ended, gone
from tests.acceptance.test_pool_commands import *  # noqa: F403 - the same tests, on another store
from tests.acceptance.test_pool_commands import carried_out, heard, listed
from tests.redis.patience import persistently
from tests.support.redis_fixtures import NewServer
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually


@pytest.fixture
def server(new_server: NewServer) -> RedisServer:
    return new_server(persistence="aof")


@pytest.fixture
def shop(tmp_path: Path, server: RedisServer) -> Iterator[Shop]:
    with Shop(tmp_path, server.url()) as made:
        yield made


def test_a_pool_whose_server_is_away_hears_signals_and_replaces_workers(
    shop: Shop, server: RedisServer
) -> None:
    pool = shop.work()
    (before,) = listed(shop).processes
    server.kill()

    psutil.Process(before.pid).kill()
    pool.says("can start now")
    eventually(gone(before.pid), PATIENCE, what="the worker is reaped")
    assert pool.stop() == 0


def test_a_pool_is_listed_and_obeys_again_once_its_server_is_back(
    shop: Shop, server: RedisServer, control: Control
) -> None:
    shop.work()
    pool = listed(shop)
    server.kill()
    server.start()

    persistently(shop.backend.now)
    eventually(lambda: [one.id for one in shop.backend.pools()] == [pool.id], PATIENCE, what="it is listed")
    assert carried_out(control, control.quiet_pool(pool.id)) == "told 1 worker to begin nothing more"
    firing = shop.fire("add", 1, 2)
    carried_out(control, control.resume_pool(pool.id))
    assert shop.result(firing) == 3


def test_a_pool_that_the_server_has_forgotten_lists_itself_again(
    shop: Shop, server: RedisServer, control: Control
) -> None:
    pool = shop.work()
    before = listed(shop)

    server.flush()

    assert listed(shop).id == before.id
    entry = control.stop_pool(before.id)
    heard(control, entry)
    assert ended(pool) == 0


def test_a_worker_is_killed_by_its_pool_though_the_server_is_away(
    shop: Shop, server: RedisServer, control: Control
) -> None:
    shop.work("--grace", "0.5")
    listed(shop)
    firing = shop.fire("in_c")
    shop.begun(firing)
    (pid,) = shop.pids()
    heard(control, control.stop_worker(shop.backend.workers()[0].id, rough=True))

    server.kill()
    eventually(gone(pid), PATIENCE, what="the worker is killed")
    server.start()

    assert persistently(lambda: shop.settled(firing)).state is State.KILLED
