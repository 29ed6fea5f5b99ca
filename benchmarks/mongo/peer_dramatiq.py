"""Dramatiq, with the broker and results of dramatiq-mongodb."""

from __future__ import annotations

from typing import Any

import dramatiq  # type: ignore[import-not-found, unused-ignore]  # as dramatiq_mongodb
from dramatiq.results import Results  # type: ignore[import-not-found, unused-ignore]  # as dramatiq_mongodb
from dramatiq_mongodb import (  # type: ignore[import-not-found, unused-ignore]  # an environment of its own
    MongoDBBackend,
    MongoDBBroker,
)
from pymongo import MongoClient

from benchmarks.mongo.peer import Peer, many, url

db: MongoClient[dict[str, Any]] = MongoClient(url())
broker: Any = MongoDBBroker(database=db["dramatiq"])
broker.add_middleware(Results(backend=MongoDBBackend(database=db["dramatiq"])))
dramatiq.set_broker(broker)


def _noop(number: int) -> int:
    return number


noop: Any = dramatiq.actor(_noop, actor_name="noop", store_results=True)


class Adapter(Peer):
    """Dramatiq."""

    title = "Dramatiq"
    distributions = ("dramatiq-mongodb", "dramatiq", "pymongo")
    settings = "one process of 8 threads (the default; one thread is slower)"
    # It makes no index, so each message it takes costs a scan of all there are: more would only be slower.
    jobs = 1_000
    pause = 1.0

    def worker(self) -> list[str]:
        """Start the command line with one process."""
        return ["-m", "dramatiq", "benchmarks.mongo.peer_dramatiq", "-p", "1", "-t", "8", "--skip-logging"]

    def fill(self, count: int) -> None:
        """Send from threads."""
        many(noop.send, count)

    def stored(self) -> int:
        """Count what is done and has a result."""
        return db["dramatiq"]["default"].count_documents({"state": "DONE", "result": {"$exists": True}})

    def close(self) -> None:
        """Disconnect."""
        db.close()
