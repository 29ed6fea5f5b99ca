"""The store's time after recoveries of a real server, which is killed and started again."""

from __future__ import annotations

import time

import pytest

from skunkqueue.contract.makers import firing
from skunkqueue.persistence.backend import Backend
from tests.redis.opening import OpenStore
from tests.redis.patience import persistently
from tests.support.fdb_fixtures import NewFdbServer
from tests.support.fdb_server import FdbServer
from tests.support.store_fixtures import ConfigOf

ABOUT = 30.0
"""Seconds by which times may differ that are the same: much less than the hundred by which versions jump."""
LONG = 120.0


def recover(server: FdbServer) -> None:
    server.kill()
    server.start()


def use(store: Backend) -> None:
    assert persistently(lambda: store.enqueue([firing()]), LONG)


def test_who_missed_a_recovery_does_not_take_the_next_for_time(
    new_fdb_server: NewFdbServer, config_of: ConfigOf, open_store: OpenStore
) -> None:
    server = new_fdb_server()
    config = config_of(server.url())
    store, away = open_store(config), open_store(config)
    recover(server)
    use(store)
    recover(server)
    for one in (away, store):
        use(one)
        assert one.now() == pytest.approx(time.time(), abs=ABOUT)


def test_who_opens_the_store_after_a_recovery_that_nobody_saw_goes_by_its_machine(
    new_fdb_server: NewFdbServer, config_of: ConfigOf, open_store: OpenStore
) -> None:
    server = new_fdb_server()
    config = config_of(server.url())
    use(open_store(config))
    recover(server)
    for one in (open_store(config), open_store(config)):
        use(one)
        assert one.now() == pytest.approx(time.time(), abs=ABOUT)
