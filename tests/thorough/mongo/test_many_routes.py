"""Housekeeping over many routes: a sweep, which holds up the thread that keeps leases, makes few requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pymongo.database import Database

from skunkqueue.clock import VirtualClock
from skunkqueue.config import open_backend
from skunkqueue.contract.makers import QUEUE, firing
from skunkqueue.persistence.backend import Backend
from tests.support.mongo_fixtures import MongoConfigOf, NewMongoProxy
from tests.support.mongo_proxy import MongoProxy
from tests.support.mongo_server import Document, MongoServer

ROUTES = 300
AN_HOUR = 3_601.0


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def proxy(mongod: MongoServer, new_mongo_proxy: NewMongoProxy) -> MongoProxy:
    return new_mongo_proxy(mongod)


@pytest.fixture
def store(
    mongod: MongoServer, mongo_config_of: MongoConfigOf, proxy: MongoProxy, clock: VirtualClock
) -> Iterator[Backend]:
    opened = open_backend(mongo_config_of(mongod, mongod.url(port=proxy.port)), clock=clock)
    opened.enqueue([firing(route=f"route {number}") for number in range(ROUTES)])
    yield opened
    opened.close()


@pytest.fixture
def inside(mongod: MongoServer, dbname: str) -> Database[Document]:
    return mongod.client()[dbname]


def test_a_sweep_makes_fewer_requests_than_there_are_routes(store: Backend, proxy: MongoProxy) -> None:
    proxy.commands.clear()
    store.sweep()

    assert proxy.commands.total() < ROUTES


def test_samples_are_taken_of_every_route_once(store: Backend, clock: VirtualClock) -> None:
    assert store.sample() == ROUTES
    assert store.sample() == 0
    now = clock.now()
    for hours in (False, True):
        read = store.counters([(QUEUE, "route 7")], now - 3_600, now + 60, hours=hours)
        assert [one.values["pending"] for one in read if "pending" in one.values] == [1]


def test_sweeps_come_to_every_route_once_an_hour(
    store: Backend, clock: VirtualClock, inside: Database[Document]
) -> None:
    for _ in range(2):
        clock.advance(AN_HOUR)
        for _ in range(ROUTES):
            store.sweep()
            if not inside.routes.count_documents({"counted": {"$not": {"$gt": clock.now() - AN_HOUR}}}):
                break
        assert not inside.routes.count_documents({"counted": {"$ne": clock.now()}})
