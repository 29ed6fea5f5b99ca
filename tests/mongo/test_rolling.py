"""Versions of SkunkQueue that stand beside each other on one store, while a deploy goes on."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient

from skunkqueue.contract.makers import LEASE, worker
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
