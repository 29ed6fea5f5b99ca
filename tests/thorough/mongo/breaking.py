"""A store that is reached in two ways: directly, and over a line that a test breaks; and what is done over it."""

from __future__ import annotations

import inspect
from contextlib import ExitStack, closing

from skunkqueue.clock import Clock
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.mongodb.backend import MongoBackend
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_proxy import MongoProxy
from tests.support.mongo_server import MongoServer
from tests.thorough.mongo import operations, operations_of_schedules
from tests.thorough.mongo.operations import Prepare

PROMISES: list[Prepare] = [
    found
    for module in (operations, operations_of_schedules)
    for _, found in inspect.getmembers(module, inspect.isfunction)
    if found.__module__ == module.__name__ and inspect.signature(found).return_annotation == "Operation"
]
KEPT = {"meta", "bells"}
"""Collections that are not emptied: the store's own, and one that cannot be."""


class Line:
    """A store on one server, opened again and again: directly, and over the line."""

    def __init__(self, server: MongoServer, proxy: MongoProxy, config_of: MongoConfigOf) -> None:
        self.proxy = proxy
        self._server = server
        self._config_of = config_of

    def fresh(self, stack: ExitStack, clock: Clock, **options: str) -> tuple[Backend, Backend]:
        """Empty the store, and open it twice: directly, and over the line."""
        config = self._config_of(self._server)
        far_config = self._config_of(self._server, self._server.url(port=self.proxy.port), **options)
        database = self._server.client()[config.dbname]
        for name in set(database.list_collection_names()) - KEPT:
            database[name].delete_many({})
        near = stack.enter_context(closing(MongoBackend.open(config, clock=clock)))
        far = stack.enter_context(closing(MongoBackend.open(far_config, clock=clock)))
        return near, far

    def count(self, collection: str) -> int:
        """Count the documents of a collection."""
        database = self._server.client()[self._config_of(self._server).dbname]
        return database[collection].count_documents({})

    def left_over(self) -> dict[str, int]:
        """Count fields that no firing keeps for long, and staged batches."""
        database = self._server.client()[self._config_of(self._server).dbname]
        final = {"finished": {"$exists": True}}
        idle = {"state": {"$ne": "running"}}
        return {
            "owed": database.firings.count_documents({"owed": {"$exists": True}}),
            "outbox": database.firings.count_documents({"outbox": {"$exists": True}}),
            "key": database.firings.count_documents({**final, "held_key": {"$exists": True}}),
            "lease": database.firings.count_documents({**idle, "lease": {"$exists": True}}),
            "parcels": database.parcels.count_documents({"head": {"$exists": False}}),
        }
