"""Runs of many schedules that are settled together: none of them costs a request of its own."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skunkqueue.contract.makers import QUEUE, claim, declared, firing, outcome, refire
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Claim
from tests.mongo.opening import OpenStore
from tests.support.mongo_fixtures import MongoConfigOf, NewMongoProxy
from tests.support.mongo_proxy import MongoProxy
from tests.support.mongo_server import MongoServer
from tests.support.server_process import HOST
from tests.support.waiting import eventually

NAMES = [f"s{number}" for number in range(40)]
AWAY = ("hello", "ping", "getMore")
"""What the client asks by itself, and what waits."""


@pytest.fixture
def proxy(mongod: MongoServer, new_mongo_proxy: NewMongoProxy) -> MongoProxy:
    return new_mongo_proxy(mongod)


@pytest.fixture
def store(
    mongod: MongoServer, proxy: MongoProxy, mongo_config_of: MongoConfigOf, open_store: OpenStore
) -> Backend:
    url = f"mongodb://{HOST}:{proxy.port}/?directConnection=true"
    return open_store(replace(mongo_config_of(mongod), url=url, options={}))


def requests_of_running(store: Backend, proxy: MongoProxy, names: list[str]) -> int:
    """Run schedules once, all together; tell how many requests their settling takes."""
    made = {armed.id: found for found, armed in (declared(store, name) for name in names)}
    lent: list[Claim] = []

    def claimed() -> bool:
        # The store's clock may be a moment behind what it has just been told.
        lent.extend(claim(store, len(names)))
        return len(lent) == len(names)

    eventually(claimed)
    outcomes = [outcome(one, refire=refire(one, made[one.id], firing(delay=3600.0))) for one in lent]
    before = proxy.commands.copy()
    assert store.settle(outcomes) == []
    asked = proxy.commands - before
    assert [found.runs for found in store.get_schedules(QUEUE, names) if found] == [1] * len(names)
    return sum(n for name, n in asked.items() if name not in AWAY)


def test_runs_settled_together_take_no_request_each(store: Backend, proxy: MongoProxy) -> None:
    requests_of_running(store, proxy, ["warm-up"])
    alone = requests_of_running(store, proxy, ["alone"])
    # Threads of the store ask for something now and then.
    assert requests_of_running(store, proxy, NAMES) < alone + len(NAMES) // 2
