"""Versions of SkunkQueue that stand beside each other on one store, while a deploy goes on."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient

from skunkqueue.contract.makers import LEASE, claim, firing, ids, outcome, rows_of, worker
from skunkqueue.persistence.mongodb import schema
from skunkqueue.records import WorkerRecord
from tests.mongo.opening import OpenStore
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_server import MongoServer

FIRST = {"queue", "route", "pool", "host", "pid", "started", "state", "current", "done", "rss", "version"}
"""What the first version reads of a worker; anything else there ends it."""


def test_first_version_can_list_todays_workers_and_todays_can_list_those_of_newer_ones(
    mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore
) -> None:
    config = mongo_config_of(mongod)
    backend = open_store(config)
    said = worker(running=("a" * 24, "b" * 24))
    backend.register(said, LEASE)
    client: MongoClient[dict[str, Any]] = mongod.client()
    workers = client[config.dbname].workers
    (document,) = workers.find()
    assert set(document["said"]) == FIRST

    workers.update_one({}, {"$set": {"said.future": 1}})
    (found,) = backend.workers()
    assert isinstance(found, WorkerRecord)
    assert found.running == said.running


def test_what_a_firing_fired_is_found_in_a_store_that_lacks_the_indexes_for_it(
    mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore
) -> None:
    config = mongo_config_of(mongod)
    before = open_store(config)
    made = [firing(parent="f" * 24) for _ in range(3)]
    before.enqueue([*made, firing()])
    lent = claim(before, 2)
    before.settle([outcome(lent[0])])
    client: MongoClient[dict[str, Any]] = mongod.client()
    database = client[config.dbname]
    for name in (schema.PARENTS, schema.PENDING_PARENTS):
        database.firings.drop_index(name)
    database.meta.update_one({"_id": "store"}, {"$set": {"layout": 3}})

    after = open_store(config)

    assert ids(rows_of(after, parent="f" * 24, newest=False)) == ids(made)
