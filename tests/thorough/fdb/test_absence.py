"""A server that is away for a while, or starts again: waiting with pauses, clear errors, nothing lost or done twice."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from skunkqueue.contract.makers import claim, counts, firing, firings, ids, outcome
from skunkqueue.errors import BackendUnavailableError
from skunkqueue.records import FINAL_STATES, State
from tests.acceptance.shop import Shop
from tests.redis.opening import OpenStore
from tests.redis.patience import persistently
from tests.support.fdb_fixtures import NewFdbServer
from tests.support.fdb_proxy import FdbProxy
from tests.support.fdb_server import Engine, FdbServer
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import eventually, pause
from tests.thorough.mongo.load import Load

AWAY = 30.0
LONG = 120.0
ELSEWHERE = 0x0FDB00B080000000
"""The protocol of another release."""


def test_pool_waits_for_a_server_that_is_away_for_half_a_minute(
    tmp_path: Path, new_fdb_server: NewFdbServer, dbname: str
) -> None:
    server = new_fdb_server()
    with Shop(tmp_path, server.url(dbname)) as shop:
        pool = shop.work("-c", "2", workers=2)
        workers = sorted(shop.pids())
        held = shop.fire("hold", "go")
        shop.begun(held)
        before = [shop.fire("add", 1, number) for number in range(5)]

        server.pause()
        shop.touch("go")
        pause(AWAY)
        server.go_on()

        after = [persistently(lambda: shop.fire("add", 2, 3), LONG) for _ in range(5)]
        everything = [*before, held, *after]
        eventually(
            lambda: all(
                one is not None and one.state in FINAL_STATES
                for one in persistently(lambda: shop.backend.get(everything), LONG)
            ),
            LONG,
            every=0.2,
            what="all are finished",
        )
        assert {shop.state(one) for one in everything} == {State.COMPLETE}
        assert pool.process.poll() is None
        eventually(
            lambda: sorted(shop.pids()) == workers, LONG, every=0.2, what="both workers are listed again"
        )


@pytest.mark.parametrize("engine", ["memory", "ssd"])
def test_load_survives_kills_of_its_only_server(
    new_fdb_server: NewFdbServer, config_of: ConfigOf, open_store: OpenStore, engine: Engine
) -> None:
    server = new_fdb_server(engine=engine)
    with Load(
        lambda: open_store(config_of(server.url())), producers=4, lease=2.0, counts_are_kept=True
    ) as load:
        for _ in range(5):
            load.goes_on()
            server.kill()
            server.start()
        load.goes_on()
        load.finish()


def test_load_over_a_line_that_breaks_all_the_time_is_done_once_and_all_of_it(
    fdb_behind_proxy: tuple[FdbServer, FdbProxy], config_of: ConfigOf, open_store: OpenStore
) -> None:
    server, proxy = fdb_behind_proxy
    with Load(
        lambda: open_store(config_of(server.url())), producers=2, lease=2.0, counts_are_kept=True
    ) as load:
        for number in range(30):
            load.goes_on(5)
            if number % 3 == 0:
                proxy.freeze()
                pause(0.2)
            proxy.cut()
            proxy.thaw()
        load.finish()


def test_server_of_another_version_is_told(
    fdb_behind_proxy: tuple[FdbServer, FdbProxy], config_of: ConfigOf, open_store: OpenStore
) -> None:
    server, proxy = fdb_behind_proxy
    store = open_store(config_of(server.url(), timeout="1", retry_for="2"))
    made = firings(2)
    store.enqueue(made)
    proxy.protocol = ELSEWHERE
    try:
        proxy.cut()
        began = time.monotonic()
        with pytest.raises(BackendUnavailableError, match="version"):
            store.enqueue([firing()])
        assert time.monotonic() - began < 20.0
    finally:
        proxy.protocol = None
        proxy.cut()
    assert persistently(lambda: ids(claim(store, 2)), LONG) == ids(made)


def test_what_was_claimed_before_a_restart_is_settled_after_it(
    new_fdb_server: NewFdbServer, config_of: ConfigOf, open_store: OpenStore
) -> None:
    server = new_fdb_server()
    store = open_store(config_of(server.url()))
    store.enqueue(firings(5))
    lent = claim(store, 5, lease=120.0)
    server.kill()
    server.start()
    assert persistently(lambda: store.settle([outcome(one) for one in lent]), LONG) == []
    assert counts(store) == {State.COMPLETE: 5}
