"""Workers as listed: those of the version before, which told of one route only."""

from __future__ import annotations

from contextlib import closing

from skunkqueue.clock import VirtualClock
from skunkqueue.config import open_backend
from skunkqueue.contract.makers import QUEUE, worker
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_server import MongoServer


def test_a_worker_listed_by_the_version_before_listens_on_its_one_route(
    mongod: MongoServer, mongo_config_of: MongoConfigOf, dbname: str
) -> None:
    with closing(open_backend(mongo_config_of(mongod), clock=VirtualClock())) as store:
        store.register(worker(route="x"), 60.0)
        mongod.client()[dbname].workers.update_many({}, {"$unset": {"routes": True}})

        (record,) = store.workers(QUEUE, "x")
        assert record.routes == ("x",)
        assert store.workers(QUEUE, "y") == []
